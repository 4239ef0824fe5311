//! Browsers with cookies: each has sessions of its own.

use super::Deployment;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn browsers_with_the_same_user_ids_see_only_their_own_sessions() {
    let deployment = Deployment::start().await;
    let (ann, bob, carl) =
        (deployment.browser().await, deployment.browser().await, deployment.browser().await);
    for user_id in ["a", "b"] {
        ann.create(user_id, "of ann").await;
    }
    bob.create("a", "of bob").await;
    for (browser, count, text) in [(&ann, 2, "of ann"), (&bob, 1, "of bob")] {
        assert_eq!(browser.get("/api/sessions").await["count"], count);
        let history = browser.get("/api/session/a/history").await;
        assert_eq!(
            (&history["message_count"], &history["messages"][0]["content"]),
            (&json!(1), &json!(text))
        );
    }
    assert_eq!(bob.status(Method::DELETE, "/api/session/a", None).await, 204);
    assert_eq!(ann.get("/api/sessions").await["count"], 2);
    let listing = carl.get("/api/sessions").await;
    assert_eq!((&listing["count"], &listing["sessions"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn a_session_of_another_owner_and_an_unknown_one_are_rejected_with_the_same_words() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.browser().await, deployment.browser().await);
    ann.create("secret", "of ann").await;
    let problem = async |user_id: &str| {
        let response = bob.request(Method::GET, &format!("/api/session/{user_id}/history"), None).await;
        assert_eq!(response.status(), 404);
        let mut problem: serde_json::Value = response.json().await.unwrap();
        for id in ["request_id", "trace_id"] {
            problem.as_object_mut().unwrap().remove(id);
        }
        problem
    };
    assert_eq!(problem("secret").await, problem("unknown").await);
    // The same path creates nothing for the other owner either.
    let append = json!({ "messages": [{ "role": "user", "content": "x" }] });
    assert_eq!(bob.status(Method::POST, "/api/session/secret/messages", Some(&append)).await, 404);
    assert_eq!(ann.get("/api/session/secret").await["message_count"], 1);
}

#[tokio::test]
async fn pages_set_the_cookie_and_other_responses_do_not() {
    let deployment = Deployment::start().await;
    let browser = deployment.browser().await;
    let stranger = browser.with_cookie(None);
    for page in ["/", "/index.html", "/docs/"] {
        assert!(stranger.load(page).await.is_some(), "{page}");
    }
    for other in ["/health", "/openapi.json", "/api/sessions", "/css/base.css", "/unknown"] {
        assert_eq!(stranger.load(other).await, None, "{other}");
    }
    // A valid cookie is renewed, an invalid one replaced.
    assert_eq!(browser.load("/").await, browser.cookie);
    let forged = browser.with_cookie(Some("nono_owner=AAAAAAAAAAAAAAAAAAAAAA.AAAA"));
    assert_ne!(forged.load("/").await, forged.cookie);
    let response = browser.request(Method::GET, "/", None).await;
    assert_eq!(response.headers()["cache-control"], "private, no-cache");
    let known = response.headers()["etag"].to_str().unwrap().to_owned();
    let unchanged = stranger.send(Method::GET, "/", None, &[("if-none-match", &known)]).await;
    assert_eq!(unchanged.status(), 304);
    assert!(unchanged.headers().contains_key("set-cookie"), "a browser that lost its cookie has the page");
}

#[tokio::test]
async fn the_cookie_is_restricted_to_tls_behind_a_trusted_proxy_with_tls() {
    let deployment = Deployment::with_gateway(&["--trusted-proxies", "127.0.0.0/8"]).await;
    let browser = deployment.browser().await;
    let headers = [("x-forwarded-proto", "https"), ("x-forwarded-for", "203.0.113.7")];
    let response = browser.send(Method::GET, "/", None, &headers).await;
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-nono_owner="), "{cookie}");
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=31536000");
    let secure = browser.with_cookie(Some(pair));
    assert_eq!(secure.send(Method::GET, "/api/sessions", None, &headers).await.status(), 200);
    assert_eq!(browser.send(Method::GET, "/api/sessions", None, &headers).await.status(), 401);
}

#[tokio::test]
async fn other_sites_can_neither_write_nor_read() {
    let deployment = Deployment::with_gateway(&["--cors-origin", "https://app.example"]).await;
    let ann = deployment.browser().await;
    ann.create("a", "of ann").await;
    let evil = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    for (method, path, body) in [
        (Method::POST, "/api/session/create", Some(json!({ "user_id": "x" }))),
        (Method::DELETE, "/api/session/a", None),
        (Method::POST, "/api/session/a/touch", None),
    ] {
        let response = ann.send(method, path, body.as_ref(), &evil).await;
        assert_eq!(response.status(), 403, "{path}");
        assert!(!response.headers().contains_key("access-control-allow-origin"));
    }
    let read = ann.send(Method::GET, "/api/sessions", None, &evil).await;
    assert!(!read.headers().contains_key("access-control-allow-origin"));
    assert_eq!(read.headers()["cross-origin-resource-policy"], "same-origin");
    assert_eq!(ann.get("/api/sessions").await["count"], 1);
    let listed = [("origin", "https://app.example"), ("sec-fetch-site", "cross-site")];
    let read = ann.send(Method::GET, "/api/sessions", None, &listed).await;
    assert_eq!(read.headers()["access-control-allow-origin"], "https://app.example");
    assert_eq!(read.headers()["access-control-allow-credentials"], "true");
    assert_eq!(ann.send(Method::POST, "/api/session/a/touch", None, &listed).await.status(), 200);
    let preflight = [&listed[..], &[("access-control-request-method", "DELETE")]].concat();
    let stranger = ann.with_cookie(None);
    let response = stranger.send(Method::OPTIONS, "/api/session/a", None, &preflight).await;
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    let methods = header("access-control-allow-methods");
    assert!(methods.contains("DELETE") && !methods.contains('*'), "{methods}");
    // A page that reads a stream of events sends this header when it continues.
    assert!(header("access-control-allow-headers").contains("last-event-id"));
}

#[tokio::test]
async fn one_process_gives_each_browser_its_own_sessions() {
    let (mut program, http) = super::start("nono", &NONO, "http").await;
    program.wait_for_log("serving").await;
    let (ann, bob) = (super::Browser::open(&http).await, super::Browser::open(&http).await);
    ann.create("a", "of ann").await;
    assert_eq!(bob.status(Method::GET, "/api/session/a", None).await, 404);
    bob.create("a", "of bob").await;
    assert_eq!(ann.get("/api/session/a/history").await["messages"][0]["content"], "of ann");
    assert_eq!(ann.with_cookie(None).status(Method::GET, "/api/sessions", None).await, 401);
}

/// The address is not loopback, as on the internet.
const NONO: [&str; 8] = [
    "--http-listen",
    "0.0.0.0:0",
    "--grpc-listen",
    "127.0.0.1:0",
    "--auth",
    "cookie",
    "--log-filter",
    "info,nono=debug",
];
