//! Commands of every program: health, completions and the manual page.

use crate::app::{Program, bind};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::time::Duration;
use testkit::RedisServer;

const PROGRAMS: [&str; 3] = ["nono", "session-service", "gateway"];
const PORTS: [&str; 6] =
    ["--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "0.0.0.0:0"];

/// Starts a program. Returns it with the address of its admin port, which is an unspecified one.
async fn start(name: &str, environment: &[(&str, &str)]) -> (Program, String) {
    let ports = match name {
        "session-service" => &PORTS[2..],
        "gateway" => &[PORTS[0], PORTS[1], PORTS[4], PORTS[5]],
        _ => &PORTS[..],
    };
    let environment = [environment, &[("RUST_LOG", "info,nono=debug")]].concat();
    let mut program = Program::start(name, ports, &environment);
    let line = program.wait_for_log("\"message\":\"listening\"").await;
    let line: Value = serde_json::from_str(&line).unwrap();
    (program, line["admin"].as_str().unwrap().to_owned())
}

/// Waits until the program with this admin port is ready. The page's backend is ready after the store.
async fn ready(admin: &str) {
    let url = format!("http://127.0.0.1:{}/readyz", admin.rsplit(':').next().unwrap());
    let wait = async { while reqwest::get(&url).await.unwrap().status() != 200 {} };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the program becomes ready");
}

async fn health(program: &str, admin: &str) -> (Option<i32>, String, String) {
    Program::run(program, &["health"], &[("NONO_ADMIN_LISTEN", admin)]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_prints_ok_for_a_ready_program() {
    let (_service, service_admin) = start("session-service", &[("NONO_STORE", "memory:")]).await;
    let (_nono, nono_admin) = start("nono", &[]).await;
    ready(&service_admin).await;
    ready(&nono_admin).await;
    for (program, admin) in [("session-service", &service_admin), ("nono", &nono_admin)] {
        assert_eq!(health(program, admin).await, (Some(0), "ok\n".into(), String::new()), "{program}");
        let port = admin.rsplit(':').next().unwrap();
        for arguments in [
            ["health".to_owned(), format!("--admin-listen=127.0.0.1:{port}")],
            [format!("--admin-listen=[::ffff:127.0.0.1]:{port}"), "health".to_owned()],
        ] {
            let arguments = [&arguments[0][..], &arguments[1]];
            let (code, out, err) =
                Program::run(program, &arguments, &[("NONO_ADMIN_LISTEN", "127.0.0.1:1")]).await;
            assert_eq!((code, out.as_str()), (Some(0), "ok\n"), "{arguments:?}: {err}");
        }
    }
}

#[tokio::test]
async fn health_needs_no_other_setting_to_be_valid() {
    let (_nono, admin) = start("nono", &[]).await;
    ready(&admin).await;
    let environment = [
        ("NONO_ADMIN_LISTEN", admin.as_str()),
        ("NONO_STORE_FILE", "/nonexistent"),
        ("NONO_PERSONAS", "/nonexistent"),
        ("NONO_STORE_TLS_CA", "/nonexistent"),
        ("NONO_SESSION_TTL", "canary"),
        ("RUST_LOG", "a=b=c"),
    ];
    for program in ["nono", "session-service"] {
        let (code, out, err) = Program::run(program, &["health"], &environment).await;
        assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "ok\n", ""), "{program}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_reports_why_a_program_is_not_ready() {
    let absent = RedisServer::absent();
    let (mut service, admin) = start("session-service", &[("NONO_STORE", &absent.url())]).await;
    service.wait_for_log("store unreachable").await;
    let (code, out, err) = health("session-service", &admin).await;
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(err, format!("error: not ready: store: 127.0.0.1:{} refuses connections\n", absent.port()));

    let environment = [("NONO_BACKEND", "http://127.0.0.1:1")];
    let (_gateway, admin) = start("gateway", &environment).await;
    let (code, _, err) = health("gateway", &admin).await;
    assert!(code == Some(1) && err.starts_with("error: not ready: ") && err.lines().count() == 1, "{err}");

    let (mut nono, admin) = start("nono", &[("NONO_DRAIN_DELAY", "1m")]).await;
    ready(&admin).await;
    nono.signal(Signal::SIGTERM);
    nono.wait_for_log("stopping").await;
    let (code, _, err) = health("nono", &admin).await;
    assert_eq!((code, err.as_str()), (Some(1), "error: not ready: the program is stopping\n"));
}

#[tokio::test]
async fn health_reports_a_port_that_does_not_respond_in_one_sentence() {
    let silent = bind().await;
    let silent = silent.local_addr().unwrap().to_string();
    for (admin, expected) in [
        ("127.0.0.1:1", "127.0.0.1:1 refuses connections: the program does not run"),
        (&silent, "does not respond within 2s"),
        ("127.0.0.1:0", "set --admin-listen to the port of the running program"),
    ] {
        let (code, out, err) = health("gateway", admin).await;
        assert_eq!((code, out.as_str()), (Some(1), ""), "{admin}");
        assert!(err.starts_with("error: ") && err.contains(expected) && err.lines().count() == 1, "{err}");
    }
    for arguments in [&["health", "--admin-listen", "canary"][..], &["--bogus", "health"], &["health", "x"]] {
        let (code, _, err) = Program::run("gateway", arguments, &[]).await;
        assert_eq!((code, err.lines().count()), (Some(2), 1), "{arguments:?}: {err}");
    }
}

#[tokio::test]
async fn completions_and_manual_page_name_commands_and_flags() {
    for program in PROGRAMS {
        // session-service needs a store only to serve.
        let (code, help, _) = Program::run(program, &["--help"], &[]).await;
        assert!(
            code == Some(0) && help.contains("\n  health ") && help.contains("\n  completions "),
            "{help}"
        );
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let (code, script, err) = Program::run(program, &["completions", shell], &[]).await;
            assert_eq!((code, err.as_str()), (Some(0), ""));
            assert!(script.contains("admin-listen") && script.contains("health"), "{program} {shell}");
        }
        let (code, page, _) = Program::run(program, &["man"], &[("NONO_STORE", "redis://:canary@h")]).await;
        assert_eq!(code, Some(0));
        assert!(page.contains(&format!(".TH {program}")) && page.contains("NONO_ADMIN_LISTEN"), "{page}");
        assert!(!page.contains("canary"), "{page}");
        let (code, _, err) = Program::run(program, &["completions", "canary"], &[]).await;
        assert!(code == Some(2) && err.contains("bash, elvish, fish"), "{err}");
    }
}
