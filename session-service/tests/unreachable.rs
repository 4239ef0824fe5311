//! Reasons why a store cannot be reached, as the doctor reports them, each with advice for exactly this reason.

use session_service::{
    doctor,
    store::{
        Policy,
        redis::{RedisSettings, RedisTls, RedisUrl},
    },
};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    thread,
};
use testkit::{Certificates, ClientCertificates, RedisServer, SentinelSet};

fn settings(url: &str) -> RedisSettings {
    RedisSettings::from_url(RedisUrl::parse(url).unwrap())
}

fn with_ca(url: &str, ca: &Path) -> RedisSettings {
    let tls = RedisTls { ca: Some(std::fs::read(ca).unwrap()), client: None };
    RedisSettings { tls, ..settings(url) }
}

/// Runs the doctor and asserts that its only finding is this reason and advice.
async fn expect(settings: RedisSettings, reason: impl AsRef<str>, advice: &str) {
    let report = doctor::run(&settings, Policy::default(), 10, false).await;
    let (text, reason) = (report.text.trim_end(), reason.as_ref());
    assert_eq!(report.errors, 1, "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    let (found_reason, found_advice) = text.split_once(": ").unwrap();
    assert!(found_reason.starts_with("error   ") && found_reason.ends_with(reason), "{reason}: {text}");
    assert!(found_advice.contains(advice), "{advice}: {text}");
    assert!(!text.contains("canary"), "{text}");
}

/// Starts a web server, which rejects every request. Returns its address as that of a store.
fn web_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://:canary@{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_address_has_a_reason_and_advice() {
    let (absent, frozen) = (RedisServer::absent(), RedisServer::start());
    frozen.freeze();
    tokio::join!(
        expect(
            settings(&absent.url()),
            format!("127.0.0.1:{} refuses connections", absent.port()),
            "runs there"
        ),
        expect(settings("redis://:canary@no-such-host.invalid"), "host name that cannot be resolved", "DNS"),
        expect(settings(&frozen.url()), format!("127.0.0.1:{} does not respond", frozen.port()), "firewalls"),
        expect(settings(&web_server()), "is not a Redis server", "check the host and port"),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_credentials_have_a_reason_and_advice() {
    let server = RedisServer::start_with(&["--save", "", "--requirepass", "secret"]);
    server.ask(&["ACL", "SETUSER", "limited", "on", ">canary", "~*", "+@all", "-script|load"]);
    let full = RedisServer::start();
    full.ask(&["CONFIG", "SET", "maxclients", "1"]);
    let _only_client = TcpStream::connect(("127.0.0.1", full.port())).unwrap();
    let at = |credentials: &str| settings(&format!("redis://{credentials}127.0.0.1:{}", server.port()));
    tokio::join!(
        expect(at(""), "requires a password (NOAUTH)", "redis://:password@host"),
        expect(at(":canary@"), "rejects the user or the password (WRONGPASS)", "correct them"),
        expect(at("unknown:canary@"), "rejects the user or the password (WRONGPASS)", "correct them"),
        expect(
            at("limited:canary@"),
            "does not permit its user to run 'script|load' (NOPERM)",
            "permissions"
        ),
        expect(settings(&full.url()), "has reached its maximum number of clients", "maxclients"),
        expect(
            settings(&full.url().replace("://", "://:canary@")),
            "maximum number of clients",
            "maxclients"
        ),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mismatched_tls_has_a_reason_and_advice() {
    let certificates = Certificates::make();
    let plain = RedisServer::start();
    let tls = RedisServer::start_tls(&certificates, ClientCertificates::Ignored, &[]);
    let mutual = RedisServer::start_tls(&certificates, ClientCertificates::Required, &[]);
    tokio::join!(
        expect(
            with_ca(&plain.url().replace("redis", "rediss"), certificates.ca()),
            "does not use TLS",
            "redis://"
        ),
        expect(settings(&tls.url().replace("rediss://", "redis://:canary@")), "requires TLS", "rediss://"),
        expect(
            with_ca(&tls.url(), certificates.other_ca()),
            "has a certificate that is not trusted",
            "--store-tls-ca"
        ),
        expect(
            with_ca(&mutual.url(), certificates.ca()),
            "rejects the client certificate or requires one",
            "--store-tls-cert"
        ),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mismatched_topologies_have_a_reason_and_advice() {
    let (server, set, absent) = (RedisServer::start(), SentinelSet::start(), RedisServer::absent());
    let cluster = server.url().replace("redis://", "redis+cluster://");
    let absent_sentinel = format!("redis+sentinel://127.0.0.1:{}/main", absent.port());
    let absent_cluster = absent.url().replace("redis://", "redis+cluster://");
    let (sentinels, _) =
        set.url().rsplit_once('/').map(|(url, name)| (url.to_owned(), name.to_owned())).unwrap();
    tokio::join!(
        expect(settings(&cluster), "is not part of a cluster", "redis:// instead of redis+cluster://"),
        expect(
            settings(&format!("{sentinels}/other")),
            "does not know a primary named other",
            "SENTINEL MASTERS"
        ),
        expect(
            settings(&absent_sentinel),
            format!("the Sentinel 127.0.0.1:{} refuses connections", absent.port()),
            "host and port"
        ),
        expect(
            settings(&absent_cluster),
            format!("the node 127.0.0.1:{} refuses connections", absent.port()),
            "host and port"
        ),
    );
}

#[test]
fn every_reason_is_documented() {
    let sources = [
        include_str!("../src/store/redis/client/problem.rs"),
        include_str!("../src/store/redis/client/failure.rs"),
    ];
    let document = include_str!("../../docs/operations.md");
    let table = document.split("### Reasons").nth(1).unwrap();
    let (mut codes, text) = (Vec::new(), sources.concat());
    for rest in text.split("Problem(").chain(text.split("code: ")).skip(1) {
        let code = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
        codes.extend(code);
    }
    assert!(codes.len() > 20, "{codes:?}");
    for code in codes {
        assert!(table.contains(&format!("`{code}`")), "{code} is not documented");
    }
}
