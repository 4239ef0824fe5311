//! The servers are what they are said to be, fail over when they are to, and die with the test.

use std::{
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::Command,
};
use testkit::{Certificates, ClientCertificates, RedisServer};

fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// What `redis-cli` says to PING over TLS.
fn ping(port: u16, ca: &Path, client: Option<(&Path, &Path)>) -> String {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &port.to_string(), "--tls", "--cacert"]).arg(ca);
    if let Some((cert, key)) = client {
        command.arg("--cert").arg(cert).arg("--key").arg(key);
    }
    let output = command.arg("PING").output().expect("there is a redis-cli");
    String::from_utf8(output.stdout).expect("it says text")
}

#[test]
fn a_server_remembers_after_a_restart_and_is_gone_after_a_drop() {
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
fn a_server_that_does_not_start_says_why() {
    RedisServer::start_with(&["--no-such-option", "yes"]);
}

#[test]
fn a_replica_has_what_its_primary_had() {
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
fn tls_takes_a_client_with_the_ca_and_no_other() {
    let certificates = Certificates::make();
    let server = RedisServer::start_tls(&certificates, ClientCertificates::Ignored, &["--save", ""]);
    assert!(server.url().starts_with("rediss://127.0.0.1:"));
    assert_eq!(server.ask(&["PING"]), "+PONG\r\n");
    assert_eq!(ping(server.port(), certificates.ca(), None), "PONG\n");
    assert_eq!(ping(server.port(), certificates.other_ca(), None), "");
}

#[test]
fn tls_takes_no_client_without_a_certificate_where_one_is_required() {
    let certificates = Certificates::make();
    let server = RedisServer::start_tls(&certificates, ClientCertificates::Required, &["--save", ""]);
    let client = (certificates.client_cert(), certificates.client_key());
    assert_eq!(ping(server.port(), certificates.ca(), Some(client)), "PONG\n");
    assert_eq!(ping(server.port(), certificates.ca(), None), "");
}
