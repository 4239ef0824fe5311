//! The key of a running turn's text, and the round trips of the calls about turns and watchers.

use crate::{
    faults::check::keys,
    suite::{harness::*, turns::turn},
};
use session_service::{
    domain::Owner,
    store::{Policy, Position, StoreError, TurnOutcome, TurnToken, redis::RedisStore},
};
use std::{sync::Arc, time::Duration};
use testkit::{Proxy, RedisServer};

const LEASE: Duration = Duration::from_secs(30);
const TEXT: &str = "chat_turn:{a}";

/// Returns the time in milliseconds until the text expires, or a negative number if there is none or it would never expire.
fn expiry(servers: &[&RedisServer]) -> i64 {
    let left = servers.iter().filter_map(|server| {
        let reply = server.ask(&["PTTL", TEXT]);
        // In a cluster the other nodes reply with a redirection.
        reply.trim().strip_prefix(':')?.parse().ok()
    });
    left.max().unwrap_or(-2)
}

async fn the_text_expires_with_the_lease_and_ends_with_the_turn(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    while store.time().await.is_err() {}
    let (owner, a) = (Owner::open(), id("a"));
    for (n, end) in ["finish", "release", "delete"].into_iter().enumerate() {
        store.try_create_session(new("a")).await.ok();
        let turn = turn("a", "hello", &n.to_string(), &format!("token-{n}"));
        store.begin_turn(&owner, &turn, LEASE).await.unwrap();
        assert_eq!(expiry(&harness.primaries()), -2, "there is no text yet");
        store.flush_turn(&owner, &a, &turn.token, 0, "Hel").await.unwrap();
        let left = expiry(&harness.primaries());
        assert!((20_000..=30_000).contains(&left), "it expires in {left} ms");
        store.renew_turn(&owner, &a, &turn.token, 2 * LEASE).await.unwrap();
        store.flush_turn(&owner, &a, &turn.token, 3, "").await.unwrap();
        let left = expiry(&harness.primaries());
        assert!((50_000..=60_000).contains(&left), "it expires in {left} ms");
        match end {
            "finish" => drop(store.finish_turn(&owner, &turn, &reply("Hello")).await.unwrap()),
            "release" => store.release_turn(&owner, &a, &turn.token, TurnOutcome::Cancelled).await.unwrap(),
            _ => store.delete_session("a").await.unwrap(),
        }
        assert_eq!(expiry(&harness.primaries()), -2, "{end} removes it");
    }
    let left: Vec<_> = harness.primaries().into_iter().flat_map(keys).collect();
    assert!(!left.iter().any(|key| key.contains("{a}")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_text_of_a_turn_expires_and_ends_on_one_server() {
    the_text_expires_with_the_lease_and_ends_with_the_turn(&mut Redis::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_text_of_a_turn_expires_and_ends_in_a_cluster() {
    the_text_expires_with_the_lease_and_ends_with_the_turn(&mut Cluster::default()).await;
}

#[tokio::test]
async fn a_text_that_was_evicted_is_stored_again_with_an_expiry() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    let (owner, a) = (Owner::open(), id("a"));
    store.create_session("a").await;
    let turn = turn("a", "hello", "r", "token");
    store.begin_turn(&owner, &turn, LEASE).await.unwrap();
    let flush =
        async |offset, text| store.flush_turn(&owner, &a, &turn.token, offset, text).await.unwrap().stored;
    assert_eq!(flush(0, "Hel").await, 3);
    server.ask(&["DEL", TEXT]);
    assert_eq!(flush(3, "lo").await, 0, "nothing is stored before it");
    assert_eq!(expiry(&[&server]), -2, "there is no text");
    assert_eq!(flush(0, "Hello").await, 5);
    let left = expiry(&[&server]);
    assert!((20_000..=30_000).contains(&left), "it expires in {left} ms");
}

#[tokio::test]
async fn flushes_of_many_turns_share_round_trips_and_fail_alone() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let store: Store = Arc::new(RedisStore::from_url(&url, Policy::default()).unwrap());
    let owner = Owner::open();
    let names: Vec<_> = (0..150).map(|n| format!("s{n}")).collect();
    for name in &names {
        store.create_session(name).await;
        let turn = turn(name, "hello", "r", &format!("token-of-{name}"));
        store.begin_turn(&owner, &turn, LEASE).await.unwrap();
    }
    // A text of another type is foreign data, and a record of another type fails its own flush only.
    server.ask(&["LPUSH", "chat_turn:{s1}", "x"]);
    server.ask(&["DEL", "session:{s2}"]);
    server.ask(&["SET", "session:{s2}", "x"]);
    let before = proxy.round_trips();
    let flushes = names.iter().map(|name| {
        let (store, owner, name) = (store.clone(), owner.clone(), id(name));
        let token = TurnToken(format!("token-of-{}", name.as_str()));
        async move { store.flush_turn(&owner, &name, &token, 0, "Hello").await }
    });
    let flushed = futures_util::future::join_all(flushes).await;
    for (name, flushed) in names.iter().zip(flushed) {
        match name.as_str() {
            "s2" => assert_matches!(flushed, Err(StoreError::Corrupt(_))),
            _ => assert_eq!(flushed.unwrap().stored, 5, "{name}"),
        }
    }
    let took = proxy.round_trips() - before;
    assert!(took <= 6, "{took} round trips");
}

#[tokio::test]
async fn calls_about_turns_take_one_round_trip_and_heads_two() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let store: Store = Arc::new(RedisStore::from_url(&url, Policy::default()).unwrap());
    let (owner, a) = (Owner::open(), id("a"));
    let since = Position { seq: 0, text: None };
    store.create_session("a").await;
    // The connection for pages is established, too.
    store.changes(&owner, &a, &since).await.unwrap();
    let mut before = proxy.round_trips();
    let mut count = |what: &str, most: usize| {
        let now = proxy.round_trips();
        assert!((1..=most).contains(&(now - before)), "{what} took {} round trips", now - before);
        before = now;
    };
    let hello = turn("a", "hello", "r", "token");
    store.begin_turn(&owner, &hello, LEASE).await.unwrap();
    count("begin_turn", 1);
    store.begin_turn(&owner, &turn("a", "hello", "r", "other"), LEASE).await.unwrap();
    count("a retry of a running turn", 1);
    store.flush_turn(&owner, &a, &hello.token, 0, "Hello").await.unwrap();
    count("flush_turn", 1);
    store.changes(&owner, &a, &since).await.unwrap();
    count("changes", 1);
    store.heads(&vec![(owner.clone(), a.clone()); 500]).await.unwrap();
    count("heads", 2);
    store.head_versions(&vec![(owner.clone(), a.clone()); 500]).await.unwrap();
    count("head_versions", 1);
    store.renew_turn(&owner, &a, &hello.token, LEASE).await.unwrap();
    count("renew_turn", 1);
    store.cancel_turn(&owner, &a, Some(&request("other"))).await.unwrap();
    count("cancel_turn", 1);
    store.finish_turn(&owner, &hello, &reply("Hello")).await.unwrap();
    count("finish_turn", 1);
    store.release_turn(&owner, &a, &hello.token, TurnOutcome::Cancelled).await.unwrap();
    count("release_turn", 1);
}
