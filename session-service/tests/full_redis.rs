//! A Redis at its `maxmemory` serves reads and deletions; all other writes fail and change nothing.

use crate::{faults::check::keys, suite::harness::*};
use session_service::{
    domain::{HistoryRange, Owner, Role, limits::LIST_PAGE_MIN_ITEMS},
    store::{ListPage, StoreError, TurnOutcome, TurnRequest, TurnToken},
};
use std::{collections::BTreeMap, time::Duration};

const LEASE: Duration = Duration::from_secs(30);

fn turn(token: &str) -> TurnRequest {
    let (user_id, message) = (id("a"), message(Role::User, "hello"));
    TurnRequest { user_id, message, request_id: request("turn"), token: TurnToken(token.into()) }
}

fn limit_memory(harness: &impl Harness, bytes: &str) {
    for server in harness.primaries() {
        assert_eq!(server.ask(&["CONFIG", "SET", "maxmemory", bytes]), "+OK\r\n");
    }
}

/// Returns every key of every server with its value and expiry.
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
    assert_eq!(store.get_session("a").await.unwrap().message_count, 6);
    for span in [HistoryRange::Latest, HistoryRange::After(0), HistoryRange::Before(7)] {
        for items in [6, 1000] {
            let read = store.read_history("a", page(span, items)).await.unwrap();
            assert_eq!(seqs(&read.messages), [1, 2, 3, 4, 5, 6], "{span:?}");
        }
    }
    assert_matches!(store.get_session("absent").await, Err(StoreError::NotFound));
    assert_matches!(
        store.read_history("absent", page(HistoryRange::Latest, 9)).await,
        Err(StoreError::NotFound)
    );
    let mut pages = vec![store.list_first_page(2).await];
    while pages.last().unwrap().next.is_some() {
        pages.push(store.list_next_page(2, pages.last().unwrap()).await);
    }
    let listed: usize = pages.iter().map(|page| page.sessions.len()).sum();
    assert_eq!(listed, LIST_PAGE_MIN_ITEMS + 2);
    assert_eq!(store.list_first_page(1000).await.sessions.len(), listed);
}

async fn every_write_is_refused(store: &Store) {
    let owner = Owner::open();
    assert_matches!(store.try_create_session(new("new")).await, Err(StoreError::Unavailable(_)));
    assert_matches!(store.append_texts("a", &["no"]).await, Err(StoreError::Unavailable(_)));
    assert_matches!(store.append_texts_with_id("a", &["no"], "s").await, Err(StoreError::Unavailable(_)));
    assert_matches!(store.touch_session("a").await, Err(StoreError::Unavailable(_)));
    let another = TurnRequest { user_id: id("1"), ..turn("u") };
    assert_matches!(store.begin_turn(&owner, &another, LEASE).await, Err(StoreError::Unavailable(_)));
    let token = turn("t").token;
    assert_matches!(store.renew_turn(&owner, &id("a"), &token, LEASE).await, Err(StoreError::Unavailable(_)));
    assert_matches!(
        store.finish_turn(&owner, &turn("t"), &reply("no")).await,
        Err(StoreError::Unavailable(_))
    );
}

async fn a_full_redis_serves_reads_and_deletions(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    while store.time().await.is_err() {}
    for n in 0..LIST_PAGE_MIN_ITEMS + 1 {
        store.create_session(&n.to_string()).await;
    }
    store.create_session("a").await;
    store.append_texts("a", &["1", "2", "3", "4", "5"]).await.unwrap();
    let (owner, a, token) = (Owner::open(), id("a"), turn("t").token);
    store.begin_turn(&owner, &turn("t"), LEASE).await.unwrap();
    let flush = async |text: &str| {
        let flushed = store.flush_turn(&owner, &a, &token, 4, text).await.unwrap();
        (flushed.stored, flushed.cancelled)
    };
    store.flush_turn(&owner, &a, &token, 0, "text").await.unwrap();
    // The next flush has to set the expiry of the text again.
    store.renew_turn(&owner, &a, &token, 2 * LEASE).await.unwrap();

    limit_memory(harness, "1");
    every_read_works(&store).await;
    // A new connection, and scripts that the server no longer has.
    let later = harness.store_with_defaults();
    while later.time().await.is_err() {}
    every_read_works(&later).await;
    harness.primaries().iter().for_each(|server| drop(server.ask(&["SCRIPT", "FLUSH"])));
    every_read_works(&store).await;

    let before = content(harness);
    every_write_is_refused(&store).await;
    assert_eq!(content(harness), before);
    store.delete_session("0").await.unwrap();
    assert_eq!(flush(" more").await, (4, false), "the turn goes on");
    assert!(store.cancel_turn(&owner, &a, None).await.unwrap().is_some());
    assert_eq!(flush(" more").await, (4, true));
    store.release_turn(&owner, &a, &token, TurnOutcome::Cancelled).await.unwrap();
    let head = store.heads(&[(Owner::open(), id("a"))]).await.unwrap().remove(0).unwrap();
    assert_eq!(head.ended_turn.unwrap().outcome, TurnOutcome::Cancelled);
    assert_matches!(store.get_session("0").await, Err(StoreError::NotFound));
    let listed = store.list(&Owner::open(), &ListPage { size: size(1000), after: None }).await.unwrap();
    assert!(!user_ids(&listed.sessions).contains(&"0"));

    limit_memory(harness, "0");
    store.append_texts("a", &["7"]).await.unwrap();
    store.create_session("0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_standalone_server_serves_reads_and_deletions() {
    a_full_redis_serves_reads_and_deletions(&mut Redis::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_sentinel_primary_serves_reads_and_deletions() {
    a_full_redis_serves_reads_and_deletions(&mut Sentinel::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_cluster_serves_reads_and_deletions() {
    a_full_redis_serves_reads_and_deletions(&mut Cluster::default()).await;
}
