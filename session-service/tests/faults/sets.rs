//! Failovers of Sentinel deployments and clusters, and slot migrations.

use super::*;
use crate::suite::turns::turn;
use session_service::{
    domain::{FinishReason, HistoryRange, Owner},
    store::{Position, StoreError},
};
use testkit::{RedisCluster, RedisServer, SentinelSet, Stopwatch};

/// Maximum time from the end of a failover to the first successful call.
const FOUND_AGAIN: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sentinel_failover_loses_no_replicated_write() {
    let mut set = SentinelSet::start();
    let store = store_at(&set.url(), 1);
    let load = Load::start(&store, seed()).await;
    load.goes_on(calls()).await;
    let old = set.primary();
    set.kill(old);
    set.await_failover(old);
    let back = Instant::now();
    load.goes_on(calls()).await;
    let record = load.stop().await;
    let kept = record.check(&store, &[set.server(set.primary())]).await;
    let recovery = record.first_success_after(back);
    record.row("Sentinel: primary killed, 1 replica must have a write", &kept, Some(recovery));
    is_right(&record, &kept);
    assert!(recovery < FOUND_AGAIN, "{recovery:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sentinel_switchover_loses_no_replicated_write() {
    let set = SentinelSet::start();
    // One replica would not suffice: the old primary goes on for seconds, and the other replica still follows it.
    let store = store_at(&set.url(), 2);
    let load = Load::start(&store, seed()).await;
    load.goes_on(calls()).await;
    let old = set.primary();
    set.failover();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    // The Sentinels would do this some seconds later.
    set.follow(old);
    set.await_settled();
    let back = Instant::now();
    load.goes_on(calls()).await;
    let record = load.stop().await;
    let kept = record.check(&store, &[set.server(set.primary())]).await;
    let recovery = record.first_success_after(back);
    record.row("Sentinel: primary told to give way, both replicas must have a write", &kept, Some(recovery));
    is_right(&record, &kept);
    assert!(recovery < FOUND_AGAIN, "{recovery:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_failover_loses_no_replicated_write() {
    let mut cluster = RedisCluster::start();
    let store = store_at(&cluster.url(), 1);
    let load = Load::start(&store, seed()).await;
    load.goes_on(calls()).await;
    let old = cluster.primary_of("session_index:{:}");
    cluster.kill(old);
    cluster.await_failover("session_index:{:}", old);
    // The new primary has no replica, so no write is acknowledged until the old one is back.
    cluster.restart(old);
    cluster.await_settled();
    let back = Instant::now();
    load.goes_on(calls()).await;
    let record = load.stop().await;
    let primaries: Vec<_> = cluster.primaries().into_iter().map(|index| cluster.node(index)).collect();
    let kept = record.check(&store, &primaries).await;
    let recovery = record.first_success_after(back);
    record.row("Cluster: primary killed, its replica must have a write", &kept, Some(recovery));
    is_right(&record, &kept);
    assert!(recovery < FOUND_AGAIN, "{recovery:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_fails_over_from_a_hung_primary() {
    let cluster = RedisCluster::start();
    let store = store_at(&cluster.url(), 0);
    let load = Load::start(&store, seed()).await;
    load.goes_on(calls()).await;
    let old = cluster.primary_of("session:{shared 0}");
    cluster.freeze(old);
    cluster.await_failover("session:{shared 0}", old);
    let back = Instant::now();
    load.goes_on(calls()).await;
    let begun = Instant::now();
    while store.append_texts_with_id("shared 0", &["after"], "after").await.is_err() {
        assert!(begun.elapsed() < FOUND_AGAIN, "the replica is not found");
    }
    let found = back.elapsed();
    let record = load.stop().await;
    cluster.thaw(old);
    record.row("Cluster: primary frozen, not replicated writes may be lost", &Kept::default(), Some(found));
    assert!(record.longest < LONGEST_CALL, "a call took {:?}", record.longest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slot_migrations_under_load_lose_and_duplicate_nothing() {
    let cluster = RedisCluster::start();
    let store = store_at(&cluster.url(), 0);
    let load = Load::start(&store, seed()).await;
    load.goes_on(calls()).await;
    // The slot of a session, and the slot of the list.
    for key in ["session:{shared 1}", "session_index:{:}"] {
        let (slot, from) = (cluster.slot(key), cluster.primary_of(key));
        let to = cluster.primaries().into_iter().find(|index| *index != from).unwrap();
        cluster.begin_migration(slot, from, to);
        while cluster.migrate_keys(slot, from, to, 1) > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        cluster.end_migration(slot, to);
        load.goes_on(calls() / 2).await;
    }
    let record = load.stop().await;
    let primaries: Vec<_> = cluster.primaries().into_iter().map(|index| cluster.node(index)).collect();
    let kept = record.check(&store, &primaries).await;
    record.row("Cluster: slots of a session and of the list moved", &kept, None);
    is_right(&record, &kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_served_while_their_slot_migrates() {
    let cluster = RedisCluster::start();
    let store = store_at(&cluster.url(), 1);
    store.create_session("a").await;
    store.append_texts_with_id("a", &["before"], "1").await.unwrap();
    let (slot, from) = (cluster.slot("session:{a}"), cluster.primary_of("session:{a}"));
    let to = cluster.primaries().into_iter().find(|index| *index != from).unwrap();
    cluster.begin_migration(slot, from, to);
    store.append_texts_with_id("a", &["still here"], "2").await.unwrap();
    // A turn begins and ends, although the text for its watchers cannot be created.
    let (owner, turn) = (Owner::open(), turn("a", "hello", "r", "token"));
    store.begin_turn(&owner, &turn, Duration::from_secs(30)).await.unwrap();
    store.changes(&owner, &turn.user_id, &Position { seq: 0, text: None }).await.unwrap();
    let flushed = store.flush_turn(&owner, &turn.user_id, &turn.token, 0, "text").await;
    assert_matches!(flushed, Err(StoreError::Unavailable(_)));
    store.cancel_turn(&owner, &turn.user_id, None).await.unwrap();
    let flushed = store.flush_turn(&owner, &turn.user_id, &turn.token, 0, "").await.unwrap();
    assert!(flushed.cancelled, "a cancellation is noticed without the text");
    store.finish_turn(&owner, &turn, &reply_with_reason(FinishReason::Cancelled, "text")).await.unwrap();
    assert_eq!(cluster.migrate_keys(slot, from, to, 1), 1);
    // Record and messages are on different nodes, so no script can change both.
    let begun = Stopwatch::start();
    assert_matches!(store.append_texts_with_id("a", &["apart"], "3").await, Err(StoreError::Unavailable(_)));
    assert!(begun.elapsed() < LONGEST_CALL, "{:?}", begun.elapsed());
    assert_eq!(cluster.migrate_keys(slot, from, to, 1), 1);
    store.append_texts_with_id("a", &["there"], "3").await.unwrap();
    assert_eq!(store.get_session("a").await.unwrap().message_count, 5);
    assert_eq!(
        seqs(&store.read_history("a", page(HistoryRange::Latest, 10)).await.unwrap().messages),
        [1, 2, 3, 4, 5]
    );
    cluster.end_migration(slot, to);
    store.append_texts_with_id("a", &["after"], "4").await.unwrap();
    assert_eq!(store.list_first_page(10).await.sessions[0].message_count, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_wait_for_lagging_replicas_up_to_a_timeout() {
    let server = RedisServer::start();
    let replica = RedisServer::start_replica_of(&server);
    server.await_replica(1);
    let store = store_at(&server.url(), 1);
    let mut create = new("a");
    create.request_id = Some(request("1"));
    // A new replica takes up to a second to acknowledge.
    while store.try_create_session(create.clone()).await.is_err() {}
    store.append_texts_with_id("a", &["one"], "1").await.unwrap();
    replica.freeze();
    let begun = Stopwatch::start();
    let refused = store.append_texts_with_id("a", &["two"], "2").await.unwrap_err();
    assert!(begun.elapsed() < LONGEST_CALL, "{:?}", begun.elapsed());
    assert!(refused.to_string().contains("of 1 replicas"), "{refused}");
    assert_matches!(refused, StoreError::Unavailable(_));
    // Reads do not need replicas.
    assert_eq!(store.read_history("a", page(HistoryRange::Latest, 10)).await.unwrap().message_count, 2);
    replica.thaw();
    server.await_replica(1);
    // The retry of the stored but unacknowledged write is now acknowledged.
    let said = store.append_texts_with_id("a", &["two"], "2").await.unwrap();
    assert!(said.replayed && said.messages[0].seq == 2);
    assert_eq!(store.get(&Owner::open(), &id("a")).await.unwrap().message_count, 2);
}
