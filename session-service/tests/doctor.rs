//! Reports and repairs of the doctor.

use crate::suite::harness::*;
use session_service::{
    doctor::{self, Report},
    domain::{HistoryRange, Owner},
    store::{
        Policy, SessionStore,
        redis::{RedisSettings, RedisStore, RedisUrl},
    },
};
use std::sync::Arc;
use testkit::{RedisCluster, RedisServer};

async fn report(url: &str, repair: bool) -> Report {
    doctor::run(&RedisSettings::from_url(RedisUrl::parse(url).unwrap()), Policy::default(), 10_000, repair)
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_reports_no_error_and_changes_nothing_in_a_healthy_store() {
    let server = RedisServer::start_durable();
    let store: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    store.create_session("a").await;
    store.append_texts("a", &["hello"]).await.unwrap();
    let before = server.ask(&["KEYS", "session:*"]);
    let report = report(&server.url(), false).await;
    assert_eq!(report.errors, 0, "{}", report.text);
    for sentence in [
        "ok      the store is reachable; it responded in ",
        "ok      the server is ",
        "warn    the server is a primary without replicas",
        "ok      the server has persistence and does not evict sessions",
        "off the store's, which determines expiry",
        "ok      all calls work",
        "ok      owners with sessions: 1; sessions of an owner: 1 at most, 1 in the median (all of them)",
        "sessions are consistent (all of them)",
    ] {
        assert!(report.text.contains(sentence), "{sentence:?} is not in\n{}", report.text);
    }
    assert_eq!(server.ask(&["KEYS", "session:*"]), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_reports_inconsistencies_and_repairs_them_on_request() {
    let server = RedisServer::start_durable();
    let store: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    for name in ["count", "endless", "unlisted", "fine"] {
        store.create_session(name).await;
        store.append_texts(name, &["one", "two"]).await.unwrap();
    }
    server.ask(&["HSET", "session:{count}", "message_count", "7"]);
    server.ask(&["PERSIST", "chat_history:{endless}"]);
    server.ask(&["ZREM", "session_index:{:}", "unlisted"]);
    server.ask(&["RPUSH", "chat_history:{ghost}", "{}"]);
    server.ask(&["SET", "chat_history:{spirit}", "foreign"]);
    let score = server.ask(&["TIME"]).lines().nth(2).unwrap().parse::<u64>().unwrap() * 1000 + 3_000_000;
    server.ask(&["ZADD", "session_index:{:}", &score.to_string(), "empty"]);
    let wrong = [
        "session:{count}: message_count is 7, and there are 2 messages",
        "session:{endless}: the messages would not expire with the session",
        "session:{unlisted}: it is not in its owner's list",
        "session:{ghost}: 1 messages without a session",
        "session:{spirit}: 1 messages without a session",
        "session:{empty}: its owner's list contains it, and it does not exist",
    ];
    for repair in [false, true] {
        let report = report(&server.url(), repair).await;
        assert_eq!(report.errors, if repair { 0 } else { wrong.len() }, "{}", report.text);
        for sentence in wrong {
            let kind = if repair { "ok      repaired: " } else { "error   " };
            assert!(
                report.text.contains(&format!("{kind}{sentence}")),
                "{sentence} is not in\n{}",
                report.text
            );
        }
    }
    let healed = report(&server.url(), false).await;
    assert_eq!(healed.errors, 0, "{}", healed.text);
    assert_eq!(store.list_first_page(10).await.sessions.len(), 4);
    assert_eq!(store.read_history("count", page(HistoryRange::Latest, 10)).await.unwrap().message_count, 2);
    assert!(!server.ask(&["PTTL", "chat_history:{endless}"]).contains('-'));
    server.ask(&["HDEL", "session:{fine}", "message_count"]);
    let damaged = report(&server.url(), true).await;
    assert_eq!(damaged.errors, 1, "{}", damaged.text);
    assert!(
        damaged.text.contains("error   session:{fine}: the record lacks message_count"),
        "{}",
        damaged.text
    );
    store.delete_session("fine").await.unwrap();
    assert_eq!(report(&server.url(), false).await.errors, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_counts_owners_and_names_none() {
    let server = RedisServer::start_durable();
    let store = RedisStore::from_url(&server.url(), Policy::default()).unwrap();
    for (owner, sessions) in [("browser:alice", 3), ("bob@example.org", 1)] {
        for n in 0..sessions {
            store.create(&Owner::named(owner), &new(&format!("s{n}"))).await.unwrap();
        }
    }
    let healthy = report(&server.url(), false).await;
    let counts = "owners with sessions: 2; sessions of an owner: 3 at most, 1 in the median (all of them)";
    assert!(healthy.errors == 0 && healthy.text.contains(counts), "{}", healthy.text);
    for command in [
        &["HSET", "session:{browser%3Aalice:s0}", "message_count", "7"][..],
        &["HDEL", "session:{browser%3Aalice:s1}", "created_at"],
        &["RPUSH", "chat_history:{bob@example.org:ghost}", "{}"],
        &["ZADD", "session_index:{browser%3Aalice:}", "-1e300", "s2"],
        &["ZADD", "session_index:{browser%3Aalice:}", "1", "foreign\n"],
        &["SET", "session_moves:{bob@example.org:}", "x"],
        &["HSET", "session_listing:{browser%3Aalice:}", "since", "x"],
        &["SET", "session:{browser:alice:s0}", "foreign"],
    ] {
        assert!(!server.ask(command).starts_with('-'), "{command:?}");
    }
    for repair in [false, true] {
        let damaged = report(&server.url(), repair).await;
        for key in ["session:{*:s0}", "session:{*:s1}", "session:{*:ghost}", "session_moves:{*:}"] {
            assert!(damaged.text.contains(&format!("{key}: ")), "{key} is not in\n{}", damaged.text);
        }
        for name in ["alice", "bob", "browser", "example.org"] {
            assert!(!damaged.text.contains(name), "{name} is in\n{}", damaged.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_checks_all_nodes_of_a_cluster() {
    let cluster = RedisCluster::start();
    let store: Store = Arc::new(RedisStore::from_url(&cluster.url(), Policy::default()).unwrap());
    while store.time().await.is_err() {}
    for n in 0..30 {
        store.create_session(&n.to_string()).await;
    }
    let index = cluster.primary_of("session_index:{:}");
    cluster.node(index).ask(&["ZREM", "session_index:{:}", "7"]);
    let found = report(&cluster.url(), false).await;
    assert_eq!(found.errors, 1, "{}", found.text);
    assert!(found.text.contains("session:{7}: it is not in its owner's list"), "{}", found.text);
    for node in 0..3 {
        assert!(found.text.contains(&cluster.node(node).port().to_string()), "{}", found.text);
    }
    assert_eq!(report(&cluster.url(), true).await.errors, 0);
    assert_eq!(store.list_first_page(100).await.sessions.len(), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_reports_unreachable_stores_and_missing_permissions() {
    let server = RedisServer::start();
    server.ask(&["ACL", "SETUSER", "nono", "on", ">secret", "~*", "+@all", "-zadd"]);
    let url = format!("redis://nono:secret@127.0.0.1:{}", server.port());
    let denied = report(&url, false).await;
    assert_eq!(denied.errors, 1, "{}", denied.text);
    assert!(denied.text.contains("error   Create does not work: "), "{}", denied.text);
    // The wording of Redis, and that of Valkey.
    let causes = ["can't run this command", "no permissions"];
    assert!(causes.iter().any(|cause| denied.text.contains(cause)), "{}", denied.text);
    assert!(denied.text.contains("set appendonly to yes"), "{}", denied.text);
    let absent = report("redis://127.0.0.1:1", false).await;
    assert_eq!(absent.errors, 1);
    assert!(
        absent.text.contains("127.0.0.1:1 refuses connections: check that Redis runs there"),
        "{}",
        absent.text
    );
}
