//! TLS from the gateway to the service, and the reasons why it fails.

use super::{
    Files, LOCAL, Server, TlsClient,
    deployment::{Deployment, Load, readiness, start_gateway, start_gateway_to},
};
use crate::app::Program;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::{Authority, CertificatePair, RedisServer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_calls_a_service_over_tls_with_its_certificate() {
    let deployment = Deployment::start().await;
    let load = deployment.load();
    load.calls(50).await;
    load.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_certificate_is_reported_with_its_reason() {
    let authority = Authority::new("CA");
    let service = service(&authority.issue_for(Duration::from_secs(3), &LOCAL), None).await;
    let client = TlsClient::new(&authority.pem());
    let start = Instant::now();
    while client.connect(service.address("grpc"), &["h2"]).await.is_ok() {
        assert!(start.elapsed() < Duration::from_secs(10), "the certificate does not expire");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_reported(start_gateway(&service, &authority, None).await, "the certificate has expired; renew it")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_has_the_name_that_is_resolved_and_not_its_addresses() {
    let authority = Authority::new("CA");
    let service = service(&authority.issue(&["localhost"]), None).await;
    // Another spelling of the name is looked up, unlike `localhost`.
    let backend = format!("https://LOCALHOST:{}", service.address("grpc").rsplit(':').next().unwrap());
    let report = readiness(&start_gateway_to(&backend, &authority, None).await, "up").await;
    let endpoints = report["parts"]["session service"].as_object().unwrap();
    assert_eq!(endpoints[service.address("grpc")], "ready", "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_authorities_of_the_system_are_used_by_default() {
    let (authority, files) = (Authority::new("CA"), Files::new());
    let service = service(&authority.issue(&LOCAL), None).await;
    files.write("system.pem", &authority.pem());
    let backend = format!("https://{}", service.address("grpc"));
    let arguments = ["--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--backend", &backend];
    let environment = [("SSL_CERT_FILE", files.path("system.pem"))];
    let environment = environment.each_ref().map(|(name, path)| (*name, path.as_str()));
    let mut gateway = Program::start("gateway", &arguments, &environment);
    let line: Value = serde_json::from_str(&gateway.wait_for_log("listening").await).unwrap();
    let admin = line["admin"].as_str().unwrap();
    let start = Instant::now();
    while Program::run("gateway", &["health", "--admin-listen", admin], &[]).await.0 != Some(0) {
        assert!(start.elapsed() < Duration::from_secs(10), "the gateway is not ready");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_stops_leaves_its_calls_to_another_one() {
    let (authority, redis) = (Authority::new("CA"), RedisServer::start());
    let mut services = Vec::new();
    for _ in 0..2 {
        let files = Files::new();
        files.write_pair("server", &authority.issue(&LOCAL));
        let arguments = ["--store", &redis.url(), "--drain-delay", "1s"];
        services.push(Server::start("session-service", files, &arguments).await);
    }
    let addresses = [services[0].address("grpc"), services[1].address("grpc")].map(str::to_owned);
    let backend = addresses.each_ref().map(|address| format!("https://{address}")).join(",");
    let gateway = start_gateway_to(&backend, &authority, None).await;
    let states = async || readiness(&gateway, "up").await["parts"]["session service"].clone();
    let ready = json!({ &addresses[0]: "ready", &addresses[1]: "ready" });
    while states().await != ready {
        tokio::task::yield_now().await;
    }
    let load = Load::start(&gateway);
    load.calls(50).await;
    services[0].program.signal(Signal::SIGTERM);
    assert_eq!(services[0].program.exit_code().await, Some(0));
    load.calls(50).await;
    load.end().await;
    // The gateway connects again after a pause.
    let start = Instant::now();
    while states().await[&addresses[0]] != "connecting" {
        assert!(start.elapsed() < Duration::from_secs(10), "the end of the connection is not noticed");
    }
}

/// Starts a service with a certificate, and with authorities of clients if they are given.
async fn service(pair: &CertificatePair, clients: Option<&Authority>) -> Server {
    let files = Files::new();
    files.write_pair("server", pair);
    if let Some(clients) = clients {
        files.write("clients.pem", &clients.pem());
    }
    Server::start("session-service", files, &["--store", "memory:"]).await
}

/// Asserts that the gateway reports and logs the reason why it cannot use the service, once.
async fn assert_reported(mut gateway: Server, reason: &str) {
    let report = readiness(&gateway, "down").await;
    let reported = report["reasons"]["session service"].as_str().unwrap();
    assert!(reported.contains(reason), "{reported}");
    let admin = gateway.address("admin").to_owned();
    let (code, _, err) = Program::run("gateway", &["health", "--admin-listen", &admin], &[]).await;
    assert!(code == Some(1) && err.contains(reason), "{err}");
    let log = gateway.program.collect_log();
    gateway.program.signal(Signal::SIGTERM);
    let lines = log.await.unwrap();
    let warnings = lines.iter().filter(|line| line.contains("no TLS connection to the session service"));
    let warnings: Vec<_> = warnings.collect();
    assert!(warnings.len() == 1 && warnings[0].contains(reason), "{lines:?}");
    assert!(warnings[0].contains("\"WARN\""), "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_not_accepted_is_reported_with_its_reason() {
    let (authority, other) = (Authority::new("CA"), Authority::new("Other"));
    let valid = service(&authority.issue(&LOCAL), None).await;
    assert_reported(
        start_gateway(&valid, &other, None).await,
        "authority that is not trusted; set --backend-ca",
    )
    .await;
    let elsewhere = service(&authority.issue(&["elsewhere"]), None).await;
    assert_reported(start_gateway(&elsewhere, &authority, None).await, "not for the host in --backend").await;
    let client_only = service(&authority.issue_client(&LOCAL), None).await;
    assert_reported(start_gateway(&client_only, &authority, None).await, "not for servers").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_client_certificate_is_reported_with_its_reason() {
    let (authority, clients) = (Authority::new("CA"), Authority::new("Clients"));
    let service = service(&authority.issue(&LOCAL), Some(&clients)).await;
    let gateway = start_gateway(&service, &authority, None).await;
    assert_reported(gateway, "the server requires a client certificate; set --backend-client-cert").await;
    let gateway = start_gateway(&service, &authority, Some(&authority.issue(&["gateway"]))).await;
    assert_reported(gateway, "the server rejects the client certificate").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_grpc_over_tls_is_reported_with_its_reason() {
    let authority = Authority::new("CA");
    let plain = Server::start("session-service", Files::new(), &["--store", "memory:"]).await;
    assert_reported(start_gateway(&plain, &authority, None).await, "does not use TLS; use http://").await;
    let nono = Server::nono(&authority, &[]).await;
    let admin = format!("https://{}", nono.address("admin"));
    assert_reported(start_gateway_to(&admin, &authority, None).await, "does not offer HTTP/2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_of_a_service_given_by_address_names_the_address() {
    let authority = Authority::new("CA");
    let service = service(&authority.issue(&["127.0.0.1"]), None).await;
    let backend = format!("https://{}", service.address("grpc"));
    readiness(&start_gateway_to(&backend, &authority, None).await, "up").await;
}
