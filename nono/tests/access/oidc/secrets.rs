//! Tokens in logs at the most detailed level, and in metrics.

use super::{
    claims, deployment,
    provider::Provider,
    signer::{Signer, sign_hs256, unsigned},
};
use crate::access::{Browser, rest::respond};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// Returns tokens that are valid, wrong and damaged, with canaries in each part.
fn tokens(signer: &Signer) -> Vec<String> {
    let claims = |changes: Value| {
        let mut claims = claims("canary-subject");
        claims["email"] = json!("canary@example.org");
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims
    };
    let valid = signer.sign(&claims(json!({})));
    vec![
        format!("{}canary", &valid[..valid.len() - 10]),
        signer.sign(&claims(json!({ "exp": 1 }))),
        signer.sign(&claims(json!({ "iss": "https://canary.example.org" }))),
        signer.sign(&claims(json!({ "aud": "canary" }))),
        signer.sign(&claims(json!({ "sub": ["canary"] }))),
        signer.sign_with(&json!({ "alg": "ES256", "kid": "canary-key" }), &claims(json!({}))),
        signer.sign_with(&json!({ "alg": "canary", "kid": "canary-key" }), &claims(json!({}))),
        unsigned(&json!({ "alg": "none" }), &claims(json!({}))),
        sign_hs256("a", b"canary", &claims(json!({}))),
        "canary.canary.canary".into(),
        valid,
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_responses_and_metrics_contain_no_part_of_a_token() {
    let signer = Signer::curve("a");
    let provider = Provider::start(&[&signer]).await;
    let further =
        ["--log-filter", "trace", "--auth-proxy-header", "x-user", "--trusted-proxies", "127.0.0.1"];
    let mut deployment = deployment(&provider.url, &further).await;
    let log = deployment.gateway.collect_log();
    let tokens = tokens(&signer);
    for (number, token) in tokens.iter().enumerate() {
        let person = Browser::with_token(&deployment.http, token);
        let response = respond(&person, "get /api/sessions", &[]).await;
        assert_eq!(response.status(), if number + 1 == tokens.len() { 200 } else { 401 }, "{token}");
        let (headers, body) = (format!("{:?}", response.headers()), response.text().await.unwrap());
        assert_clean("response", &format!("{headers} {body}"), &tokens);
    }
    let proxy = Browser::new(&deployment.http);
    assert_eq!(respond(&proxy, "get /api/sessions", &[("x-user", "canary-user")]).await.status(), 200);
    let metrics =
        reqwest::get(format!("http://{}/metrics", deployment.admin)).await.unwrap().text().await.unwrap();
    assert_clean("metrics", &metrics, &tokens);
    deployment.gateway.signal(Signal::SIGTERM);
    let log = log.await.unwrap();
    assert!(log.len() > 100 && log.iter().any(|line| line.contains("TRACE")), "{} lines", log.len());
    log.iter().for_each(|line| assert_clean("log", line, &tokens));
}

/// Checks that a text has neither a canary nor a part of a token.
fn assert_clean(name: &str, text: &str, tokens: &[String]) {
    assert!(!text.to_lowercase().contains("canary"), "{name}: {text}");
    for part in tokens.iter().flat_map(|token| token.split('.')).filter(|part| part.len() > 8) {
        assert!(!text.contains(part), "{name}: {text}");
    }
}
