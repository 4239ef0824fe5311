//! Sets of servers in which a primary dies, hangs or gives way, and slots move.

use super::*;
use session_service::{
    domain::{Owner, Span},
    store::StoreError,
};
use testkit::{RedisCluster, RedisServer, SentinelSet, Stopwatch};

/// How long after a failover is complete the first call must succeed.
const FOUND_AGAIN: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_with_sentinels_that_is_killed_loses_nothing_that_a_replica_has() {
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
async fn a_primary_with_sentinels_that_gives_way_loses_nothing_that_all_replicas_have() {
    let set = SentinelSet::start();
    // One would not do: the old primary goes on for seconds, and the replica that was not chosen still follows it.
    let store = store_at(&set.url(), 2);
    let load = Load::start(&store, seed()).await;
    load.goes_on(calls()).await;
    let old = set.primary();
    set.failover();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    // What Sentinels do by themselves some seconds later.
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
async fn a_cluster_whose_primary_is_killed_loses_nothing_that_its_replica_has() {
    let mut cluster = RedisCluster::start();
    let store = store_at(&cluster.url(), 1);
    let load = Load::start(&store, seed()).await;
    load.goes_on(calls()).await;
    let old = cluster.primary_of("session_index:{:}");
    cluster.kill(old);
    cluster.await_failover("session_index:{:}", old);
    // Its replica has no replica now, so nothing can be acknowledged until the old one is back.
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
async fn a_cluster_whose_primary_hangs_is_served_by_its_replica() {
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
    while store.say_once("shared 0", &["after"], "after").await.is_err() {
        assert!(begun.elapsed() < FOUND_AGAIN, "the replica is not found");
    }
    let found = back.elapsed();
    let record = load.stop().await;
    cluster.thaw(old);
    record.row("Cluster: primary frozen, not replicated writes may be lost", &Kept::default(), Some(found));
    assert!(record.longest < LONGEST_CALL, "a call took {:?}", record.longest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_under_load_cost_nothing() {
    let cluster = RedisCluster::start();
    let store = store_at(&cluster.url(), 0);
    let load = Load::start(&store, seed()).await;
    load.goes_on(calls()).await;
    // The slot of a session, and that of the list.
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
async fn a_session_is_served_where_it_is_while_its_slot_moves() {
    let cluster = RedisCluster::start();
    let store = store_at(&cluster.url(), 1);
    store.make("a").await;
    store.say_once("a", &["before"], "1").await.unwrap();
    let (slot, from) = (cluster.slot("session:{a}"), cluster.primary_of("session:{a}"));
    let to = cluster.primaries().into_iter().find(|index| *index != from).unwrap();
    cluster.begin_migration(slot, from, to);
    store.say_once("a", &["still here"], "2").await.unwrap();
    assert_eq!(cluster.migrate_keys(slot, from, to, 1), 1);
    // Its record and its messages are apart: nobody can change both at once.
    let begun = Stopwatch::start();
    assert_matches!(store.say_once("a", &["apart"], "3").await, Err(StoreError::Unavailable(_)));
    assert!(begun.elapsed() < LONGEST_CALL, "{:?}", begun.elapsed());
    assert_eq!(cluster.migrate_keys(slot, from, to, 1), 1);
    store.say_once("a", &["there"], "3").await.unwrap();
    assert_eq!(store.fetch("a").await.unwrap().message_count, 3);
    assert_eq!(seqs(&store.read("a", page(Span::Newest, 10)).await.unwrap().messages), [1, 2, 3]);
    cluster.end_migration(slot, to);
    store.say_once("a", &["after"], "4").await.unwrap();
    assert_eq!(store.first_page(10).await.sessions[0].message_count, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_lags_is_waited_for_and_not_for_ever() {
    let server = RedisServer::start();
    let replica = RedisServer::start_replica_of(&server);
    server.await_replica(1);
    let store = store_at(&server.url(), 1);
    let mut create = new("a");
    create.request_id = Some(request("1"));
    // A replica that has just come takes up to a second to say what it has.
    while store.try_create(create.clone()).await.is_err() {}
    store.say_once("a", &["one"], "1").await.unwrap();
    replica.freeze();
    let begun = Stopwatch::start();
    let refused = store.say_once("a", &["two"], "2").await.unwrap_err();
    assert!(begun.elapsed() < LONGEST_CALL, "{:?}", begun.elapsed());
    assert!(refused.to_string().contains("of 1 replicas"), "{refused}");
    assert_matches!(refused, StoreError::Unavailable(_));
    // Reads need no replica.
    assert_eq!(store.read("a", page(Span::Newest, 10)).await.unwrap().message_count, 2);
    replica.thaw();
    server.await_replica(1);
    // The retry of what was stored, but not acknowledged, is acknowledged now.
    let said = store.say_once("a", &["two"], "2").await.unwrap();
    assert!(said.replayed && said.messages[0].seq == 2);
    assert_eq!(store.get(&Owner::open(), &id("a")).await.unwrap().message_count, 2);
}
