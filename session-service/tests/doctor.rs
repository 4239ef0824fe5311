//! The doctor: what it finds fine, what it finds wrong, and what it mends.

use crate::suite::harness::*;
use session_service::{
    doctor::{Report, examine},
    domain::Span,
    store::{
        Policy,
        redis::{RedisSettings, RedisStore, RedisUrl},
    },
};
use std::sync::Arc;
use testkit::{RedisCluster, RedisServer};

async fn report(url: &str, repair: bool) -> Report {
    examine(&RedisSettings::at(RedisUrl::parse(url).unwrap()), Policy::default(), 10_000, repair).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_store_is_fine_and_left_as_it_was() {
    let server = RedisServer::start_durable();
    let store: Store = Arc::new(RedisStore::at(&server.url(), Policy::default()).unwrap());
    store.make("a").await;
    store.say("a", &["hello"]).await.unwrap();
    let before = server.ask(&["KEYS", "session:*"]);
    let report = report(&server.url(), false).await;
    assert_eq!(report.wrong, 0, "{}", report.text);
    for sentence in [
        "fine    the store answers, in ",
        "fine    the server is ",
        "advice  the server is a primary without replicas",
        "fine    the server keeps what it has, and evicts nothing",
        "off the store's, which alone counts",
        "fine    every call works",
        "sessions agree (all there are)",
    ] {
        assert!(report.text.contains(sentence), "{sentence:?} is not in\n{}", report.text);
    }
    assert_eq!(server.ask(&["KEYS", "session:*"]), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_agree_is_named_and_mended_when_asked() {
    let server = RedisServer::start_durable();
    let store: Store = Arc::new(RedisStore::at(&server.url(), Policy::default()).unwrap());
    for name in ["count", "endless", "unlisted", "fine"] {
        store.make(name).await;
        store.say(name, &["one", "two"]).await.unwrap();
    }
    server.ask(&["HSET", "session:{count}", "message_count", "7"]);
    server.ask(&["PERSIST", "chat_history:{endless}"]);
    server.ask(&["ZREM", "session_index:{:}", "unlisted"]);
    server.ask(&["RPUSH", "chat_history:{ghost}", "{}"]);
    server.ask(&["SET", "chat_history:{spirit}", "foreign"]);
    let score = server.ask(&["TIME"]).lines().nth(2).unwrap().parse::<u64>().unwrap() * 1000 + 3_000_000;
    server.ask(&["ZADD", "session_index:{:}", &score.to_string(), "empty"]);
    let wrong = [
        "session:{count}: message_count is 7 and there are 2 messages",
        "session:{endless}: the messages would not end with the session",
        "session:{unlisted}: it is not in its owner's list",
        "session:{ghost}: 1 messages without a session",
        "session:{spirit}: 1 messages without a session",
        "session:{empty}: its owner's list names it, and it is not there",
    ];
    for repair in [false, true] {
        let report = report(&server.url(), repair).await;
        assert_eq!(report.wrong, if repair { 0 } else { wrong.len() }, "{}", report.text);
        for sentence in wrong {
            let kind = if repair { "fine    mended: " } else { "wrong   " };
            assert!(
                report.text.contains(&format!("{kind}{sentence}")),
                "{sentence} is not in\n{}",
                report.text
            );
        }
    }
    let healed = report(&server.url(), false).await;
    assert_eq!(healed.wrong, 0, "{}", healed.text);
    assert_eq!(store.first_page(10).await.sessions.len(), 4);
    assert_eq!(store.read("count", page(Span::Newest, 10)).await.unwrap().message_count, 2);
    assert!(!server.ask(&["PTTL", "chat_history:{endless}"]).contains('-'));
    server.ask(&["HDEL", "session:{fine}", "message_count"]);
    let damaged = report(&server.url(), true).await;
    assert_eq!(damaged.wrong, 1, "{}", damaged.text);
    assert!(
        damaged.text.contains("wrong   session:{fine}: the record lacks message_count"),
        "{}",
        damaged.text
    );
    store.remove("fine").await.unwrap();
    assert_eq!(report(&server.url(), false).await.wrong, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_looked_over_node_by_node() {
    let cluster = RedisCluster::start();
    let store: Store = Arc::new(RedisStore::at(&cluster.url(), Policy::default()).unwrap());
    while store.time().await.is_err() {}
    for n in 0..30 {
        store.make(&n.to_string()).await;
    }
    let index = cluster.primary_of("session_index:{:}");
    cluster.node(index).ask(&["ZREM", "session_index:{:}", "7"]);
    let found = report(&cluster.url(), false).await;
    assert_eq!(found.wrong, 1, "{}", found.text);
    assert!(found.text.contains("session:{7}: it is not in its owner's list"), "{}", found.text);
    for node in 0..3 {
        assert!(found.text.contains(&cluster.node(node).port().to_string()), "{}", found.text);
    }
    assert_eq!(report(&cluster.url(), true).await.wrong, 0);
    assert_eq!(store.first_page(100).await.sessions.len(), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_reached_or_done_is_said_in_words() {
    let server = RedisServer::start();
    server.ask(&["ACL", "SETUSER", "nono", "on", ">secret", "~*", "+@all", "-zadd"]);
    let url = format!("redis://nono:secret@127.0.0.1:{}", server.port());
    let denied = report(&url, false).await;
    assert_eq!(denied.wrong, 1, "{}", denied.text);
    assert!(denied.text.contains("wrong   Create does not work: "), "{}", denied.text);
    // Redis says the one, Valkey the other.
    let causes = ["can't run this command", "no permissions"];
    assert!(causes.iter().any(|cause| denied.text.contains(cause)), "{}", denied.text);
    assert!(denied.text.contains("set appendonly to yes"), "{}", denied.text);
    let absent = report("redis://127.0.0.1:1", false).await;
    assert_eq!(absent.wrong, 1);
    assert!(absent.text.contains("check the address"), "{}", absent.text);
}
