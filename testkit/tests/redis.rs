//! The servers start as configured, fail over, and end with the test.

use std::{
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use testkit::{Certificates, ClientCertificates, RedisCluster, RedisServer, SentinelSet};

/// Timeout for the start of a set of servers, generous for busy machines.
const START_TIMEOUT: Duration = Duration::from_secs(15);

fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Returns the output of `redis-cli PING` over TLS.
fn ping(port: u16, ca: &Path, client: Option<(&Path, &Path)>) -> String {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &port.to_string(), "--tls", "--cacert"]).arg(ca);
    if let Some((cert, key)) = client {
        command.arg("--cert").arg(cert).arg("--key").arg(key);
    }
    let output = command.arg("PING").output().expect("redis-cli can be started");
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

#[test]
fn a_durable_server_keeps_data_over_a_restart_and_ends_on_drop() {
    let mut server = RedisServer::start_durable();
    server.ask(&["SET", "a", "é"]);
    server.kill();
    assert!(!is_open(server.port()));
    server.restart();
    assert_eq!(server.ask(&["GET", "a"]), "$2\r\né\r\n");
    assert_eq!(server.calls("get"), 1);
    let port = server.port();
    drop(server);
    assert!(!is_open(port));
}

#[test]
#[should_panic(expected = "Bad directive")]
fn a_failed_start_reports_the_log_of_the_server() {
    RedisServer::start_with(&["--no-such-option", "yes"]);
}

#[test]
fn a_replica_has_the_data_of_its_primary() {
    for options in [&["--save", ""][..], &["--save", "", "--requirepass", "secret"]] {
        let primary = RedisServer::start_with(options);
        let replica = RedisServer::start_replica_of(&primary);
        primary.ask(&["SET", "a", "1"]);
        primary.await_replica(1);
        assert_eq!(replica.ask(&["GET", "a"]), "$1\r\n1\r\n");
        assert!(replica.ask(&["SET", "a", "2"]).starts_with("-READONLY"));
    }
}

#[test]
fn tls_accepts_clients_with_the_right_ca_only() {
    let certificates = Certificates::make();
    let server = RedisServer::start_tls(&certificates, ClientCertificates::Ignored, &["--save", ""]);
    assert!(server.url().starts_with("rediss://127.0.0.1:"));
    assert_eq!(server.ask(&["PING"]), "+PONG\r\n");
    assert_eq!(ping(server.port(), certificates.ca(), None), "PONG\n");
    assert_eq!(ping(server.port(), certificates.other_ca(), None), "");
}

#[test]
fn tls_rejects_clients_without_a_required_certificate() {
    let certificates = Certificates::make();
    let server = RedisServer::start_tls(&certificates, ClientCertificates::Required, &["--save", ""]);
    let client = (certificates.client_cert(), certificates.client_key());
    assert_eq!(ping(server.port(), certificates.ca(), Some(client)), "PONG\n");
    assert_eq!(ping(server.port(), certificates.ca(), None), "");
}

#[test]
fn the_sentinels_replace_a_killed_primary_and_keep_its_data() {
    let started = Instant::now();
    let mut set = SentinelSet::start();
    assert!(started.elapsed() < START_TIMEOUT);
    assert_eq!(set.primary(), 0);
    set.server(0).ask(&["SET", "a", "1"]);
    set.server(0).await_replica(2);
    set.kill(0);
    set.await_failover(0);
    let second = set.primary();
    assert_ne!(second, 0);
    assert_eq!(set.server(second).ask(&["GET", "a"]), "$1\r\n1\r\n");
    assert_eq!(set.server(second).ask(&["SET", "a", "2"]), "+OK\r\n");
    set.restart(0);
    set.follow(0);
    set.await_settled();
    assert_eq!(set.server(0).ask(&["GET", "a"]), "$1\r\n2\r\n");
}

#[test]
fn the_sentinels_replace_a_primary_on_command_or_when_it_hangs_and_require_passwords() {
    let mut set = SentinelSet::start_with_password("secret", "other");
    set.failover();
    set.follow(0);
    set.await_settled();
    let second = set.primary();
    set.kill_sentinel(1);
    set.freeze(second);
    set.await_failover(second);
    set.thaw(second);
    set.restart_sentinel(1);
    set.follow(second);
    set.await_settled();
    for (port, password) in [(set.server(0).port(), "secret"), (set.sentinel_ports()[0], "other")] {
        let response = |extra: &[&str]| {
            let output =
                Command::new("redis-cli").args(["-p", &port.to_string()]).args(extra).arg("PING").output();
            String::from_utf8(output.unwrap().stdout).unwrap()
        };
        assert!(response(&[]).starts_with("NOAUTH"));
        assert_eq!(response(&["-a", password]), "PONG\n");
    }
}

#[test]
fn a_sentinel_set_ends_on_drop() {
    let set = SentinelSet::start();
    let mut ports = set.sentinel_ports();
    ports.extend((0..3).map(|index| set.server(index).port()));
    assert!(ports.iter().all(|port| is_open(*port)));
    set.freeze(1);
    drop(set);
    assert!(!ports.iter().any(|port| is_open(*port)));
}

#[test]
fn a_cluster_replaces_a_killed_primary_and_keeps_its_data() {
    let started = Instant::now();
    let mut cluster = RedisCluster::start();
    assert!(started.elapsed() < START_TIMEOUT);
    assert_eq!(cluster.primaries(), [0, 1, 2]);
    let first = cluster.primary_of("a");
    cluster.node(first).ask(&["SET", "a", "1"]);
    cluster.node(first).await_replica(1);
    let replica = cluster.replica_of(first);
    cluster.kill(first);
    cluster.await_failover("a", first);
    assert_eq!(cluster.primary_of("a"), replica);
    assert_eq!(cluster.node(replica).ask(&["GET", "a"]), "$1\r\n1\r\n");
    cluster.restart(first);
    cluster.await_settled();
    assert_eq!(cluster.replica_of(replica), first);
    cluster.failover(replica);
    assert_eq!(cluster.primary_of("a"), first);
}

#[test]
fn a_slot_can_be_migrated_in_two_steps() {
    let cluster = RedisCluster::start_with(&["--requirepass", "secret", "--masterauth", "secret"]);
    let (slot, from) = (cluster.slot("{a}"), cluster.primary_of("{a}"));
    let to = cluster.primaries().into_iter().find(|index| *index != from).unwrap();
    let mut keys: Vec<_> = (0..20).map(|number| format!("{{a}}{number}")).collect();
    keys.iter().for_each(|key| assert_eq!(cluster.node(from).ask(&["SET", key, "1"]), "+OK\r\n"));
    keys.sort_unstable();
    cluster.begin_migration(slot, from, to);
    assert_eq!(cluster.migrate_keys(slot, from, to, 10), 10);
    assert_eq!(cluster.primary_of("{a}"), from);
    let moved = keys.iter().filter(|key| cluster.node(from).ask(&["GET", key]).starts_with("-ASK")).count();
    assert_eq!(moved, 10);
    assert_eq!(cluster.keys(), keys);
    assert_eq!(cluster.migrate_keys(slot, from, to, 100), 10);
    assert_eq!(cluster.migrate_keys(slot, from, to, 100), 0);
    cluster.end_migration(slot, to);
    cluster.await_settled();
    assert_eq!(cluster.primary_of("{a}"), to);
    assert_eq!(cluster.keys(), keys);
    assert!(cluster.node(from).ask(&["GET", "{a}1"]).starts_with("-MOVED"));
}

#[test]
fn a_cluster_accepts_tls_only_and_ends_on_drop() {
    let certificates = Certificates::make();
    let cluster = RedisCluster::start_tls(&certificates);
    let ports: Vec<_> = (0..6).map(|index| cluster.node(index).port()).collect();
    let names: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    assert_eq!(cluster.url(), format!("rediss+cluster://{}", names.join(",")));
    assert_eq!(ping(ports[0], certificates.ca(), None), "PONG\n");
    assert_eq!(ping(ports[0], certificates.other_ca(), None), "");
    cluster.freeze(2);
    drop(cluster);
    assert!(!ports.iter().any(|port| is_open(*port)));
}
