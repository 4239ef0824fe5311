//! Every route of the OpenAPI document with tokens that are absent, wrong, or of another owner.

use super::{
    claims, deployment, person,
    provider::{ISSUER, Provider, now},
    signer::{Signer, sign_hs256, unsigned},
};
use crate::access::{
    Browser,
    rest::{PUBLIC, assert_sessions_are_hidden, operations, respond},
};
use reqwest::{Method, Response};
use serde_json::{Value, json};

const LOGIN: &str = "https://login.example.org/?from=nono";

/// Returns the claims of a valid token of `ann` with other values. A claim that is `null` is removed.
fn claims_with(changes: &Value) -> Value {
    let mut claims = claims("ann");
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

/// Returns tokens that are not valid, by the reason. The keys `rsa` and `curve` are known.
fn wrong_tokens(rsa: &Signer, curve: &Signer) -> Vec<(&'static str, String)> {
    let valid = rsa.sign(&claims("ann"));
    let (input, signature) = valid.rsplit_once('.').unwrap();
    let (header, _) = input.split_once('.').unwrap();
    let with = |changes: Value| rsa.sign(&claims_with(&changes));
    let header_with = |header: Value| rsa.sign_with(&header, &claims("ann"));
    let none = |algorithm: &str| unsigned(&json!({ "alg": algorithm, "kid": "rsa" }), &claims("ann"));
    let impostor = curve.sign(&claims("bob"));
    vec![
        ("garbage", "garbage".into()),
        ("empty parts", "..".into()),
        ("four parts", format!("{valid}.x")),
        ("no signature", format!("{input}.")),
        ("truncated", valid[..valid.len() - 3].into()),
        ("other payload", format!("{header}.{}.{signature}", impostor.split('.').nth(1).unwrap())),
        ("alg none", none("none")),
        ("alg None", none("None")),
        ("alg none with a signature", format!("{}{signature}", none("none"))),
        ("HS256 with the PEM", sign_hs256("rsa", rsa.pem().as_bytes(), &claims("ann"))),
        ("HS256 with the modulus", sign_hs256("rsa", rsa.modulus(), &claims("ann"))),
        (
            "HS256 with the JWK",
            sign_hs256("rsa", rsa.jwk()["n"].as_str().unwrap().as_bytes(), &claims("ann")),
        ),
        ("algorithm that is not accepted", header_with(json!({ "alg": "PS256", "kid": "rsa" }))),
        ("algorithm of another type", header_with(json!({ "alg": "ES256", "kid": "rsa" }))),
        ("key of another type", header_with(json!({ "alg": "RS256", "kid": "curve" }))),
        ("unknown kid", header_with(json!({ "alg": "RS256", "kid": "unknown" }))),
        ("no kid", header_with(json!({ "alg": "RS256" }))),
        ("wrong key", Signer::curve("curve").sign(&claims("ann"))),
        ("key in the token", Signer::curve("x").sign_with(&own_key("curve"), &claims("ann"))),
        ("crit", header_with(json!({ "alg": "RS256", "kid": "rsa", "crit": ["exp"] }))),
        ("issuer", with(json!({ "iss": "https://evil.example.org" }))),
        ("issuer with a slash", with(json!({ "iss": format!("{ISSUER}/") }))),
        ("issuers", with(json!({ "iss": [ISSUER] }))),
        ("no issuer", with(json!({ "iss": null }))),
        ("audience", with(json!({ "aud": ["other"] }))),
        ("audience by its beginning", with(json!({ "aud": "nono2" }))),
        ("audience of another type", with(json!({ "aud": 1 }))),
        ("no audience", with(json!({ "aud": null }))),
        ("expired", with(json!({ "exp": now() - 60 }))),
        ("no exp", with(json!({ "exp": null }))),
        ("exp of another type", with(json!({ "exp": "never" }))),
        ("exp beyond integers", with(json!({ "exp": 1e300 }))),
        ("not yet valid", with(json!({ "nbf": now() + 60 }))),
        ("nbf of another type", with(json!({ "nbf": "now" }))),
        ("issued in the future", with(json!({ "iat": now() + 60 }))),
        ("no sub", with(json!({ "sub": null }))),
        ("empty sub", with(json!({ "sub": "" }))),
        ("sub of another type", with(json!({ "sub": 1 }))),
        ("long sub", with(json!({ "sub": "x".repeat(512) }))),
        ("too long", with(json!({ "padding": "x".repeat(8 * 1024) }))),
    ]
}

/// Returns a header that contains the key to trust.
fn own_key(id: &str) -> Value {
    json!({ "alg": "ES256", "kid": id, "jwk": Signer::curve(id).jwk(), "jku": "http://127.0.0.1:1/keys" })
}

/// Checks a response 401 and returns its detail.
async fn detail(context: &str, response: Response, challenge: &str) -> String {
    assert_eq!(response.status(), 401, "{context}");
    assert_eq!(response.headers()["www-authenticate"], challenge, "{context}");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(
        (&problem["reason"], &problem["login_url"]),
        (&json!("UNAUTHENTICATED"), &json!(LOGIN)),
        "{context}"
    );
    problem["detail"].as_str().unwrap().to_owned()
}

const NO_TOKEN: &str = "Bearer realm=\"nono\"";
const INVALID_TOKEN: &str = "Bearer realm=\"nono\", error=\"invalid_token\"";

#[tokio::test]
async fn every_route_rejects_absent_and_wrong_tokens() {
    let (rsa, curve) = (Signer::rsa("rsa"), Signer::curve("curve"));
    let provider = Provider::start(&[&rsa, &curve]).await;
    let deployment = deployment(&provider.url, &["--login-url", LOGIN]).await;
    let ann = person(&deployment, &rsa, "ann");
    ann.create("a", "of ann").await;
    let wrong = wrong_tokens(&rsa, &curve);
    let operations = operations(&ann).await;
    assert!(operations.len() > 10);
    let stranger = Browser::new(&deployment.http);
    for operation in operations.iter().filter(|operation| !PUBLIC.contains(&operation.as_str())) {
        let absent =
            respond(&stranger, operation, &[("nono-owner", "ann"), ("cookie", "nono_owner=a.b")]).await;
        assert!(detail(operation, absent, NO_TOKEN).await.contains("no credential"));
        for (reason, token) in &wrong {
            let context = format!("{operation} {reason}");
            let response = respond(&Browser::with_token(&deployment.http, token), operation, &[]).await;
            let detail = detail(&context, response, INVALID_TOKEN).await;
            assert_eq!(detail.contains("expired"), *reason == "expired", "{context}: {detail}");
            assert!(!detail.contains("ann") && !detail.contains("evil"), "{context}: {detail}");
        }
        let valid = rsa.sign(&claims("ann"));
        let (basic, bearer) = (format!("Basic {valid}"), format!("Bearer {valid}"));
        for headers in [
            &[("authorization", basic.as_str())][..],
            &[("authorization", &valid)],
            &[("authorization", "Bearer ")],
            &[("authorization", &bearer), ("authorization", &bearer)],
        ] {
            detail(operation, respond(&stranger, operation, headers).await, INVALID_TOKEN).await;
        }
    }
    for operation in PUBLIC {
        assert_eq!(respond(&stranger, operation, &[]).await.status(), 200, "{operation}");
    }
    let listing = ann.get("/api/sessions").await;
    assert_eq!(listing["sessions"][0]["message_count"], 1, "a rejected request changed {listing}");
    assert_eq!(listing["count"], 1);
}

#[tokio::test]
async fn every_route_hides_the_sessions_of_other_subjects() {
    let curve = Signer::curve("curve");
    let provider = Provider::start(&[&curve]).await;
    let deployment = deployment(&provider.url, &[]).await;
    let ann = person(&deployment, &curve, "ann");
    assert_sessions_are_hidden(&ann, async |number| person(&deployment, &curve, &format!("bob {number}")))
        .await;
    // A header of the client does not choose the owner, and subjects are compared as they are.
    let owner = format!("{ISSUER}#ann");
    for subject in ["bob", "Ann", "ann ", "%61nn", "#ann", "\u{430}nn"] {
        let bob = person(&deployment, &curve, subject);
        let response = bob.send(Method::GET, "/api/session/a", None, &[("nono-owner", &owner)]).await;
        assert_eq!(response.status(), 404, "{subject}");
    }
    assert_eq!(person(&deployment, &curve, "ann").get("/api/session/a").await["message_count"], 1);
}

#[tokio::test]
async fn each_accepted_algorithm_identifies_the_same_person() {
    let signers = [Signer::rsa("rsa"), Signer::curve("curve"), Signer::edwards("edwards")];
    let provider = Provider::start(&signers.each_ref()).await;
    let deployment = deployment(&provider.url, &["--oidc-algorithms", "RS256,PS256,ES256,EdDSA"]).await;
    let [rsa, curve, edwards] = &signers;
    let pss = rsa.sign_with(&json!({ "alg": "PS256", "kid": "rsa", "typ": "at+jwt" }), &claims("ann"));
    person(&deployment, rsa, "ann").create("a", "of ann").await;
    let single =
        claims_with(&json!({ "aud": super::AUDIENCE, "iat": null, "nbf": null, "exp": now() as f64 + 60.5 }));
    for token in [curve.sign(&claims("ann")), edwards.sign(&claims("ann")), pss, rsa.sign(&single)] {
        // The second request finds the token among the verified ones.
        for _ in 0..2 {
            let ann = Browser::with_token(&deployment.http, &token);
            assert_eq!(ann.get("/api/session/a").await["message_count"], 1);
        }
    }
    assert_eq!(person(&deployment, rsa, "ann").get("/api/config").await["auth"], "oidc");
}

#[tokio::test]
async fn a_token_is_rejected_once_it_has_expired() {
    let curve = Signer::curve("curve");
    let provider = Provider::start(&[&curve]).await;
    let deployment = deployment(&provider.url, &[]).await;
    // The leeway of 30 s has one second left.
    let token = curve.sign(&claims_with(&json!({ "exp": now() - 28 })));
    let ann = Browser::with_token(&deployment.http, &token);
    let mut statuses = vec![ann.status(Method::GET, "/api/sessions", None).await];
    while statuses.last() == Some(&200) && statuses.len() < 1000 {
        statuses.push(ann.status(Method::GET, "/api/sessions", None).await);
    }
    assert!(statuses.len() > 1 && statuses.last() == Some(&401), "{} {:?}", statuses.len(), statuses.last());
    let metrics =
        reqwest::get(format!("http://{}/metrics", deployment.admin)).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("nono_http_auth_rejected_total{reason=\"expired_credential\"} 1"), "{metrics}");
}
