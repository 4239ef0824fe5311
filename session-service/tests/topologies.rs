//! What is asked of a Redis that is not on this machine: TLS, passwords, users with few rights, and nodes that share the
//! load.

use crate::suite::harness::*;
use session_service::{
    domain::{Owner, Span},
    store::{
        ListPage, Policy, StoreError,
        redis::{RedisSettings, RedisStore, RedisTls, RedisUrl, SentinelLogin},
    },
};
use std::{fs, path::Path, sync::Arc, time::Duration};
use testkit::{Certificates, ClientCertificates, RedisCluster, RedisServer, SentinelSet};

/// Where the rights that the service needs are written down.
const DOCUMENT: &str = include_str!("../../docs/operations.md");

fn settings(url: &str) -> RedisSettings {
    RedisSettings::at(RedisUrl::parse(url).unwrap())
}

fn store(settings: &RedisSettings) -> Store {
    Arc::new(RedisStore::new(settings, Policy::default()).unwrap())
}

fn pem(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

/// The life of a session, with every call.
async fn live(store: &Store) {
    let begun = std::time::Instant::now();
    while store.time().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(5), "the store is never there");
    }
    for name in ["a", "b", "c"] {
        store.make(name).await;
        store.say_once(name, &["hello"], "r").await.unwrap();
        store.use_again(name).await.unwrap();
        assert_eq!(store.read(name, page(Span::Newest, 10)).await.unwrap().messages.len(), 1);
        assert_eq!(store.fetch(name).await.unwrap().message_count, 1);
    }
    let first = store.list(&Owner::open(), &ListPage { size: size(2), after: None }).await.unwrap();
    assert_eq!((first.sessions.len(), first.total_count), (2, 3));
    store.use_again("a").await.unwrap();
    assert_eq!(store.next_page(2, &first).await.sessions.len(), 1);
    crate::suite::turns::one_turn(store, "a").await;
    for name in ["a", "b", "c"] {
        store.remove(name).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_spoken_to_by_tls_with_its_own_authority() {
    let certificates = Certificates::make();
    let server = RedisServer::start_tls(&certificates, ClientCertificates::Ignored, &[]);
    let mut settings = settings(&server.url());
    settings.tls = RedisTls { ca: Some(pem(certificates.ca())), client: None };
    live(&store(&settings)).await;
    settings.tls.ca = Some(pem(certificates.other_ca()));
    assert_matches!(store(&settings).fetch("a").await, Err(StoreError::Unavailable(_)));
    settings.tls = RedisTls::default();
    assert_matches!(store(&settings).fetch("a").await, Err(StoreError::Unavailable(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_for_a_certificate_gets_ours() {
    let certificates = Certificates::make();
    let server = RedisServer::start_tls(&certificates, ClientCertificates::Required, &[]);
    let mut settings = settings(&server.url());
    settings.tls = RedisTls { ca: Some(pem(certificates.ca())), client: None };
    assert_matches!(store(&settings).fetch("a").await, Err(StoreError::Unavailable(_)));
    settings.tls.client = Some((pem(certificates.client_cert()), pem(certificates.client_key())));
    live(&store(&settings)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_spoken_to_by_tls_node_by_node() {
    let certificates = Certificates::make();
    let cluster = RedisCluster::start_tls(&certificates);
    let mut settings = settings(&cluster.url());
    settings.tls = RedisTls { ca: Some(pem(certificates.ca())), client: None };
    live(&store(&settings)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_and_servers_have_passwords_of_their_own() {
    let set = SentinelSet::start_with_password("serv@rs", "sentinels");
    let url = set.url().replace("://", "://:serv%40rs@");
    let mut settings = settings(&url);
    assert_matches!(store(&settings).fetch("a").await, Err(StoreError::Unavailable(_)));
    settings.sentinel = SentinelLogin { user: None, password: Some("sentinels".into()) };
    live(&store(&settings)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_has_a_password() {
    let cluster = RedisCluster::start_with(&["--requirepass", "secret", "--masterauth", "secret"]);
    live(&store(&settings(&cluster.url().replace("://", "://:secret@")))).await;
}

/// The command that makes a user with the documented rights.
fn restricted() -> Vec<String> {
    let command = DOCUMENT.split("$ redis-cli ").find(|text| text.starts_with("ACL SETUSER nono")).unwrap();
    let command = command.split("```").next().unwrap().replace("\\\n", " ").replace('\'', "");
    command.split_whitespace().map(str::to_owned).collect()
}

/// Makes the user, with the right to say its name where the server knows that.
fn allow(server: &RedisServer, words: &[String]) {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    if server.ask(&[&words[..], &["+client|setinfo"]].concat()) != "+OK\r\n" {
        assert_eq!(server.ask(&words), "+OK\r\n");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_rights_are_enough_and_none_is_too_much() {
    let server = RedisServer::start();
    let words = restricted();
    allow(&server, &words);
    let url = format!("redis://nono:PASSWORD@127.0.0.1:{}", server.port());
    let store = store(&settings(&url));
    live(&store).await;
    // A server that has forgotten the scripts is told them again.
    server.ask(&["SCRIPT", "FLUSH"]);
    // A move that is older than any listing is removed by the next one.
    server.ask(&["LPUSH", "session_move_queue:{:}", "a\n1"]);
    live(&store).await;
    assert_eq!(server.ask(&["ACL", "LOG"]), "*0\r\n", "nothing was asked that is not allowed");
    let rights: Vec<_> = words.iter().filter_map(|word| word.strip_prefix('+')).collect();
    assert!(rights.len() > 20, "{rights:?}");
    let unused: Vec<_> = rights.iter().filter(|right| server.calls(right) == 0).collect();
    assert!(unused.is_empty(), "{unused:?} are documented and not needed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_needs_the_documented_rights_and_no_more() {
    let cluster = RedisCluster::start();
    let mut words = restricted();
    words.extend(["+cluster|slots", "+ping", "+asking"].map(str::to_owned));
    for index in 0..6 {
        allow(cluster.node(index), &words);
    }
    live(&store(&settings(&cluster.url().replace("://", "://nono:PASSWORD@")))).await;
    for index in 0..6 {
        assert_eq!(cluster.node(index).ask(&["ACL", "LOG"]), "*0\r\n");
    }
}

#[tokio::test]
async fn a_store_that_would_lose_sessions_is_named_with_what_to_do() {
    let careless = RedisServer::start_with(&["--save", "", "--maxmemory-policy", "allkeys-lru"]);
    let advice = RedisStore::at(&careless.url(), Policy::default()).unwrap().advice_once_there().await;
    assert_eq!(advice.len(), 2, "{advice:?}");
    assert!(advice[0].contains("allkeys-lru") && advice[1].contains("appendonly"), "{advice:?}");
    let careful = RedisServer::start_durable();
    let advice = RedisStore::at(&careful.url(), Policy::default()).unwrap().advice_once_there().await;
    assert_eq!(advice, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_nodes_of_a_cluster_share_the_load() {
    let cluster = RedisCluster::start();
    let store = store(&settings(&cluster.url()));
    while store.time().await.is_err() {}
    let calls = |command: &str| -> Vec<u64> {
        cluster.primaries().into_iter().map(|index| cluster.node(index).calls(command)).collect()
    };
    let mut making = tokio::task::JoinSet::new();
    for task in 0..8 {
        let store = store.clone();
        making.spawn(async move {
            for n in 0..1250 {
                // Each person has sessions of their own, as where owners are told apart.
                let owner = Owner::named(&format!("person {task} {n}"));
                store.create(&owner, &new(&format!("session {task} {n}"))).await.unwrap();
            }
        });
    }
    making.join_all().await;
    let scripts: Vec<u64> = calls("evalsha").iter().zip(calls("eval")).map(|(a, b)| a + b).collect();
    let all: u64 = scripts.iter().sum();
    assert!(all >= 20_000, "{scripts:?}");
    for node in &scripts {
        let share = *node as f64 / all as f64;
        assert!((0.28..0.39).contains(&share), "the load is uneven: {scripts:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_heals_what_a_failover_lost_and_takes_over_what_one_node_had() {
    let cluster = RedisCluster::start();
    let policy = Policy { max_sessions_per_owner: Some(2), ..Policy::default() };
    let store: Store = Arc::new(RedisStore::at(&cluster.url(), policy).unwrap());
    while store.time().await.is_err() {}
    store.make("a").await;
    // As after a failover of the list's node that lost a write, and the owner has gone on to the limit.
    let (list, index) = (cluster.primary_of("session_index:{:}"), "session_index:{:}");
    cluster.node(list).ask(&["ZREM", index, "a"]);
    store.make("b").await;
    store.make("c").await;
    assert_eq!(store.first_page(10).await.sessions.len(), 2);
    store.say("a", &["still here"]).await.unwrap();
    assert_eq!(store.first_page(10).await.sessions.len(), 3);
    // As a session that was made before there was a cluster.
    let record = cluster.primary_of("session:{a}");
    assert_eq!(cluster.node(record).ask(&["HDEL", "session:{a}", "given"]), ":1\r\n");
    store.say("a", &["and here"]).await.unwrap();
    cluster.node(record).ask(&["HDEL", "session:{a}", "given"]);
    assert_eq!(store.use_again("a").await.unwrap().message_count, 2);
    store.remove("a").await.unwrap();
    let left = store.first_page(10).await;
    assert_eq!((left.sessions.len(), left.total_count), (2, 2));
}
