//! Certificates that are replaced while the programs run.

use super::{
    LOCAL, Server, TlsClient,
    deployment::{Deployment, client, metric},
};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};
use testkit::{Authority, CertificatePair};

const RELOADED: &str = "\"message\":\"setting reloaded\"";
const NOT_RELOADED: &str = "setting not reloaded; the previous value stays in use";
const NOT_AFTER: &str = "nono_tls_certificate_not_after_timestamp_seconds";
/// The start of the year 2090, and of 2091.
const YEAR_2090: i64 = 3_786_912_000;
const YEAR_2091: i64 = 3_818_448_000;

fn reloads(side: &str, outcome: &str) -> String {
    format!("nono_tls_reloads_total{{side=\"{side}\",outcome=\"{outcome}\"}}")
}

/// Replaces a pair, requests a reload and waits for it.
async fn replace(server: &mut Server, name: &str, pair: &CertificatePair) {
    server.files.write_pair(name, pair);
    server.program.signal(Signal::SIGHUP);
    server.program.wait_for_log(RELOADED).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_connections_use_a_changed_certificate_within_seconds_and_open_ones_continue() {
    let (authority, next) = (Authority::new("CA"), Authority::new("Next"));
    let mut server = Server::nono(&authority, &[]).await;
    let (old, new) = (TlsClient::new(&authority.pem()), TlsClient::new(&next.pem()));
    let open = old.http(&["h2"]);
    let url = server.url("http", "/api/config");
    assert_eq!(open.get(&url).send().await.unwrap().status(), 200);
    let start = Instant::now();
    server.files.write_pair("server", &next.issue(&LOCAL));
    server.program.wait_for_log(RELOADED).await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(new.http(&["h2"]).get(&url).send().await.unwrap().status(), 200);
    assert_eq!(open.get(&url).send().await.unwrap().status(), 200);
    assert!(old.http(&["h2"]).get(&url).send().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_used_keep_the_previous_certificate_and_are_counted() {
    let authority = Authority::new("CA");
    let (mut server, client) = (Server::nono(&authority, &[]).await, TlsClient::new(&authority.pem()));
    replace(&mut server, "server", &authority.issue_until(2090, &LOCAL)).await;
    let not_after = format!("{NOT_AFTER}{{side=\"server\"}}");
    assert_eq!(server.metric(&client, &not_after).await, YEAR_2090);
    let good = authority.issue(&LOCAL);
    let expired = authority.issue_until(2020, &LOCAL);
    for (cert, key, reason) in [
        (&*good.cert, &*expired.key, "the key does not belong to the certificate"),
        (&expired.cert, &expired.key, "the certificate has expired"),
        ("canary", &good.key, "the file contains no certificate in PEM"),
        ("", &good.key, "the file is empty"),
    ] {
        server.files.write("server.pem", cert);
        server.files.write("server.key", key);
        server.program.signal(Signal::SIGHUP);
        let line = server.program.wait_for_log(reason).await;
        assert!(
            line.contains(NOT_RELOADED) && line.contains("\"WARN\"") && !line.contains("canary"),
            "{line}"
        );
        assert!(client.is_served(server.address("grpc")).await);
    }
    assert!(server.metric(&client, &reloads("server", "rejected")).await >= 4);
    assert_eq!(server.metric(&client, &not_after).await, YEAR_2090);
    replace(&mut server, "server", &authority.issue_until(2091, &LOCAL)).await;
    assert_eq!(server.metric(&client, &not_after).await, YEAR_2091);
    assert_eq!(server.metric(&client, &reloads("server", "reloaded")).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pairs_of_service_and_gateway_are_rotated_without_a_failed_call() {
    let mut deployment = Deployment::start().await;
    let load = deployment.load();
    load.calls(20).await;
    for _ in 0..3 {
        replace(&mut deployment.service, "server", &deployment.authority.issue(&LOCAL)).await;
        replace(&mut deployment.gateway, "client", &deployment.clients.issue_until(2090, &["gateway"])).await;
        deployment.reconnect(&load).await;
        load.calls(20).await;
    }
    load.end().await;
    assert_eq!(metric(&deployment.gateway, &reloads("backend", "reloaded")).await, 3);
    assert_eq!(metric(&deployment.gateway, &format!("{NOT_AFTER}{{side=\"backend\"}}")).await, YEAR_2090);
    assert_eq!(deployment.service.metric(&client(&deployment), &reloads("server", "reloaded")).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_authorities_are_rotated_without_a_failed_call() {
    let mut deployment = Deployment::start().await;
    let (next, next_clients) = (Authority::new("Next CA"), Authority::new("Next clients"));
    let load = deployment.load();
    load.calls(20).await;
    // Both sides trust the next authorities, then use their certificates, then no longer trust the previous ones.
    let bundle = |old: &Authority, new: &Authority| format!("{}{}", old.pem(), new.pem());
    trust(&mut deployment.service, "clients.pem", &bundle(&deployment.clients, &next_clients)).await;
    trust(&mut deployment.gateway, "ca.pem", &bundle(&deployment.authority, &next)).await;
    deployment.reconnect(&load).await;
    replace(&mut deployment.service, "server", &next.issue(&LOCAL)).await;
    deployment.reconnect(&load).await;
    replace(&mut deployment.gateway, "client", &next_clients.issue(&["gateway"])).await;
    deployment.reconnect(&load).await;
    load.calls(20).await;
    trust(&mut deployment.service, "clients.pem", &next_clients.pem()).await;
    trust(&mut deployment.gateway, "ca.pem", &next.pem()).await;
    deployment.reconnect(&load).await;
    load.calls(20).await;
    let known = TlsClient::with_certificate(&next.pem(), &next_clients.issue(&["test"]));
    let unknown = TlsClient::with_certificate(&next.pem(), &deployment.clients.issue(&["test"]));
    assert!(known.is_served(deployment.service.address("grpc")).await);
    assert!(!unknown.is_served(deployment.service.address("grpc")).await);
    load.end().await;
}

/// Replaces a file with authorities, requests a reload and waits for it.
async fn trust(server: &mut Server, file: &str, authorities: &str) {
    server.files.write(file, authorities);
    server.program.signal(Signal::SIGHUP);
    server.program.wait_for_log(RELOADED).await;
}
