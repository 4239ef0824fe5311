//! Files of settings that are read again: at once on SIGHUP, and within seconds of a change.

use crate::app::{App, Program};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};
use tempfile::TempDir;
use testkit::{Certificates, ClientCertificates, ModelServer, RedisServer};

/// Name of a log line about a new value, and of one about a value that is not used.
const RELOADED: &str = "\"message\":\"setting reloaded\"";
const NOT_RELOADED: &str = "setting not reloaded; the previous value stays in use";

/// A file with a setting, as Kubernetes mounts it: a link to a file in a folder that is replaced as a whole.
struct Mounted(TempDir);

impl Mounted {
    fn new(content: &str) -> Self {
        let mounted = Self(tempfile::tempdir().unwrap());
        mounted.replace(content);
        std::os::unix::fs::symlink("current/file", mounted.0.path().join("file")).unwrap();
        mounted
    }

    fn replace(&self, content: &str) {
        let folder = self.0.path();
        let version = tempfile::tempdir_in(folder).unwrap().keep();
        fs::write(version.join("file"), content).unwrap();
        std::os::unix::fs::symlink(version, folder.join("next")).unwrap();
        fs::rename(folder.join("next"), folder.join("current")).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("file")
    }
}

async fn start(environment: &[(&str, &str)]) -> (Program, App) {
    let mut program = Program::nono(&[], environment);
    let greeting = program.greeting().await;
    let page = greeting.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    (program, App::at(page))
}

/// Asserts that a log line names the setting, has this level and no content.
fn assert_line(line: &str, level: &str, setting: &str) {
    let parsed: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (parsed["level"].as_str(), parsed["setting"].as_str()),
        (Some(level), Some(setting)),
        "{line}"
    );
    assert!(!line.contains("canary"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_applies_the_log_filter_of_a_file_unless_it_is_invalid() {
    let file = Mounted::new("info\n");
    let path = file.path();
    let environment = [("NONO_LOG_FILTER_FILE", path.to_str().unwrap()), ("RUST_LOG", "off")];
    let (mut program, app) = start(&environment).await;
    program.wait_for_log("store reachable").await;
    app.get("/").await;
    app.create("a").await;
    let line = program.wait_for_log("\"message\":\"call\"").await;
    assert!(line.contains("INFO"), "{line}");

    file.replace("debug,hyper=off,h2=off");
    program.signal(Signal::SIGHUP);
    assert_line(&program.wait_for_log(RELOADED).await, "INFO", "NONO_LOG_FILTER_FILE");
    app.get("/").await;
    program.wait_for_log("\"level\":\"DEBUG\"").await;

    file.replace("canary=b=c");
    program.signal(Signal::SIGHUP);
    let line = program.wait_for_log(NOT_RELOADED).await;
    assert_line(&line, "WARN", "NONO_LOG_FILTER_FILE");
    assert!(line.contains("it is not a log filter"), "{line}");
    app.get("/").await;
    program.wait_for_log("\"level\":\"DEBUG\"").await;

    file.replace("error,runtime::reload=info");
    program.signal(Signal::SIGHUP);
    program.wait_for_log(RELOADED).await;
    app.create("b").await;
    let log = program.collect_log();
    program.signal(Signal::SIGTERM);
    let lines = log.await.unwrap();
    let last = lines.iter().rposition(|line| line.contains(RELOADED)).unwrap();
    assert_eq!(lines.len(), last + 1, "{lines:?}");
}

#[tokio::test]
async fn the_log_filter_of_the_setting_overrides_rust_log() {
    for (environment, has_lines) in [
        (&[("NONO_LOG_FILTER", "info"), ("RUST_LOG", "off")][..], true),
        (&[("NONO_LOG_FILTER", "off"), ("RUST_LOG", "info")], false),
        (&[("RUST_LOG", "off")], false),
        (&[], true),
    ] {
        let (mut program, _) = start(environment).await;
        let log = program.collect_log();
        program.signal(Signal::SIGTERM);
        assert_eq!(!log.await.unwrap().is_empty(), has_lines, "{environment:?}");
    }
    let (code, _, err) = Program::run("gateway", &["--log-filter", "canary=b=c"], &[]).await;
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
    assert!(
        err.contains("--log-filter <FILTER>: it is not a log filter") && !err.contains("canary"),
        "{err}"
    );
}

fn set_user(redis: &RedisServer, words: &[&str]) {
    let command = [&["ACL", "SETUSER", "nono"], words].concat();
    assert_eq!(redis.ask(&command), "+OK\r\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_store_password_is_used_without_a_failed_call() {
    let redis = RedisServer::start();
    set_user(&redis, &["on", ">canary-old", "~*", "&*", "+@all"]);
    let url = |password: &str| format!("redis://nono:{password}@127.0.0.1:{}", redis.port());
    let file = Mounted::new(&url("canary-old"));
    let path = file.path();
    let (mut program, app) = start(&[("NONO_STORE_FILE", path.to_str().unwrap())]).await;
    program.wait_for_log("store reachable").await;
    app.create("a").await;
    let (is_over, calls) = (AtomicBool::new(false), AtomicU32::new(0));
    let load = async {
        while !is_over.load(Ordering::Relaxed) {
            let number = calls.fetch_add(1, Ordering::Relaxed);
            app.get("/api/session/a").await.ok();
            let message = json!({ "role": "user", "content": "x" });
            let append = json!({ "messages": [message], "request_id": format!("r{number}") });
            app.post("/api/session/a/messages", &append).await.ok();
        }
    };
    let rotation = async {
        set_user(&redis, &[">canary-new"]);
        file.replace(&format!("{}\n", url("canary-new")));
        // Without a signal, as after a change of a mounted Secret.
        assert_line(&program.wait_for_log(RELOADED).await, "INFO", "NONO_STORE_FILE");
        set_user(&redis, &["<canary-old"]);
        for _ in 0..3 {
            redis.ask(&["CLIENT", "KILL", "USER", "nono"]);
            let before = calls.load(Ordering::Relaxed);
            while calls.load(Ordering::Relaxed) < before + 20 {
                tokio::task::yield_now().await;
            }
        }
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(load, rotation);
    assert!(calls.load(Ordering::Relaxed) >= 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unusable_store_address_keeps_the_old_one() {
    let redis = RedisServer::start();
    let file = Mounted::new(&redis.url());
    let path = file.path();
    let (mut program, app) = start(&[("NONO_STORE_FILE", path.to_str().unwrap())]).await;
    program.wait_for_log("store reachable").await;
    app.create("a").await;
    let other = RedisServer::start().url().replace("://", "://:canary@");
    for (content, reason) in [
        ("redis://:canary@h:port", "it must be of one of the forms"),
        ("", "the file is empty"),
        ("memory:", "it must be of one of the forms"),
        (&other, "restart the program"),
    ] {
        file.replace(content);
        program.signal(Signal::SIGHUP);
        let line = program.wait_for_log(NOT_RELOADED).await;
        assert_line(&line, "WARN", "NONO_STORE_FILE");
        assert!(line.contains(reason), "{reason}: {line}");
        redis.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
        app.get("/api/session/a").await.ok();
    }
    fs::remove_file(&path).unwrap();
    program.signal(Signal::SIGHUP);
    let line = program.wait_for_log(NOT_RELOADED).await;
    assert!(line.contains("the file cannot be read"), "{line}");
    app.get("/api/session/a").await.ok();
    // An unchanged file is not reported again.
    program.signal(Signal::SIGHUP);
    program.wait_for_log("SIGHUP").await;
    fs::write(&path, redis.url()).unwrap();
    program.signal(Signal::SIGHUP);
    program.wait_for_log(RELOADED).await;
    let log = program.collect_log();
    program.signal(Signal::SIGTERM);
    let lines = log.await.unwrap();
    let count = lines.iter().filter(|line| line.contains(NOT_RELOADED)).count();
    assert_eq!(count, 5, "{lines:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_model_key_is_used_by_the_next_call() {
    let model = ModelServer::start().await;
    let file = Mounted::new("canary-one\n");
    let path = file.path();
    let url = model.url();
    let environment = [("NONO_MODEL_API_KEY_FILE", path.to_str().unwrap()), ("NONO_MODEL_URL", &url)];
    let (mut program, app) = start(&environment).await;
    app.create("a").await;
    let ask = async || app.post("/api/session/a/chat", &json!({ "message": "hi" })).await.ok();
    ask().await;
    for (content, log, level) in [
        ("canary-two", RELOADED, "INFO"),
        ("canary two words", NOT_RELOADED, "WARN"),
        ("canary-three", RELOADED, "INFO"),
    ] {
        file.replace(content);
        program.signal(Signal::SIGHUP);
        assert_line(&program.wait_for_log(log).await, level, "NONO_MODEL_API_KEY_FILE");
        ask().await;
    }
    let keys: Vec<_> = model.headers().into_iter().map(|headers| headers["authorization"].clone()).collect();
    assert_eq!(
        keys,
        ["canary-one", "canary-two", "canary-two", "canary-three"].map(|key| format!("Bearer {key}"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_certificate_authority_is_used_by_new_connections() {
    let certificates = Certificates::make();
    let redis = RedisServer::start_tls(&certificates, ClientCertificates::Ignored, &[]);
    let content = |path: &std::path::Path| fs::read_to_string(path).unwrap();
    let file = Mounted::new(&content(certificates.other_ca()));
    let (path, url) = (file.path(), redis.url());
    let (mut program, app) =
        start(&[("NONO_STORE", &url), ("NONO_STORE_TLS_CA", path.to_str().unwrap())]).await;
    program.wait_for_log("untrusted_certificate").await;
    file.replace("no certificate");
    program.signal(Signal::SIGHUP);
    let line = program.wait_for_log(NOT_RELOADED).await;
    assert!(line.contains("not PEM certificates"), "{line}");
    file.replace(&content(certificates.ca()));
    program.signal(Signal::SIGHUP);
    assert_line(&program.wait_for_log(RELOADED).await, "INFO", "--store-tls-ca");
    program.wait_for_log("store reachable").await;
    app.create("a").await;
}
