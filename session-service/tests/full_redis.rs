//! A Redis at its `maxmemory`: every read and every deletion works, every other write fails and changes nothing.

use crate::{faults::check::keys, suite::harness::*};
use session_service::{
    domain::{Owner, Role, Span, limits::LIST_PAGE_SURE_ITEMS},
    store::{ListPage, NewTurn, StoreError, TurnToken},
};
use std::{collections::BTreeMap, time::Duration};

const LEASE: Duration = Duration::from_secs(30);

fn turn(token: &str) -> NewTurn {
    let (user_id, message) = (id("a"), message(Role::User, "hello"));
    NewTurn { user_id, message, request_id: request("turn"), token: TurnToken(token.into()) }
}

fn limit_memory(harness: &impl Harness, bytes: &str) {
    for server in harness.primaries() {
        assert_eq!(server.ask(&["CONFIG", "SET", "maxmemory", bytes]), "+OK\r\n");
    }
}

/// Every key of every server with its value and its expiry.
fn content(harness: &impl Harness) -> BTreeMap<String, String> {
    let servers = harness.primaries();
    let all = servers.iter().flat_map(|server| keys(server).into_iter().map(move |key| (server, key)));
    all.map(|(server, key)| {
        let value = server.ask(&["DUMP", &key]) + &server.ask(&["PEXPIRETIME", &key]);
        (key, value)
    })
    .collect()
}

async fn every_read_works(store: &Store) {
    store.time().await.unwrap();
    assert_eq!(store.fetch("a").await.unwrap().message_count, 6);
    for span in [Span::Newest, Span::After(0), Span::Before(7)] {
        for items in [6, 1000] {
            let read = store.read("a", page(span, items)).await.unwrap();
            assert_eq!(seqs(&read.messages), [1, 2, 3, 4, 5, 6], "{span:?}");
        }
    }
    assert_matches!(store.fetch("absent").await, Err(StoreError::NotFound));
    assert_matches!(store.read("absent", page(Span::Newest, 9)).await, Err(StoreError::NotFound));
    let mut pages = vec![store.first_page(2).await];
    while pages.last().unwrap().next.is_some() {
        pages.push(store.next_page(2, pages.last().unwrap()).await);
    }
    let listed: usize = pages.iter().map(|page| page.sessions.len()).sum();
    assert_eq!(listed, LIST_PAGE_SURE_ITEMS + 2);
    assert_eq!(store.first_page(1000).await.sessions.len(), listed);
}

async fn every_write_is_refused(store: &Store) {
    let owner = Owner::open();
    assert_matches!(store.try_create(new("new")).await, Err(StoreError::Unavailable(_)));
    assert_matches!(store.say("a", &["no"]).await, Err(StoreError::Unavailable(_)));
    assert_matches!(store.say_once("a", &["no"], "s").await, Err(StoreError::Unavailable(_)));
    assert_matches!(store.use_again("a").await, Err(StoreError::Unavailable(_)));
    let another = NewTurn { user_id: id("1"), ..turn("u") };
    assert_matches!(store.begin_turn(&owner, &another, LEASE).await, Err(StoreError::Unavailable(_)));
    let token = turn("t").token;
    assert_matches!(store.renew_turn(&owner, &id("a"), &token, LEASE).await, Err(StoreError::Unavailable(_)));
    assert_matches!(
        store.finish_turn(&owner, &turn("t"), &reply("no")).await,
        Err(StoreError::Unavailable(_))
    );
}

async fn a_full_redis_serves_reads_and_deletions(harness: &mut impl Harness) {
    let store = harness.hour();
    while store.time().await.is_err() {}
    for n in 0..LIST_PAGE_SURE_ITEMS + 1 {
        store.make(&n.to_string()).await;
    }
    store.make("a").await;
    store.say("a", &["1", "2", "3", "4", "5"]).await.unwrap();
    store.begin_turn(&Owner::open(), &turn("t"), LEASE).await.unwrap();

    limit_memory(harness, "1");
    every_read_works(&store).await;
    // A connection that is made now, and scripts that the server no longer has.
    let later = harness.hour();
    while later.time().await.is_err() {}
    every_read_works(&later).await;
    harness.primaries().iter().for_each(|server| drop(server.ask(&["SCRIPT", "FLUSH"])));
    every_read_works(&store).await;

    let before = content(harness);
    every_write_is_refused(&store).await;
    assert_eq!(content(harness), before);
    store.remove("0").await.unwrap();
    store.give_turn_back(&Owner::open(), &id("a"), &turn("t").token).await.unwrap();
    assert_matches!(store.fetch("0").await, Err(StoreError::NotFound));
    let listed = store.list(&Owner::open(), &ListPage { size: size(1000), after: None }).await.unwrap();
    assert!(!handles(&listed.sessions).contains(&"0"));

    limit_memory(harness, "0");
    store.say("a", &["7"]).await.unwrap();
    store.make("0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_that_is_full_serves_reads_and_deletions() {
    a_full_redis_serves_reads_and_deletions(&mut Redis::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_with_sentinels_that_is_full_serves_reads_and_deletions() {
    a_full_redis_serves_reads_and_deletions(&mut Sentinel::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_full_serves_reads_and_deletions() {
    a_full_redis_serves_reads_and_deletions(&mut Cluster::default()).await;
}
