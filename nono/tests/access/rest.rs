//! Every route of the OpenAPI document with credentials that are absent, wrong, or of another owner.

use super::{Browser, Deployment};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Routes that need no credential, because they concern no sessions.
pub const PUBLIC: [&str; 1] = ["get /health"];

/// The body of a valid request for each route that takes one.
const BODIES: [(&str, &str); 4] = [
    ("post /api/session/create", r#"{"user_id":"new"}"#),
    ("post /api/session/{user_id}/chat", r#"{"message":"hello"}"#),
    ("post /api/session/{user_id}/chat/cancel", r#"{"request_id":"r"}"#),
    ("post /api/session/{user_id}/messages", r#"{"messages":[{"role":"user","content":"hello"}]}"#),
];

/// Status of each route for an owner without sessions, if the session `a` belongs to another one.
const FOREIGN: [(&str, u16); 13] = [
    ("delete /api/session/{user_id}", 404),
    ("get /api/config", 200),
    ("get /api/personas", 200),
    ("get /api/session/{user_id}", 404),
    ("get /api/session/{user_id}/events", 404),
    ("get /api/session/{user_id}/export", 404),
    ("get /api/session/{user_id}/history", 404),
    ("get /api/sessions", 200),
    ("post /api/session/create", 200),
    ("post /api/session/{user_id}/chat", 404),
    ("post /api/session/{user_id}/chat/cancel", 404),
    ("post /api/session/{user_id}/messages", 404),
    ("post /api/session/{user_id}/touch", 404),
];

/// Returns the operations of the OpenAPI document.
pub async fn operations(browser: &Browser) -> BTreeSet<String> {
    let document = browser.get("/openapi.json").await;
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect()
}

/// Calls an operation for the session `a`. Returns the status and the JSON of the response.
pub async fn call(browser: &Browser, operation: &str) -> (u16, Value) {
    let response = respond(browser, operation, &[]).await;
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

/// Calls an operation for the session `a` with further headers.
pub async fn respond(browser: &Browser, operation: &str, headers: &[(&str, &str)]) -> Response {
    let (method, path) = operation.split_once(' ').unwrap();
    let body = BODIES.iter().find(|(known, _)| *known == operation);
    let body: Option<Value> = body.map(|(_, body)| serde_json::from_str(body).unwrap());
    let method: Method = method.to_uppercase().parse().unwrap();
    browser.send(method, &path.replace("{user_id}", "a"), body.as_ref(), headers).await
}

#[tokio::test]
async fn every_route_rejects_absent_and_wrong_credentials() {
    let deployment = Deployment::start().await;
    let ann = deployment.browser().await;
    ann.create("a", "of ann").await;
    // A deployment has its own keys, so this cookie is foreign.
    let (_nono, http) = super::start(
        "nono",
        &[
            "--auth",
            "cookie",
            "--http-listen",
            "127.0.0.1:0",
            "--grpc-listen",
            "127.0.0.1:0",
            "--log-filter",
            "debug",
        ],
        "http",
    )
    .await;
    let foreign = Browser::open(&http).await.cookie.unwrap();
    let valid = ann.cookie.clone().unwrap();
    let tampered = format!("{}x", &valid[..valid.len() - 1]);
    let (id, _) = valid.split_once('.').unwrap();
    let operations = operations(&ann).await;
    assert!(operations.len() > 10);
    for operation in operations.iter().filter(|operation| !PUBLIC.contains(&operation.as_str())) {
        for cookie in
            [None, Some(""), Some("nono_owner="), Some(&*foreign), Some(&*tampered), Some(id), Some("a=b")]
        {
            let (status, problem) = call(&ann.with_cookie(cookie), operation).await;
            assert_eq!(
                (status, &problem["reason"]),
                (401, &json!("UNAUTHENTICATED")),
                "{operation} {cookie:?}"
            );
        }
    }
    for operation in PUBLIC {
        assert_eq!(call(&ann.with_cookie(None), operation).await.0, 200, "{operation}");
    }
    let listing = ann.get("/api/sessions").await;
    assert_eq!(listing["sessions"][0]["message_count"], 1, "a rejected request changed {listing}");
    assert_eq!(listing["count"], 1);
}

#[tokio::test]
async fn every_route_hides_the_sessions_of_other_owners() {
    let deployment = Deployment::start().await;
    assert_sessions_are_hidden(&deployment.browser().await, async |_| deployment.browser().await).await;
}

/// Checks each route for owners without sessions. `stranger` returns another owner for each number.
pub async fn assert_sessions_are_hidden(ann: &Browser, stranger: impl AsyncFn(usize) -> Browser) {
    ann.create("a", "of ann").await;
    let known: BTreeSet<_> = FOREIGN.iter().map(|(operation, _)| (*operation).to_owned()).collect();
    let all = operations(ann).await;
    let all: BTreeSet<_> =
        all.into_iter().filter(|operation| !PUBLIC.contains(&operation.as_str())).collect();
    assert_eq!(all, known, "each route has a line in the table");
    for (number, (operation, expected)) in FOREIGN.into_iter().enumerate() {
        let bob = stranger(number).await;
        let (status, response) = call(&bob, operation).await;
        assert_eq!(status, expected, "{operation} {response}");
        assert!(!response.to_string().contains("of ann"), "{operation} {response}");
        if let Some(count) = response.get("count") {
            assert_eq!(count, 0);
        }
    }
    let session = ann.get("/api/session/a").await;
    assert_eq!(session["message_count"], 1, "{session}");
}

#[tokio::test]
async fn the_document_names_the_credentials_of_each_route() {
    let deployment = Deployment::start().await;
    let browser = deployment.browser().await;
    let document = browser.get("/openapi.json").await;
    // The empty requirement is that of a server without authentication.
    assert_eq!(document["security"], json!([{}, { "cookie": [] }, { "secureCookie": [] }, { "token": [] }]));
    let schemes = &document["components"]["securitySchemes"];
    let form =
        |name: &str, fields: [&str; 2]| fields.map(|field| schemes[name][field].as_str().unwrap().to_owned());
    assert_eq!(form("cookie", ["in", "name"]), ["cookie", "nono_owner"]);
    assert_eq!(form("secureCookie", ["in", "name"]), ["cookie", "__Host-nono_owner"]);
    assert_eq!(form("token", ["scheme", "bearerFormat"]), ["bearer", "JWT"]);
    for operation in operations(&browser).await {
        let (method, path) = operation.split_once(' ').unwrap();
        let security = document["paths"][path][method].get("security");
        let expected = PUBLIC.contains(&operation.as_str()).then(|| json!([]));
        assert_eq!(security, expected.as_ref(), "{operation}");
    }
}

#[tokio::test]
async fn a_header_of_the_client_does_not_choose_the_owner() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.browser().await, deployment.browser().await);
    ann.create("a", "of ann").await;
    let id = ann
        .cookie
        .as_deref()
        .unwrap()
        .trim_start_matches("nono_owner=")
        .split('.')
        .next()
        .unwrap()
        .to_owned();
    let owner = format!("browser:{id}");
    let key = format!("Bearer {}", super::SERVICE_KEY);
    for headers in [
        &[("nono-owner", owner.as_str())][..],
        &[("nono-owner", owner.as_str()), ("authorization", key.as_str())],
        &[("grpc-metadata-nono-owner", owner.as_str())],
    ] {
        let response = bob.send(Method::GET, "/api/session/a", None, headers).await;
        assert_eq!(response.status(), 404, "{headers:?}");
    }
    let response =
        bob.with_cookie(None).send(Method::GET, "/api/sessions", None, &[("authorization", &key)]).await;
    assert_eq!(response.status(), 401, "the key of the gateway is no credential of a client");
    assert_eq!(response.headers()["www-authenticate"], "Cookie realm=\"nono\"");
}
