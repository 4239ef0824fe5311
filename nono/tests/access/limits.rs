//! Rate limits: the flood of one owner or address leaves the others alone.

use super::{Browser, Deployment};
use reqwest::Method;
use serde_json::{Value, json};

async fn limited(browser: &Browser, headers: &[(&str, &str)]) -> bool {
    let response = browser.send(Method::GET, "/api/personas", None, headers).await;
    if response.status() == 200 {
        return false;
    }
    assert_eq!(response.status(), 429);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["reason"], "RATE_LIMITED");
    assert!(problem["retry_after_ms"].as_u64().unwrap() > 0);
    true
}

#[tokio::test]
async fn the_flood_of_one_owner_leaves_the_others_alone() {
    let deployment = Deployment::with_gateway(&["--rate-limit", "1/m", "--rate-limit-burst", "5"]).await;
    let (ann, bob) = (deployment.browser().await, deployment.browser().await);
    for _ in 0..5 {
        assert!(!limited(&ann, &[]).await);
    }
    for _ in 0..5 {
        assert!(limited(&ann, &[]).await);
        assert!(!limited(&bob, &[]).await);
    }
    // Health and the page need no bucket.
    assert_eq!(ann.status(Method::GET, "/health", None).await, 200);
    assert_eq!(ann.status(Method::GET, "/", None).await, 200);
}

#[tokio::test]
async fn the_flood_of_one_address_leaves_the_others_alone() {
    let arguments = ["--rate-limit", "1/m", "--rate-limit-burst", "2", "--trusted-proxies", "127.0.0.1"];
    let deployment = Deployment::with_gateway(&arguments).await;
    let (flood, other) = ([("x-forwarded-for", "203.0.113.7")], [("x-forwarded-for", "203.0.113.8")]);
    let mut rejected = 0;
    for _ in 0..10 {
        // A new browser is a new owner.
        rejected += usize::from(limited(&deployment.browser().await, &flood).await);
    }
    assert_eq!(rejected, 2, "an address has four times the burst of an owner");
    assert!(!limited(&deployment.browser().await, &other).await);
    // A client cannot choose its address: the proxy appends the real one.
    let forged = [("x-forwarded-for", "6.6.6.6, 203.0.113.7")];
    assert!(limited(&deployment.browser().await, &forged).await);
}

#[tokio::test]
async fn sessions_and_their_limit_are_counted_for_each_owner() {
    let (mut program, http) = super::start(
        "nono",
        &[
            "--http-listen",
            "127.0.0.1:0",
            "--grpc-listen",
            "127.0.0.1:0",
            "--auth",
            "cookie",
            "--max-sessions-per-owner",
            "2",
            "--log-filter",
            "debug",
        ],
        "http",
    )
    .await;
    program.wait_for_log("serving").await;
    for _ in 0..2 {
        let browser = Browser::open(&http).await;
        for (user_id, status) in [("a", 200), ("b", 200), ("c", 409)] {
            let create = json!({ "user_id": user_id });
            assert_eq!(browser.status(Method::POST, "/api/session/create", Some(&create)).await, status);
        }
    }
}
