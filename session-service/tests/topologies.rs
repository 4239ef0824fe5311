//! Remote deployments of Redis: TLS, passwords, minimal permissions and distribution over nodes.

use crate::suite::harness::*;
use session_service::{
    domain::{HistoryRange, Owner},
    store::{
        ListPage, Policy, StoreError,
        redis::{RedisSettings, RedisStore, RedisTls, RedisUrl, SentinelCredentials},
    },
};
use std::{fs, path::Path, sync::Arc, time::Duration};
use testkit::{Certificates, ClientCertificates, RedisCluster, RedisServer, SentinelSet};

/// Document with the permissions that the service needs.
const DOCUMENT: &str = include_str!("../../docs/operations.md");

fn settings(url: &str) -> RedisSettings {
    RedisSettings::from_url(RedisUrl::parse(url).unwrap())
}

fn store(settings: &RedisSettings) -> Store {
    Arc::new(RedisStore::new(settings, Policy::default()).unwrap())
}

fn pem(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

/// Runs every call on one session.
async fn live(store: &Store) {
    let begun = std::time::Instant::now();
    while store.time().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(5), "the store is never there");
    }
    for name in ["a", "b", "c"] {
        store.create_session(name).await;
        store.append_texts_with_id(name, &["hello"], "r").await.unwrap();
        store.touch_session(name).await.unwrap();
        assert_eq!(store.read_history(name, page(HistoryRange::Latest, 10)).await.unwrap().messages.len(), 1);
        assert_eq!(store.get_session(name).await.unwrap().message_count, 1);
    }
    let first = store.list(&Owner::open(), &ListPage { size: size(2), after: None }).await.unwrap();
    assert_eq!((first.sessions.len(), first.total_count), (2, 3));
    store.touch_session("a").await.unwrap();
    assert_eq!(store.list_next_page(2, &first).await.sessions.len(), 1);
    crate::suite::turns::one_turn(store, "a").await;
    for name in ["a", "b", "c"] {
        store.delete_session(name).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_uses_the_configured_authority() {
    let certificates = Certificates::make();
    let server = RedisServer::start_tls(&certificates, ClientCertificates::Ignored, &[]);
    let mut settings = settings(&server.url());
    settings.tls = RedisTls { ca: Some(pem(certificates.ca())), client: None };
    live(&store(&settings)).await;
    settings.tls.ca = Some(pem(certificates.other_ca()));
    assert_matches!(store(&settings).get_session("a").await, Err(StoreError::Unavailable(_)));
    settings.tls = RedisTls::default();
    assert_matches!(store(&settings).get_session("a").await, Err(StoreError::Unavailable(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_certificate_is_sent() {
    let certificates = Certificates::make();
    let server = RedisServer::start_tls(&certificates, ClientCertificates::Required, &[]);
    let mut settings = settings(&server.url());
    settings.tls = RedisTls { ca: Some(pem(certificates.ca())), client: None };
    assert_matches!(store(&settings).get_session("a").await, Err(StoreError::Unavailable(_)));
    settings.tls.client = Some((pem(certificates.client_cert()), pem(certificates.client_key())));
    live(&store(&settings)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_used_for_every_node_of_a_cluster() {
    let certificates = Certificates::make();
    let cluster = RedisCluster::start_tls(&certificates);
    let mut settings = settings(&cluster.url());
    settings.tls = RedisTls { ca: Some(pem(certificates.ca())), client: None };
    live(&store(&settings)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_and_servers_have_separate_passwords() {
    let set = SentinelSet::start_with_password("serv@rs", "sentinels");
    let url = set.url().replace("://", "://:serv%40rs@");
    let mut settings = settings(&url);
    assert_matches!(store(&settings).get_session("a").await, Err(StoreError::Unavailable(_)));
    settings.sentinel = SentinelCredentials { user: None, password: Some("sentinels".into()) };
    live(&store(&settings)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_passwords_are_used() {
    let cluster = RedisCluster::start_with(&["--requirepass", "secret", "--masterauth", "secret"]);
    live(&store(&settings(&cluster.url().replace("://", "://:secret@")))).await;
}

/// Returns the command that creates a user with the documented permissions.
fn restricted() -> Vec<String> {
    let command = DOCUMENT.split("$ redis-cli ").find(|text| text.starts_with("ACL SETUSER nono")).unwrap();
    let command = command.split("```").next().unwrap().replace("\\\n", " ").replace('\'', "");
    command.split_whitespace().map(str::to_owned).collect()
}

/// Creates the user, with the permission to set its name if the server knows that command.
fn allow(server: &RedisServer, words: &[String]) {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    if server.ask(&[&words[..], &["+client|setinfo"]].concat()) != "+OK\r\n" {
        assert_eq!(server.ask(&words), "+OK\r\n");
    }
}

/// Returns the commands of Redis in a script: the names in capitals that are the first argument of a function.
fn commands(script: &str) -> impl Iterator<Item = &str> {
    let names = script.split("('").skip(1).filter_map(|rest| rest.split('\'').next());
    names.filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase()))
}

#[test]
fn the_documented_acl_has_every_command_of_the_scripts() {
    let words = restricted();
    let (mut checked, mut missing) = (0, Vec::new());
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/redis/scripts")).unwrap() {
        let path = file.unwrap().path();
        for command in commands(&fs::read_to_string(&path).unwrap()) {
            checked += 1;
            if !words.contains(&format!("+{}", command.to_lowercase())) {
                missing.push(format!("{}: {command}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "commands that are not allowed: {missing:?}");
    assert!(checked > 50, "only {checked} commands were found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_acl_is_sufficient_and_minimal() {
    let server = RedisServer::start();
    let words = restricted();
    allow(&server, &words);
    let url = format!("redis://nono:PASSWORD@127.0.0.1:{}", server.port());
    let store = store(&settings(&url));
    live(&store).await;
    // Scripts are loaded again into a server that lost them.
    server.ask(&["SCRIPT", "FLUSH"]);
    // A move older than any listing is removed by the next move.
    server.ask(&["LPUSH", "session_move_queue:{:}", "a\n1"]);
    live(&store).await;
    assert_eq!(server.ask(&["ACL", "LOG"]), "*0\r\n", "nothing was asked that is not allowed");
    let rights: Vec<_> = words.iter().filter_map(|word| word.strip_prefix('+')).collect();
    assert!(rights.len() > 20, "{rights:?}");
    let unused: Vec<_> = rights.iter().filter(|right| server.calls(right) == 0).collect();
    assert!(unused.is_empty(), "{unused:?} are documented and not needed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_acl_is_sufficient_and_minimal_in_a_cluster() {
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
async fn risky_configurations_produce_recommendations() {
    let careless = RedisServer::start_with(&["--save", "", "--maxmemory-policy", "allkeys-lru"]);
    let advice = RedisStore::from_url(&careless.url(), Policy::default()).unwrap().wait_and_check().await;
    assert_eq!(advice.len(), 2, "{advice:?}");
    assert!(advice[0].contains("allkeys-lru") && advice[1].contains("appendonly"), "{advice:?}");
    let careful = RedisServer::start_durable();
    let advice = RedisStore::from_url(&careful.url(), Policy::default()).unwrap().wait_and_check().await;
    assert_eq!(advice, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_spread_over_the_nodes_of_a_cluster() {
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
                // Every user has their own sessions, as in a deployment with authentication.
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
async fn a_cluster_restores_lost_index_entries_and_reads_records_of_a_single_node() {
    let cluster = RedisCluster::start();
    let policy = Policy { max_sessions_per_owner: Some(2), ..Policy::default() };
    let store: Store = Arc::new(RedisStore::from_url(&cluster.url(), policy).unwrap());
    while store.time().await.is_err() {}
    store.create_session("a").await;
    // As if a failover of the index's node lost a write, and the owner then reached the limit.
    let (list, index) = (cluster.primary_of("session_index:{:}"), "session_index:{:}");
    cluster.node(list).ask(&["ZREM", index, "a"]);
    store.create_session("b").await;
    store.create_session("c").await;
    assert_eq!(store.list_first_page(10).await.sessions.len(), 2);
    store.append_texts("a", &["still here"]).await.unwrap();
    assert_eq!(store.list_first_page(10).await.sessions.len(), 3);
    // Like a session created on a single node, before the migration to a cluster.
    let record = cluster.primary_of("session:{a}");
    assert_eq!(cluster.node(record).ask(&["HDEL", "session:{a}", "given"]), ":1\r\n");
    store.append_texts("a", &["and here"]).await.unwrap();
    cluster.node(record).ask(&["HDEL", "session:{a}", "given"]);
    assert_eq!(store.touch_session("a").await.unwrap().message_count, 2);
    store.delete_session("a").await.unwrap();
    let left = store.list_first_page(10).await;
    assert_eq!((left.sessions.len(), left.total_count), (2, 2));
}
