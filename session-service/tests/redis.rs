//! Guarantees specific to Redis: keys, round trips and failures.

use crate::{faults::check::keys, suite::harness::*};
use session_service::{
    domain::{HistoryRange, Owner},
    store::{ListPage, Policy, StoreError, redis::RedisStore},
};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use testkit::{Proxy, RedisServer, Stopwatch};
use tokio::task::JoinSet;

/// Maximum duration of a call during every fault.
const LONGEST_CALL: Duration = Duration::from_millis(1500);
/// Session TTL in tests of expiry. All calls before the expiry must fit in, even on a busy machine.
const SHORT_TTL: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(50);

const HOUR: Duration = Duration::from_secs(3600);

fn store_at(port: u16, policy: Policy) -> Store {
    Arc::new(RedisStore::from_url(&format!("redis://127.0.0.1:{port}"), policy).unwrap())
}

fn hour_at(port: u16) -> Store {
    store_at(port, Policy::default())
}

fn integer(reply: &str) -> i64 {
    reply.trim().trim_start_matches(':').parse().unwrap()
}

#[tokio::test]
async fn records_have_a_ttl_unless_it_is_an_hour() {
    let server = RedisServer::start();
    let hour = hour_at(server.port());
    let longer = store_at(server.port(), Policy { session_ttl: 2 * HOUR, ..Policy::default() });
    let ttl = || server.ask(&["HGET", "session:{a}", "ttl"]);
    let lives_for = async |lifetime: Duration| {
        let session = hour.get_session("a").await.unwrap();
        assert_eq!(session.expires_at, session.last_activity.after(lifetime));
        let expires_at = i64::try_from(session.expires_at.as_millis()).unwrap();
        assert_eq!(integer(&server.ask(&["PEXPIRETIME", "session:{a}"])), expires_at);
        assert_eq!(user_ids(&hour.list_first_page(1).await.sessions), ["a"]);
    };
    longer.create_session("a").await;
    assert_eq!(ttl(), "$7\r\n7200000\r\n");
    lives_for(2 * HOUR).await;
    hour.append_texts("a", &["hello"]).await.unwrap();
    assert_eq!(ttl(), "$-1\r\n");
    lives_for(HOUR).await;
    longer.touch_session("a").await.unwrap();
    lives_for(2 * HOUR).await;
    hour.delete_session("a").await.unwrap();
    hour.create_session("a").await;
    assert_eq!(ttl(), "$-1\r\n");
    lives_for(HOUR).await;
}

#[tokio::test]
async fn all_keys_are_documented_and_expire() {
    let server = RedisServer::start();
    let store = hour_at(server.port());
    let session = store.create_session("a{b}:c%").await;
    store.create_session("other").await;
    let said = store.append_texts_with_id("a{b}:c%", &["hello"], "r").await.unwrap();
    let first = store.list_first_page(1).await;
    store.touch_session("other").await.unwrap();
    store.list_next_page(1, &first).await;
    let expires_at = i64::try_from(said.session.expires_at.as_millis()).unwrap();

    let documented = [
        ("chat_history:{a%7Bb%7D%3Ac%25}", "list"),
        ("session:{a%7Bb%7D%3Ac%25}", "hash"),
        ("session:{other}", "hash"),
        ("session_index:{:}", "zset"),
        ("session_listing:{:}", "hash"),
        ("session_move_queue:{:}", "list"),
        ("session_moves:{:}", "zset"),
    ];
    assert_eq!(keys(&server), documented.map(|(key, _)| key));
    for (key, kind) in documented {
        assert_eq!(server.ask(&["TYPE", key]), format!("+{kind}\r\n"), "{key}");
        let left = integer(&server.ask(&["PTTL", key]));
        assert!((1..=3_600_000).contains(&left), "{key} expires in {left} ms");
    }
    for key in ["chat_history:{a%7Bb%7D%3Ac%25}", "session:{a%7Bb%7D%3Ac%25}"] {
        assert_eq!(integer(&server.ask(&["PEXPIRETIME", key])), expires_at, "{key}");
    }
    let score = server.ask(&["ZSCORE", "session_index:{:}", "a{b}:c%"]);
    assert!(score.contains(&expires_at.to_string()), "{score}");
    let created_at = session.created_at.as_millis().to_string();
    for (field, value) in [
        ("user_id", "a{b}:c%"),
        ("persona", "default"),
        ("created_at", &created_at),
        ("last_activity", &said.session.last_activity.as_millis().to_string()),
        ("message_count", "1"),
        ("metadata", "{}"),
    ] {
        let reply = server.ask(&["HGET", "session:{a%7Bb%7D%3Ac%25}", field]);
        assert_eq!(reply.lines().nth(1), Some(value), "{field}");
    }
    let requests = server.ask(&["HGET", "session:{a%7Bb%7D%3Ac%25}", "recent_requests"]);
    let request = requests.lines().nth(1).unwrap();
    assert!(request.is_ascii() && request.len() == 34, "{request}");
    assert!(request.starts_with("RUNJ5CLwUpcZ") && request.ends_with("0001010000"), "{request}");
    let message = server.ask(&["LINDEX", "chat_history:{a%7Bb%7D%3Ac%25}", "0"]);
    let timestamp = said.messages[0].timestamp.as_millis();
    let json = format!(r#"{{"role":"user","content":"hello","metadata":{{}},"timestamp":{timestamp}}}"#);
    assert_eq!(message.lines().nth(1), Some(json.as_str()));
}

/// Only the newest entry is checked by every append.
#[tokio::test]
async fn a_retry_whose_entry_is_corrupt_appends_nothing() {
    let server = RedisServer::start();
    let store = hour_at(server.port());
    store.create_session("a").await;
    for request_id in ["older", "newer"] {
        store.append_texts_with_id("a", &["hello"], request_id).await.unwrap();
    }
    let requests = server.ask(&["HGET", "session:{a}", "recent_requests"]);
    let corrupt = requests.lines().nth(1).unwrap().replacen("0001010000", "zzzzzzzzzz", 1);
    server.ask(&["HSET", "session:{a}", "recent_requests", &corrupt]);
    let retry = store.append_texts_with_id("a", &["hello"], "older").await;
    assert_matches!(retry, Err(StoreError::Corrupt(_)));
    assert_eq!(server.ask(&["LLEN", "chat_history:{a}"]).trim(), ":2");
    store.append_texts_with_id("a", &["hello"], "newest").await.unwrap();
}

#[tokio::test]
async fn no_key_is_left_after_the_last_session_expired() {
    let server = RedisServer::start();
    let policy = Policy { session_ttl: SHORT_TTL, ..Policy::default() };
    let store = store_at(server.port(), policy);
    store.create_session("a").await;
    store.append_texts_with_id("a", &["hello"], "r").await.unwrap();
    tokio::time::sleep(SHORT_TTL + TICK).await;
    assert_eq!(keys(&server), Vec::<String>::new());
}

#[tokio::test]
async fn a_shorter_ttl_does_not_affect_existing_sessions() {
    let server = RedisServer::start();
    let long = hour_at(server.port()).create_session("long").await;
    let short = Policy { session_ttl: SHORT_TTL, ..Policy::default() };
    let store = store_at(server.port(), short);
    store.create_session("short").await;
    assert_eq!(user_ids(&store.list_first_page(10).await.sessions), ["long", "short"]);
    let first = store.list_first_page(1).await;
    assert_eq!(user_ids(&first.sessions), ["long"]);
    assert_eq!(user_ids(&store.list_next_page(1, &first).await.sessions), ["short"]);
    tokio::time::sleep(SHORT_TTL + TICK).await;
    assert_eq!(store.list_first_page(10).await.sessions, [long]);
}

/// Waits until the connection is established and idle.
async fn quiet(proxy: &Proxy) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while proxy.is_busy() {
        assert!(Instant::now() < deadline, "the connection is not quiet");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn calls_take_one_round_trip_and_lists_two() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let store = hour_at(proxy.port());
    store.time().await.unwrap();
    // The connection is established and has loaded the scripts before counting starts.
    quiet(&proxy).await;
    let open = Owner::open();
    let mut before = proxy.round_trips();
    let mut count = |what: &str, most: usize| {
        let now = proxy.round_trips();
        assert!((1..=most).contains(&(now - before)), "{what} took {} round trips", now - before);
        before = now;
    };
    for n in 0..60 {
        store.create_session(&n.to_string()).await;
        count("create", 1);
    }
    assert!(store.try_create_session(new("0")).await.is_err());
    count("a create that fails", 1);
    store.get_session("0").await.unwrap();
    count("get", 1);
    store.append_texts_with_id("0", &["x"; 100], "r").await.unwrap();
    count("append", 1);
    store.append_texts_with_id("0", &["x"; 100], "r").await.unwrap();
    count("a replayed append", 1);
    for span in [
        HistoryRange::Latest,
        HistoryRange::Before(50),
        HistoryRange::Before(1000),
        HistoryRange::After(50),
        HistoryRange::After(1000),
    ] {
        for items in [10, 100, 1000] {
            store.read_history("0", page(span, items)).await.unwrap();
            count("history", 1);
        }
    }
    store.touch_session("0").await.unwrap();
    count("touch", 1);
    for items in [1, 50, 1000] {
        store.list(&open, &ListPage { size: size(items), after: None }).await.unwrap();
        count("list", 2);
    }
    store.delete_session("0").await.unwrap();
    count("delete", 1);

    let stats = server.ask(&["INFO", "commandstats"]);
    assert!(stats.contains("cmdstat_evalsha"));
    for forbidden in ["cmdstat_scan", "cmdstat_keys", "cmdstat_sscan", "cmdstat_hscan", "cmdstat_zscan"] {
        assert!(!stats.contains(forbidden), "{forbidden}");
    }
}

#[tokio::test]
async fn foreign_data_is_an_error_and_not_not_found() {
    let server = RedisServer::start();
    let store = hour_at(server.port());
    server.ask(&["SET", "session:{a}", "not a hash"]);
    assert_matches!(store.get_session("a").await, Err(StoreError::Corrupt(_)));
    store.create_session("b").await;
    store.append_texts("b", &["hello"]).await.unwrap();
    server.ask(&["LSET", "chat_history:{b}", "0", "not json"]);
    assert_matches!(
        store.read_history("b", page(HistoryRange::Latest, 10)).await,
        Err(StoreError::Corrupt(_))
    );
    let damage = |field| {
        server.ask(&["HSET", "session:{b}", "persona", "default", "message_count", "1", "metadata", "{}"]);
        server.ask(&["HDEL", "session:{b}", field]);
    };
    for field in ["persona", "message_count", "metadata"] {
        damage(field);
        let record = server.ask(&["HGETALL", "session:{b}"]);
        assert_matches!(store.get_session("b").await, Err(StoreError::Corrupt(_)));
        let list = store.list(&Owner::open(), &ListPage::default()).await.unwrap();
        assert_eq!((list.sessions.len(), list.total_count, list.corrupt), (0, 0, 1));
        assert_matches!(store.append_texts("b", &["hello"]).await, Err(StoreError::Corrupt(_)));
        assert_matches!(store.touch_session("b").await, Err(StoreError::Corrupt(_)));
        assert_matches!(store.try_create_session(new("b")).await, Err(StoreError::Corrupt(_)));
        assert_eq!(server.ask(&["HGETALL", "session:{b}"]), record, "nothing was done to it");
        assert_eq!(server.ask(&["LLEN", "chat_history:{b}"]), ":1\r\n");
    }
}

/// Asserts that every call fails as unavailable and in time.
async fn all_calls_are_refused_in_time(store: &Store) {
    let mut calls = JoinSet::new();
    for call in 0..8 {
        let store = store.clone();
        calls.spawn(async move {
            let begun = Stopwatch::start();
            let open = Owner::open();
            let error = match call {
                0 => store.try_create_session(new("z")).await.err(),
                1 => store.get_session("a").await.err(),
                2 => store.list(&open, &ListPage::default()).await.err(),
                3 => store.read_history("a", page(HistoryRange::Latest, 10)).await.err(),
                4 => store.append_texts_with_id("a", &["hello"], "r").await.err(),
                5 => store.touch_session("a").await.err(),
                6 => store.delete_session("nobody").await.err(),
                _ => store.time().await.err(),
            };
            assert_matches!(error, Some(StoreError::Unavailable(_)));
            assert!(begun.elapsed() < LONGEST_CALL, "call {call} took {:?}", begun.elapsed());
        });
    }
    calls.join_all().await;
}

/// Returns the time until a read succeeds again.
async fn recovery(store: &Store) -> Duration {
    let begun = Instant::now();
    while store.time().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(5), "it does not recover");
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_redis_is_unavailable_in_time_and_recovers_within_a_second() {
    let mut server = RedisServer::start_durable();
    let store = hour_at(server.port());
    let made = store.create_session("a").await;
    server.kill();
    all_calls_are_refused_in_time(&store).await;
    all_calls_are_refused_in_time(&store).await;
    server.restart();
    let took = recovery(&store).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(store.get_session("a").await.unwrap(), made);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_redis_is_unavailable_in_time_and_recovers_within_a_second() {
    let server = RedisServer::start();
    let store = hour_at(server.port());
    store.create_session("a").await;
    server.freeze();
    all_calls_are_refused_in_time(&store).await;
    all_calls_are_refused_in_time(&store).await;
    server.thaw();
    let took = recovery(&store).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(store.get_session("a").await.is_ok());
}

#[tokio::test]
async fn a_redis_started_later_is_found() {
    let mut server = RedisServer::absent();
    let store = hour_at(server.port());
    all_calls_are_refused_in_time(&store).await;
    server.restart();
    let took = recovery(&store).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    store.create_session("a").await;
}

#[tokio::test]
async fn a_redis_restarted_without_data_is_served_immediately() {
    let mut server = RedisServer::start();
    let store = hour_at(server.port());
    store.create_session("a").await;
    server.restart();
    recovery(&store).await;
    assert_matches!(store.get_session("a").await, Err(StoreError::NotFound));
    assert_eq!(store.list_first_page(10).await.total_count, 0);
    store.create_session("a").await;
    server.ask(&["SCRIPT", "FLUSH"]);
    store.append_texts("a", &["hello"]).await.unwrap();
}

#[tokio::test]
async fn lost_responses_are_retried_if_idempotent() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let store = hour_at(proxy.port());
    store.create_session("a").await;

    proxy.cut_answer_to("once");
    let said = store.append_texts_with_id("a", &["once"], "r").await.unwrap();
    assert!(said.replayed, "the first try had stored it");
    proxy.cut_answer_to("session:{a}");
    store.get_session("a").await.unwrap();
    proxy.cut_answer_to("session:{b}");
    let mut again = new("b");
    again.request_id = Some(request("c"));
    assert!(store.try_create_session(again).await.unwrap().created);

    proxy.cut_answer_to("perhaps");
    assert_matches!(store.append_texts("a", &["perhaps"]).await, Err(StoreError::Unavailable(_)));
    let history = store.read_history("a", page(HistoryRange::Latest, 10)).await.unwrap();
    assert_eq!(seqs(&history.messages), [1, 2], "it was stored, and not twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_redis_under_load_loses_and_duplicates_no_acknowledged_write() {
    let mut server = RedisServer::start_durable();
    let store = hour_at(server.port());
    store.create_session("a").await;
    let mut calls = JoinSet::new();
    for task in 0..8 {
        let store = store.clone();
        calls.spawn(async move {
            for n in 0..60 {
                let text = format!("{task}-{n}");
                let deadline = Instant::now() + Duration::from_secs(10);
                // Retry with the same request id until it is acknowledged.
                while store.append_texts_with_id("a", &[&text], &text).await.is_err() {
                    assert!(Instant::now() < deadline, "{text} is never acknowledged");
                }
            }
        });
    }
    let watching = Instant::now();
    while store.get_session("a").await.is_ok_and(|session| session.message_count < 100) {
        assert!(watching.elapsed() < Duration::from_secs(10), "no progress");
    }
    server.kill();
    server.restart();
    calls.join_all().await;

    let history = store.read_history("a", page(HistoryRange::Latest, 1000)).await.unwrap();
    assert_eq!(seqs(&history.messages), (1..=480).collect::<Vec<_>>());
    let contents: BTreeSet<_> = history.messages.iter().map(|message| message.content.as_str()).collect();
    assert_eq!(contents.len(), 480, "every message is there once");
    assert_eq!(history.message_count, 480);
}
