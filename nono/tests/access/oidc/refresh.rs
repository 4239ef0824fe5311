//! Identity providers that fail, and clients that cause refreshes.

use super::{
    claims, deployment, flags, person,
    provider::{Keys, Provider, document},
    signer::Signer,
};
use crate::access::{Browser, Deployment, address, start_program};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Maximum duration of a request that waits for a refresh: 5 s, and as much as a busy machine needs.
const WAIT: Duration = Duration::from_secs(8);

/// Returns a token with a key id that no other token has.
fn unknown(signer: &Signer) -> String {
    let header = json!({ "alg": "ES256", "kid": uuid::Uuid::new_v4().to_string() });
    signer.sign_with(&header, &claims("ann"))
}

/// Calls the API with a token. Returns the status, the reason and the header `retry-after`.
async fn call(http: &str, token: &str) -> (u16, Value, Option<String>) {
    let response = Browser::with_token(http, token).request(Method::GET, "/api/sessions", None).await;
    let delay = response.headers().get("retry-after").map(|delay| delay.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let problem: Value = response.json().await.unwrap();
    (status, problem["reason"].clone(), delay)
}

async fn refreshes(admin: &str, outcome: &str) -> u32 {
    let metrics = reqwest::get(format!("http://{admin}/metrics")).await.unwrap().text().await.unwrap();
    let name = format!("nono_oidc_refreshes_total{{outcome=\"{outcome}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
}

/// Returns a URL at which nothing listens.
fn unreachable() -> String {
    format!("http://{}/keys", testkit::Port::claim().address())
}

/// Starts `nono` with the keys at a URL, and checks that it serves and cannot check tokens.
async fn assert_tokens_cannot_be_checked(url: &str, reason: &str) {
    let signer = Signer::curve("a");
    let ports =
        ["--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--log-filter", "info,nono=debug"];
    let (mut program, line) = start_program("nono", &[&ports, &flags(url)[..]].concat()).await;
    let (http, admin) = (address(&line, "http"), address(&line, "admin"));
    let start = Instant::now();
    let unavailable = (503, json!("SERVICE_UNAVAILABLE"), Some("5".to_owned()));
    assert_eq!(call(&http, &signer.sign(&claims("ann"))).await, unavailable, "{reason}");
    assert!(start.elapsed() < WAIT, "{reason}: {:?}", start.elapsed());
    assert_eq!(call(&http, "garbage").await.0, 401);
    assert_eq!(Browser::new(&http).status(Method::GET, "/api/sessions", None).await, 401);
    assert_eq!(Browser::new(&http).status(Method::GET, "/", None).await, 200);
    assert!(refreshes(&admin, "failed").await >= 1);
    assert_eq!(refreshes(&admin, "changed").await, 0);
    let log = program.collect_log();
    program.signal(Signal::SIGTERM);
    let log = log.await.unwrap();
    let lines: Vec<_> = log.iter().filter(|line| line.contains("provider cannot be fetched")).collect();
    assert!(lines.len() == 1 && lines[0].contains(reason), "an outage has one line with {reason}: {lines:?}");
    assert!(log.iter().all(|line| !line.contains("canary")), "{log:?}");
}

#[tokio::test]
async fn tokens_get_503_until_there_are_keys() {
    let other = Provider::start(&[&Signer::curve("a")]).await;
    let redirect = Keys::Redirect(other.url.clone());
    for (response, reason) in [
        (Keys::Text("<html>canary"), "not a JSON Web Key Set"),
        (Keys::Text("{\"keys\": [{\"kty\": \"oct\", \"k\": \"canary\"}]}"), "no public key"),
        (Keys::Status(500), "HTTP status 500"),
        (redirect, "a redirect, which is not followed"),
        (Keys::Hanging, "timed out"),
    ] {
        let provider = Provider::start_with(response).await;
        assert_tokens_cannot_be_checked(&provider.url, reason).await;
    }
    assert_eq!(other.fetches(), 0);
    assert_tokens_cannot_be_checked(&unreachable(), "refused").await;
}

#[tokio::test]
async fn a_document_of_a_gigabyte_is_not_read() {
    let provider = Provider::start_with(Keys::Endless).await;
    assert_tokens_cannot_be_checked(&provider.url, "larger than 1 MiB").await;
    let sent = provider.sent();
    assert!(sent < 64 * 1024 * 1024, "{sent} bytes were sent");
}

#[tokio::test]
async fn a_provider_that_returns_is_noticed() {
    let signer = Signer::curve("a");
    let provider = Provider::start_with(Keys::Status(503)).await;
    let mut deployment = deployment(&provider.url, &[]).await;
    let token = signer.sign(&claims("ann"));
    assert_eq!(call(&deployment.http, &token).await.0, 503);
    provider.respond(document(&[&signer]));
    deployment.gateway.wait_for_log("keys of the identity provider have changed").await;
    assert_eq!(call(&deployment.http, &token).await.0, 200);
}

/// Sends tokens with unknown keys at the same time. Returns the statuses.
async fn flood(deployment: &Deployment, signer: &Signer, count: usize) -> Vec<u16> {
    let calls = (0..count).map(|_| {
        let (http, token) = (deployment.http.clone(), unknown(signer));
        tokio::spawn(async move { call(&http, &token).await.0 })
    });
    let mut statuses = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        statuses.push(call.await.unwrap());
    }
    statuses
}

#[tokio::test]
async fn a_flood_of_unknown_keys_causes_one_fetch_and_delays_no_known_key() {
    let signer = Signer::curve("a");
    let provider = Provider::start(&[&signer]).await;
    let deployment = deployment(&provider.url, &[]).await;
    let known = person(&deployment, &signer, "ann");
    known.create("a", "hello").await;
    assert_eq!(provider.fetches(), 1);
    provider.respond(Keys::Hanging);
    let start = Instant::now();
    let known_calls = async {
        let (mut count, mut slowest) = (0, Duration::ZERO);
        while start.elapsed() < Duration::from_secs(3) {
            let begun = Instant::now();
            assert_eq!(known.status(Method::GET, "/api/session/a", None).await, 200);
            (count, slowest) = (count + 1, slowest.max(begun.elapsed()));
        }
        (count, slowest)
    };
    let (statuses, (count, slowest)) = tokio::join!(flood(&deployment, &signer, 100), known_calls);
    assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
    assert!(start.elapsed() < WAIT, "{:?}", start.elapsed());
    assert!(count > 10 && slowest < Duration::from_secs(1), "{count} calls, the slowest took {slowest:?}");
    assert_eq!(provider.fetches(), 2, "all requests share one fetch");
    // Shortly after a refresh, an unknown key is rejected without another one.
    let start = Instant::now();
    assert!(flood(&deployment, &signer, 100).await.iter().all(|status| *status == 401));
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(provider.fetches(), 2);
    assert_eq!(refreshes(&deployment.admin, "failed").await, 1);
    assert_eq!(known.status(Method::GET, "/api/session/a", None).await, 200);
}
