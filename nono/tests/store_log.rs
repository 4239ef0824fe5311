//! Log lines about a store that cannot be reached: one per outage and reason, at the default level.

use crate::app::{App, Program};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    path::Path,
    time::{Duration, Instant},
};
use testkit::{Certificates, ClientCertificates, RedisServer};

const PORTS: [&str; 4] = ["--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
/// Timeout for the first line, generous for a busy machine.
const FIRST_LINE_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the address of the admin port in the line of a program that listens.
fn admin(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap();
    format!("http://{}", line["admin"].as_str().unwrap())
}

/// Waits until this number of checks of the store have failed.
async fn wait_for_failed_checks(admin: &str, number: u64) {
    let sample = "nono_store_operation_seconds_count{operation=\"time\",outcome=\"unavailable\"} ";
    let mut failed = 0;
    while failed < number {
        let metrics = reqwest::get(format!("{admin}/metrics")).await.unwrap().text().await.unwrap();
        let value = metrics.lines().find_map(|line| line.strip_prefix(sample)).unwrap();
        failed = value.parse().unwrap();
        tokio::task::yield_now().await;
    }
}

/// Starts a service without a reachable store. Asserts that its log and its readiness report have the reason.
async fn expect_reason(store: impl AsRef<str>, tls_ca: Option<&Path>, code: &str) {
    let tls_ca = tls_ca.map_or("", |path| path.to_str().unwrap());
    let environment = [("NONO_STORE", store.as_ref()), ("NONO_STORE_TLS_CA", tls_ca)];
    let mut program = Program::start("session-service", &PORTS, &environment);
    let admin = admin(&program.wait_for_log("\"message\":\"listening\"").await);
    let begun = Instant::now();
    let line: Value = serde_json::from_str(&program.wait_for_log("store unreachable").await).unwrap();
    assert!(begun.elapsed() < FIRST_LINE_TIMEOUT, "{:?}", begun.elapsed());
    assert_eq!((line["level"].as_str(), line["reason"].as_str()), (Some("WARN"), Some(code)), "{line}");
    let readiness = loop {
        let response = reqwest::get(format!("{admin}/readyz?verbose")).await.unwrap();
        assert_eq!(response.status(), 503);
        let readiness: Value = response.json().await.unwrap();
        if readiness["reasons"] != Value::Null {
            break readiness;
        }
    };
    assert_eq!(readiness["dependencies"]["store"], "down");
    assert_eq!(readiness["reasons"]["store"], line["cause"]);
    assert!(!format!("{line}{readiness}").contains("canary"), "{line} {readiness}");
    let log = program.collect_log();
    wait_for_failed_checks(&admin, 3).await;
    program.signal(Signal::SIGTERM);
    let lines = log.await.unwrap();
    let repeated = lines.iter().filter(|line| line.contains("store unreachable")).count();
    assert_eq!(repeated, 1, "an unchanged reason is logged once: {lines:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_log_line_has_the_reason_why_the_store_is_unreachable() {
    let (absent, server) =
        (RedisServer::absent(), RedisServer::start_with(&["--save", "", "--requirepass", "s"]));
    let wrong_password = server.url().replace("://", "://:canary@");
    tokio::join!(
        expect_reason("redis://no-such-host.invalid", None, "unknown_host"),
        expect_reason(absent.url().replace("://", "://:canary@"), None, "refused"),
        expect_reason(wrong_password, None, "wrong_password"),
        expect_reason(server.url(), None, "password_required"),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_log_line_has_the_reason_why_tls_fails() {
    let certificates = Certificates::make();
    let plain = RedisServer::start();
    let tls = RedisServer::start_tls(&certificates, ClientCertificates::Ignored, &[]);
    let tls_to_plain = plain.url().replace("redis://", "rediss://:canary@");
    let plain_to_tls = tls.url().replace("rediss://", "redis://:canary@");
    tokio::join!(
        expect_reason(tls_to_plain, Some(certificates.ca()), "no_tls"),
        expect_reason(plain_to_tls, None, "tls_required"),
        expect_reason(tls.url(), Some(certificates.other_ca()), "untrusted_certificate"),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_logged_once_and_not_for_each_call() {
    let mut redis = RedisServer::start();
    let mut program = Program::nono(&["--store", &redis.url()], &[]);
    let greeting = program.greeting().await;
    program.wait_for_log("store reachable").await;
    let app = App::at(greeting.split_whitespace().find(|word| word.starts_with("http://")).unwrap());
    app.create("a").await;
    redis.kill();
    for _ in 0..3 {
        let get = async || assert_eq!(app.get("/api/session/a").await.status, 503);
        tokio::join!(get(), get(), get(), get());
    }
    let reason = program.wait_for_log("\"reason\":\"refused\"").await;
    assert!(reason.contains("WARN") && reason.contains(&redis.port().to_string()), "{reason}");
    redis.restart();
    let again = program.wait_for_log("store reachable again").await;
    assert!(again.contains("INFO") && again.contains("outage_seconds"), "{again}");
    let log = program.collect_log();
    program.signal(Signal::SIGTERM);
    let lines = log.await.unwrap();
    let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    // The lost connection and the refused one are two reasons.
    assert!((1..=2).contains(&count("store unreachable")), "{lines:?}");
    assert_eq!((count("store reachable again"), count("store unavailable")), (1, 0), "{lines:?}");
}
