//! Rotation of credentials while calls are in progress: new connections use the new ones.

use crate::suite::harness::*;
use session_service::store::{
    Policy,
    redis::{RedisSettings, RedisStore, RedisUrl, SentinelCredentials},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use testkit::{RedisCluster, RedisServer, SentinelSet};

const TIMEOUT: Duration = Duration::from_secs(10);

fn settings(url: &str) -> RedisSettings {
    RedisSettings::from_url(RedisUrl::parse(url).unwrap())
}

async fn reach(settings: &RedisSettings) -> Arc<RedisStore> {
    let store = Arc::new(RedisStore::new(settings, Policy::default()).unwrap());
    reachable(&store).await;
    store
}

async fn reachable(store: &Arc<RedisStore>) {
    let (store, begun): (Store, _) = (store.clone(), Instant::now());
    while let Err(error) = store.time().await {
        assert!(begun.elapsed() < TIMEOUT, "{error}");
    }
}

fn set_user(server: &RedisServer, words: &[&str]) {
    assert_eq!(server.ask(&[&["ACL", "SETUSER", "nono"], words].concat()), "+OK\r\n");
}

fn remove_old_password(server: &RedisServer) {
    set_user(server, &["<old"]);
    server.ask(&["CLIENT", "KILL", "USER", "nono"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_used_with_a_rotated_password() {
    let cluster = RedisCluster::start();
    let nodes: Vec<_> = (0..6).map(|index| cluster.node(index)).collect();
    nodes.iter().for_each(|node| set_user(node, &["on", ">old", "~*", "&*", "+@all"]));
    let url = |password: &str| cluster.url().replace("://", &format!("://nono:{password}@"));
    let store = reach(&settings(&url("old"))).await;
    let calls: Store = store.clone();
    for name in ["a", "b", "c", "d"] {
        calls.create_session(name).await;
    }
    nodes.iter().for_each(|node| set_user(node, &[">new"]));
    store.reconfigure(&settings(&url("new"))).unwrap();
    nodes.iter().for_each(|node| remove_old_password(node));
    let begun = Instant::now();
    for name in ["a", "b", "c", "d"] {
        // The connection is replaced in the background, and calls in the meantime may fail as after any lost connection.
        while let Err(error) = calls.get_session(name).await {
            assert!(begun.elapsed() < TIMEOUT, "{error}");
        }
    }
    assert!(store.reconfigure(&settings("redis+cluster://h:1")).unwrap_err().contains("restart the program"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_and_their_primary_are_used_with_rotated_passwords() {
    let set = SentinelSet::start_with_password("server", "sentinels");
    let mut old = settings(&set.url().replace("://", "://nono:old@"));
    old.sentinel = SentinelCredentials { user: None, password: Some("sentinels".into()) };
    let servers: Vec<_> = (0..3).map(|index| set.server(index)).collect();
    servers.iter().for_each(|server| set_user(server, &["on", ">old", "~*", "&*", "+@all"]));
    let store = reach(&old).await;
    let calls: Store = store.clone();
    calls.create_session("a").await;
    servers.iter().for_each(|server| set_user(server, &[">new"]));
    let mut new = old.clone();
    new.url = RedisUrl::parse(&set.url().replace("://", "://nono:new@")).unwrap();
    store.reconfigure(&new).unwrap();
    servers.iter().for_each(|server| remove_old_password(server));
    assert_eq!(calls.get_session("a").await.unwrap().message_count, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_wait_for_replicas_use_a_rotated_password() {
    let server = RedisServer::start();
    set_user(&server, &["on", ">old", "~*", "&*", "+@all"]);
    let url = |password: &str| server.url().replace("://", &format!("://nono:{password}@"));
    let replicated = |password: &str| RedisSettings { min_replicas_ack: 1, ..settings(&url(password)) };
    let store = reach(&replicated("old")).await;
    set_user(&server, &[">new"]);
    store.reconfigure(&replicated("new")).unwrap();
    remove_old_password(&server);
    reachable(&store).await;
    let calls: Store = store.clone();
    let begun = Instant::now();
    loop {
        // Each of the pool's lost connections may fail one call.
        let error = calls.try_create_session(new("a")).await.unwrap_err().to_string();
        if error.contains("0 of 1 replicas acknowledged the write") {
            break;
        }
        assert!(error.contains("closes the connection") && begun.elapsed() < TIMEOUT, "{error}");
    }
}
