//! Canaries in the credentials of callers and browsers, and the owners that follow from them. No output contains them.

use super::{assert_clean, strings};
use crate::{access::Browser, app::Program};
use nix::sys::signal::Signal;
use nono_proto::session::v1::{ListRequest, session_service_client::SessionServiceClient};
use reqwest::Method;
use serde_json::{Value, json};
use std::{fs, path::Path};
use testkit::RedisServer;
use tonic::{Code, Request};

const CALLER_KEY: &str = "canary-key-of-the-gateway-0123456789";
const COOKIE_KEY: &str = "canary-cookie-key-0123456789-0123456789";
const UNKNOWN_KEY: &str = "canary-unknown-key-0123456789-0123456789";
const OWNER: &str = "canary-owner@example.org";

/// Writes the files with keys. Returns the flags of the service and those of the gateway.
fn write_keys(folder: &Path) -> [Vec<String>; 2] {
    let keys = format!("gateway service {CALLER_KEY}");
    for (name, content) in [("keys", &*keys), ("backend-key", CALLER_KEY), ("cookie-keys", COOKIE_KEY)] {
        fs::write(folder.join(name), content).unwrap();
    }
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let flags = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>();
    [
        flags(&["--grpc-listen", "127.0.0.1:0", "--auth", "keys", "--auth-keys-file", &path("keys")]),
        flags(
            &[
                &[
                    "--http-listen",
                    "127.0.0.1:0",
                    "--auth",
                    "cookie",
                    "--cookie-keys-file",
                    &path("cookie-keys"),
                ][..],
                &["--backend-key-file", &path("backend-key")],
            ]
            .concat(),
        ),
    ]
}

/// Starts a program that logs everything. Returns it with the fields of its first line.
async fn start(name: &str, flags: &[String], environment: &[(&str, &str)]) -> (Program, Value) {
    let flags = [&strings(flags)[..], &["--admin-listen", "127.0.0.1:0", "--log-format", "json"]].concat();
    let mut program = Program::start(name, &flags, &[environment, &[("RUST_LOG", "trace")]].concat());
    let line = program.wait_for_log("\"message\":\"listening\"").await;
    (program, serde_json::from_str(&line).unwrap())
}

/// Uses the API as a browser, also with credentials that are not valid. Returns all responses.
async fn use_as_browser(browser: &Browser) -> String {
    let mut responses = String::new();
    browser.create("a", "hello").await;
    let chat = json!({"message": "hello"});
    for (method, path, body) in [
        (Method::GET, "/api/session/a", None),
        (Method::GET, "/api/session/a/history", None),
        (Method::GET, "/api/sessions", None),
        (Method::GET, "/api/config", None),
        (Method::GET, "/health", None),
        (Method::POST, "/api/session/a/chat", Some(&chat)),
        (Method::POST, "/api/session/absent/chat", Some(&chat)),
    ] {
        let response = browser.request(method, path, body).await;
        responses += &response.text().await.unwrap();
    }
    let cookie = browser.cookie.clone().unwrap();
    for wrong in ["nono_owner=canary.canary", &format!("{cookie}A"), "nono_owner=canary"] {
        let response = browser.with_cookie(Some(wrong)).request(Method::GET, "/api/sessions", None).await;
        assert_eq!(response.status(), 401, "{wrong}");
        responses += &response.text().await.unwrap();
    }
    responses
}

/// Calls the service with valid and with wrong credentials. Returns the texts of the errors.
async fn use_as_caller(grpc: &str) -> String {
    let mut errors = String::new();
    for (authorization, owner, code) in [
        (format!("Bearer {CALLER_KEY}"), OWNER, Code::Ok),
        (format!("Bearer {CALLER_KEY}"), "", Code::PermissionDenied),
        (format!("Bearer {CALLER_KEY}"), " canary-owner", Code::InvalidArgument),
        (format!("Bearer {UNKNOWN_KEY}"), OWNER, Code::Unauthenticated),
        (UNKNOWN_KEY.to_owned(), OWNER, Code::Unauthenticated),
    ] {
        let mut client = SessionServiceClient::connect(format!("http://{grpc}")).await.unwrap();
        let mut request = Request::new(ListRequest::default());
        request.metadata_mut().insert("authorization", authorization.parse().unwrap());
        request.metadata_mut().insert("nono-owner", owner.parse().unwrap());
        let result = client.list(request).await;
        assert_eq!(result.as_ref().map_or_else(tonic::Status::code, |_| Code::Ok), code, "{owner:?}");
        errors += &format!("{:?}", result.err());
    }
    errors
}

/// Returns the metrics of a program and the state of its dependencies.
async fn admin_pages(admin: &Value) -> String {
    let mut pages = String::new();
    for path in ["/metrics", "/readyz?verbose"] {
        let url = format!("http://{}{path}", admin.as_str().unwrap());
        let page = reqwest::get(url).await.unwrap().text().await.unwrap();
        assert!(!page.is_empty(), "{path}");
        pages += &page;
    }
    pages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_and_owners_appear_in_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let [service_flags, gateway_flags] = write_keys(folder.path());
    let redis = RedisServer::start();
    let store = redis.url();
    let (mut service, listening) =
        start("session-service", &service_flags, &[("NONO_STORE", store.as_str())]).await;
    let (grpc, service_admin) = (listening["grpc"].as_str().unwrap().to_owned(), listening["admin"].clone());
    let service_log = service.collect_log();
    let backend = format!("http://{grpc}");
    let (mut gateway, listening) = start("gateway", &gateway_flags, &[("NONO_BACKEND", &backend)]).await;
    let gateway_log = gateway.collect_log();
    let http = listening["page"].as_str().unwrap().trim_start_matches("http://").to_owned();
    crate::access::wait_until_healthy(&http).await;
    let browser = Browser::open(&http).await;
    let responses = use_as_browser(&browser).await;
    let errors = use_as_caller(&grpc).await;
    let owned = redis.ask(&["KEYS", "session:{browser%3A*:a}"]);
    let (_, cookie) = browser.cookie.as_ref().unwrap().split_once('=').unwrap();
    let (id, code) = cookie.split_once('.').unwrap();
    assert!(owned.contains(id), "the owner is the id of the cookie");
    // A corrupt record is logged with its key, which names the owner.
    let record = format!("session:{{browser%3A{id}:a}}");
    assert_eq!(redis.ask(&["HSET", &record, "created_at", "x"]), ":0\r\n");
    let list = browser.request(Method::GET, "/api/sessions", None).await.text().await.unwrap();
    let pages = [admin_pages(&service_admin).await, admin_pages(&listening["admin"]).await];
    gateway.signal(Signal::SIGTERM);
    service.signal(Signal::SIGTERM);
    let (service_log, gateway_log) = (service_log.await.unwrap(), gateway_log.await.unwrap());
    assert!(
        service_log.iter().any(|line| line.contains("session:{*:a}")),
        "the corrupt record is not logged"
    );
    assert_clean("session-service", &service_log);
    assert_clean("gateway", &gateway_log);
    let logs = [service_log.join("\n"), gateway_log.join("\n")];
    for text in [&responses, &errors, &list].into_iter().chain(&pages).chain(&logs) {
        for secret in ["canary", id, code] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}

#[tokio::test]
async fn help_does_not_show_the_values_of_secrets() {
    let store = "redis://canary:canary@127.0.0.1/0";
    let environment = [
        ("NONO_STORE", store),
        ("NONO_MODEL_API_KEY", "canary-key"),
        ("NONO_STORE_SENTINEL_PASSWORD", "canary"),
    ];
    for (program, arguments) in [
        ("nono", &["--help"][..]),
        ("session-service", &["--help"]),
        ("session-service", &["doctor", "--help"]),
        ("gateway", &["--help"]),
    ] {
        let (code, out, err) = Program::run(program, arguments, &environment).await;
        assert_eq!((code, err.as_str()), (Some(0), ""), "{program}");
        assert!(out.contains("[env: NONO_") && !out.contains("canary"), "{program}: {out}");
    }
}
