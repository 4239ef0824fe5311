//! Cost of pages of long messages for Redis.

use crate::suite::harness::*;
use session_service::{
    domain::{HistoryRange, limits::MESSAGE_CONTENT_MAX_BYTES},
    store::{Policy, redis::RedisStore},
};
use std::sync::Arc;
use testkit::RedisServer;
use tokio::task::JoinSet;

const MESSAGES: usize = 100;

/// Creates a session "a" with 100 messages of maximum length that consist of this character.
async fn long_session(character: &str) -> (RedisServer, Store) {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    store.create_session("a").await;
    let content = character.repeat(MESSAGE_CONTENT_MAX_BYTES);
    for _ in 0..MESSAGES / 25 {
        store.append_texts("a", &[content.as_str(); 25]).await.unwrap();
    }
    (server, store)
}

#[tokio::test]
async fn the_script_reads_little_more_than_it_returns() {
    // A control character takes six bytes in JSON. The script reads 16 messages at a time.
    for (character, answered, reads) in [("x", 31, 2), ("\u{1}", 5, 1)] {
        let (server, store) = long_session(character).await;
        for span in [HistoryRange::Before(101), HistoryRange::Before(60)] {
            server.ask(&["CONFIG", "RESETSTAT"]);
            let history = store.read_history("a", page(span, 100)).await.unwrap();
            assert_eq!(history.messages.len(), answered);
            let stats = server.ask(&["INFO", "commandstats"]);
            let lrange = stats.lines().find(|line| line.starts_with("cmdstat_lrange:")).unwrap();
            assert!(lrange.contains(&format!("calls={reads},")), "{answered} answered: {lrange}");
        }
    }
}

#[tokio::test]
async fn pages_beyond_the_limit_are_read_by_script() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    store.create_session("a").await;
    store.append_texts("a", &["hello"; MESSAGES]).await.unwrap();
    let newest = store.read_history("a", page(HistoryRange::Latest, 100)).await.unwrap();
    for (readers, by_script) in [(64, false), (100, true)] {
        server.ask(&["CONFIG", "RESETSTAT"]);
        let mut pages = JoinSet::new();
        for _ in 0..readers {
            let store = store.clone();
            pages.spawn(
                async move { store.read_history("a", page(HistoryRange::Latest, 100)).await.unwrap() },
            );
        }
        assert!(pages.join_all().await.iter().all(|read| *read == newest));
        let stats = server.ask(&["INFO", "commandstats"]);
        assert_eq!(stats.contains("cmdstat_evalsha"), by_script, "{readers} readers: {stats}");
    }
}
