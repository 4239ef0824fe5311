//! What Redis does for a page of messages, however long they are and however many ask.

use crate::suite::harness::*;
use session_service::{
    domain::{Span, limits::MESSAGE_CONTENT_MAX_BYTES},
    store::{Policy, redis::RedisStore},
};
use std::sync::Arc;
use testkit::RedisServer;
use tokio::task::JoinSet;

const MESSAGES: usize = 100;

/// A session "a" of 100 messages that are as long as they may be, of this character.
async fn long_session(character: &str) -> (RedisServer, Store) {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::at(&server.url(), Policy::default()).unwrap());
    store.make("a").await;
    let content = character.repeat(MESSAGE_CONTENT_MAX_BYTES);
    for _ in 0..MESSAGES / 25 {
        store.say("a", &[content.as_str(); 25]).await.unwrap();
    }
    (server, store)
}

#[tokio::test]
async fn a_script_reads_little_more_than_it_answers() {
    // A control character is six bytes of JSON. The script reads 16 messages at a time.
    for (character, answered, reads) in [("x", 31, 2), ("\u{1}", 5, 1)] {
        let (server, store) = long_session(character).await;
        for span in [Span::Before(101), Span::Before(60)] {
            server.ask(&["CONFIG", "RESETSTAT"]);
            let history = store.read("a", page(span, 100)).await.unwrap();
            assert_eq!(history.messages.len(), answered);
            let stats = server.ask(&["INFO", "commandstats"]);
            let lrange = stats.lines().find(|line| line.starts_with("cmdstat_lrange:")).unwrap();
            assert!(lrange.contains(&format!("calls={reads},")), "{answered} answered: {lrange}");
        }
    }
}

#[tokio::test]
async fn a_page_too_many_goes_by_the_script() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::at(&server.url(), Policy::default()).unwrap());
    store.make("a").await;
    store.say("a", &["hello"; MESSAGES]).await.unwrap();
    let newest = store.read("a", page(Span::Newest, 100)).await.unwrap();
    for (readers, by_script) in [(64, false), (100, true)] {
        server.ask(&["CONFIG", "RESETSTAT"]);
        let mut pages = JoinSet::new();
        for _ in 0..readers {
            let store = store.clone();
            pages.spawn(async move { store.read("a", page(Span::Newest, 100)).await.unwrap() });
        }
        assert!(pages.join_all().await.iter().all(|read| *read == newest));
        let stats = server.ask(&["INFO", "commandstats"]);
        assert_eq!(stats.contains("cmdstat_evalsha"), by_script, "{readers} readers: {stats}");
    }
}
