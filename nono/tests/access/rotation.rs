//! Replacement of keys while calls are made: no call fails.

use super::{Browser, Deployment, SERVICE_KEY};
use nix::sys::signal::Signal;
use reqwest::Method;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

const NEW_KEY: &str = "new-key-of-the-gateway-0123456789abcdef";

/// Calls that are repeated until the end of the test.
pub struct Load {
    is_over: Arc<AtomicBool>,
    calls: tokio::task::JoinHandle<(usize, Vec<u16>)>,
}

impl Load {
    fn start(browser: &Browser) -> Self {
        let browser = browser.clone();
        Self::of(move || browser.clone())
    }

    /// Starts calls of the client that `next` returns for each of them.
    pub fn of(next: impl Fn() -> Browser + Send + 'static) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let calls = tokio::spawn(async move {
            let (mut count, mut failed) = (0, Vec::new());
            while !over.load(Ordering::Relaxed) {
                let status = next().status(Method::GET, "/api/session/a", None).await;
                count += 1;
                if status != 200 {
                    failed.push(status);
                }
            }
            (count, failed)
        });
        Self { is_over, calls }
    }

    /// Checks that calls were made and none failed.
    pub async fn check(self) {
        self.is_over.store(true, Ordering::Relaxed);
        let (count, failed) = self.calls.await.unwrap();
        assert!(count > 0 && failed.is_empty(), "{} of {count} calls failed: {failed:?}", failed.len());
    }
}

#[tokio::test]
async fn the_key_of_the_gateway_is_rotated_without_a_failed_call() {
    let mut deployment = Deployment::start().await;
    let browser = deployment.browser().await;
    browser.create("a", "hello").await;
    let load = Load::start(&browser);
    deployment.write("keys", &format!("gateway service {SERVICE_KEY}\ngateway service {NEW_KEY}\n"));
    deployment.service.signal(Signal::SIGHUP);
    deployment.service.wait_for_log("setting reloaded").await;
    deployment.write("backend-key", NEW_KEY);
    deployment.gateway.signal(Signal::SIGHUP);
    deployment.gateway.wait_for_log("setting reloaded").await;
    deployment.write("keys", &format!("gateway service {NEW_KEY}\n"));
    // Without a signal, a change is noticed within seconds.
    deployment.service.wait_for_log("setting reloaded").await;
    load.check().await;
    assert_eq!(browser.status(Method::GET, "/api/session/a", None).await, 200);
}

#[tokio::test]
async fn cookie_keys_are_rotated_without_a_failed_call() {
    let mut deployment = Deployment::start().await;
    let browser = deployment.browser().await;
    browser.create("a", "hello").await;
    let load = Load::start(&browser);
    let new = "new-cookie-key-new-cookie-key-new-cookie";
    deployment.write("cookie-keys", &format!("{new}\n{}\n", super::COOKIE_KEY));
    deployment.gateway.signal(Signal::SIGHUP);
    deployment.gateway.wait_for_log("setting reloaded").await;
    let renewed = browser.load("/").await.unwrap();
    assert_ne!(Some(&renewed), browser.cookie.as_ref());
    load.check().await;
    deployment.write("cookie-keys", new);
    deployment.gateway.signal(Signal::SIGHUP);
    deployment.gateway.wait_for_log("setting reloaded").await;
    assert_eq!(browser.status(Method::GET, "/api/session/a", None).await, 401);
    assert_eq!(browser.with_cookie(Some(&renewed)).status(Method::GET, "/api/session/a", None).await, 200);
}

#[tokio::test]
async fn an_invalid_file_keeps_the_keys() {
    let mut deployment = Deployment::start().await;
    let browser = deployment.browser().await;
    browser.create("a", "hello").await;
    for content in
        ["", "# none\n", "gateway service canary-short", "gateway root canary-canary-canary-canary-canary"]
    {
        deployment.write("keys", content);
        deployment.service.signal(Signal::SIGHUP);
        let line = deployment.service.wait_for_log("setting not reloaded").await;
        assert!(!line.contains("canary"), "{line}");
        assert_eq!(browser.status(Method::GET, "/api/session/a", None).await, 200);
    }
    deployment.write("backend-key", "canary");
    deployment.gateway.signal(Signal::SIGHUP);
    let line = deployment.gateway.wait_for_log("setting not reloaded").await;
    assert!(!line.contains("canary"), "{line}");
    assert_eq!(browser.status(Method::GET, "/api/session/a", None).await, 200);
}

#[tokio::test]
async fn a_rejected_gateway_is_reported_to_its_operator_and_not_as_401() {
    let mut deployment = Deployment::start().await;
    let browser = deployment.browser().await;
    deployment.write("keys", &format!("other service {NEW_KEY}\n"));
    deployment.service.signal(Signal::SIGHUP);
    deployment.service.wait_for_log("setting reloaded").await;
    let response = browser.request(Method::GET, "/api/sessions", None).await;
    assert_eq!(response.status(), 503);
    let problem: serde_json::Value = response.json().await.unwrap();
    assert_eq!(problem["reason"], "SERVICE_UNAVAILABLE");
    deployment.gateway.wait_for_log("rejects the credential of the gateway").await;
}
