//! The programs as processes: settings, start and stop.

use crate::app::{App, Program};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};
use testkit::RedisServer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PROGRAMS: [&str; 3] = ["nono", "session-service", "gateway"];

/// Returns the address in a line such as `... http://127.0.0.1:1234 ...`.
fn address(line: &str) -> String {
    let at = line.find("http://").unwrap();
    line[at..].chars().take_while(|c| !c.is_whitespace() && *c != '"' && *c != ',').collect()
}

#[tokio::test]
async fn nono_prints_the_address_of_the_page_and_stops_cleanly() {
    let mut program = Program::nono(&[], &[]);
    let greeting = program.greeting().await;
    let page = reqwest::get(address(&greeting)).await.unwrap();
    assert_eq!(page.status(), 200);
    program.signal(Signal::SIGINT);
    program.wait_for_log("stopping").await;
    assert_eq!(program.exit_code().await, Some(0));
}

#[tokio::test]
async fn the_three_programs_work_together_over_redis() {
    let redis = RedisServer::start();
    let free = ["--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let mut service = Program::start("session-service", &free, &[("NONO_STORE", &redis.url())]);
    let line = service.wait_for_log("listening").await;
    let grpc: String = line.split("\"grpc\":\"").nth(1).unwrap().split('"').next().unwrap().into();
    let free = ["--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let mut gateway = Program::start("gateway", &free, &[("NONO_BACKEND", &format!("http://{grpc}"))]);
    let page = address(&gateway.wait_for_log("listening").await);
    let client = reqwest::Client::new();
    let create =
        client.post(format!("{page}/api/session/create")).json(&serde_json::json!({ "user_id": "a" }));
    assert_eq!(create.send().await.unwrap().status(), 200);
    assert!(redis.ask(&["TYPE", "session:{a}"]).contains("hash"));
    for program in [&mut gateway, &mut service] {
        program.signal(Signal::SIGTERM);
        assert_eq!(program.exit_code().await, Some(0));
    }
}

#[tokio::test]
async fn an_invalid_setting_ends_the_program_with_one_sentence_and_exit_code_2() {
    for (program, arguments, environment, expected) in [
        ("nono", &["--store", "mysql://x"][..], &[][..], "--store <URL>: it must be memory:, redis://"),
        (
            "nono",
            &["--store", "redis://:secret@host:notaport"],
            &[],
            "--store <URL>: it must be of one of the forms redis://",
        ),
        (
            "nono",
            &[],
            &[("NONO_STORE", "redis://:secret@host:notaport")],
            "--store <URL>: it must be of one of the forms",
        ),
        (
            "nono",
            &[],
            &[("NONO_STORE_FILE", "/nonexistent")],
            "NONO_STORE_FILE names a file that cannot be read",
        ),
        ("nono", &["--store", "redis+sentinel://h:1"], &[], "it must be of one of the forms"),
        ("nono", &["--store", "redis://h", "--store-tls-ca", "/nonexistent"], &[], "it cannot be read"),
        (
            "session-service",
            &["--store", "redis://h", "--store-tls-ca", "/dev/null"],
            &[],
            "error: certificates are given and --store is not of a rediss form",
        ),
        ("nono", &["--store", "rediss://h", "--store-tls-cert", "/dev/null"], &[], "--store-tls-key"),
        ("nono", &["--store-sentinel-user", "u"], &[], "are for Redis, and --store is memory:"),
        (
            "nono",
            &["--store", "redis://h", "--store-sentinel-password", "secret"],
            &[],
            "--store is not of a redis+sentinel form",
        ),
        ("nono", &["--min-replicas-ack", "many"], &[], "--min-replicas-ack <NUMBER>: "),
        ("nono", &[], &[("RUST_LOG", "a=b=c")], "is not a log filter"),
        ("nono", &["--session-ttl", "0s"], &[], "it must be at least 1ms"),
        ("nono", &["--session-ttl", "soon"], &[], "it must be a duration such as 90s, 30m or 2h"),
        ("nono", &["--http-listen", "8000"], &[], "--http-listen <ADDRESS>: "),
        ("nono", &["--personas", "/nonexistent"], &[], "it cannot be read"),
        ("nono", &["--public-dir", "/nonexistent"], &[], "there is no index.html in it"),
        ("nono", &["--max-sessions-per-owner", "0"], &[], "0 is not in 1.."),
        ("nono", &["--model", "m"], &[], "--model-url <URL>"),
        (
            "nono",
            &["--model-url", "http://user:secret@h/v1"],
            &[],
            "--model-url <URL>: it must be an http://",
        ),
        ("nono", &["--bogus"], &[], "unexpected argument '--bogus'"),
        ("nono", &[], &[("NONO_SESSION_TTL", "never")], "it must be a duration"),
        ("session-service", &[], &[], "--store"),
        ("gateway", &["--backend", "localhost:50051"], &[], "it must be of the form http://host:port"),
        (
            "gateway",
            &["--backend", "ftp://h:1"],
            &[],
            "it must be of the form http://host:port or https://host:port",
        ),
        ("gateway", &["--backend", "http://u:secret@h:1"], &[], "it must be of the form http://host:port"),
        ("nono", &["--store", "redis://:secret@h?db=3"], &[], "must be written %3F and %23"),
        ("nono", &[], &[("NONO_STORE", "redis://:secret@h:0")], "--store <URL>: it must be of one of"),
        ("session-service", &["--store", "rediss://:secret@h/#insecure"], &[], "must be written %3F and %23"),
        ("nono", &["--model-url", "http://h:0/v1"], &[], "it must be an http://"),
        (
            "nono",
            &[],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "secret:4317")],
            "OTEL_EXPORTER_OTLP_ENDPOINT: it must be of the form http://host:port",
        ),
        (
            "gateway",
            &[],
            &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://u:secret@h:1")],
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: it must be of the form http://host:port",
        ),
    ] {
        let (code, out, err) = Program::run(program, arguments, environment).await;
        assert_eq!(code, Some(2), "{arguments:?}: {err}");
        assert!(err.starts_with("error: ") && err.contains(expected), "{arguments:?}: {err}");
        assert_eq!((err.lines().count(), out.as_str()), (1, ""), "{arguments:?}: {err}");
        assert!(!err.contains("secret"), "{err}");
    }
}

#[tokio::test]
async fn an_address_in_use_is_reported_and_ends_the_program() {
    let taken = crate::app::bind().await;
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, err) = Program::run("gateway", &["--http-listen", &address], &[]).await;
    assert_eq!(code, Some(1));
    assert!(err.contains(&format!("cannot listen on {address}")), "{err}");
}

#[tokio::test]
async fn help_lists_every_setting_with_its_variable() {
    let common = ["NONO_ADMIN_LISTEN", "NONO_LOG_FORMAT", "NONO_DRAIN_DELAY", "NONO_DRAIN_TIMEOUT"];
    let service = [
        "NONO_GRPC_LISTEN",
        "NONO_STORE",
        "NONO_SESSION_TTL",
        "NONO_PERSONAS",
        "NONO_MODEL_URL",
        "NONO_MODEL",
    ];
    let gateway = ["NONO_HTTP_LISTEN", "NONO_TITLE", "NONO_PUBLIC_DIR"];
    for program in PROGRAMS {
        let (code, help, _) = Program::run(program, &["--help"], &[]).await;
        assert_eq!(code, Some(0));
        let mut expected = common.to_vec();
        if program != "gateway" {
            expected.extend(service);
        }
        if program != "session-service" {
            expected.extend(gateway);
        }
        if program == "gateway" {
            expected.push("NONO_BACKEND");
        }
        for variable in expected {
            assert!(help.contains(&format!("[env: {variable}")), "{program} --help lacks {variable}");
        }
    }
}

#[tokio::test]
async fn the_store_address_is_read_from_a_file_unless_a_flag_overrides_it() {
    let redis = RedisServer::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store");
    std::fs::write(&file, format!("{}\n", redis.url())).unwrap();
    let environment = [("NONO_STORE_FILE", file.to_str().unwrap()), ("RUST_LOG", "debug")];
    let free = ["--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let mut program = Program::start("session-service", &free, &environment);
    assert!(program.wait_for_log("listening").await.contains("redis://..."));
    program.wait_for_log("store reachable").await;
    let flag = [&free[..], &["--store", "memory:"]].concat();
    assert!(
        Program::start("session-service", &flag, &environment)
            .wait_for_log("listening")
            .await
            .contains("memory:")
    );
}

#[tokio::test]
async fn help_and_logs_omit_a_secret_in_the_store_address() {
    let store = "redis://user:hunter2@127.0.0.1:1/0";
    let (_, help, _) = Program::run("nono", &["--help"], &[("NONO_STORE", store)]).await;
    assert!(!help.contains("hunter2"));
    let mut program = Program::start(
        "session-service",
        &["--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
        &[("NONO_STORE", store), ("RUST_LOG", "debug")],
    );
    for expected in ["listening", "redis connection", "store unreachable"] {
        assert!(!program.wait_for_log(expected).await.contains("hunter2"));
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_silent_connections() {
    let mut program = Program::nono(&["--drain-timeout", "1s"], &[]);
    let page = address(&program.greeting().await);
    let http = page.trim_start_matches("http://").to_owned();
    let _silent = TcpStream::connect(&http).await.unwrap();
    let mut half = TcpStream::connect(&http).await.unwrap();
    let head = "POST /api/session/create HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                content-length: 100\r\nexpect: 100-continue\r\n\r\n";
    half.write_all(head.as_bytes()).await.unwrap();
    // The response shows that the request is in progress.
    let mut response = [0; 12];
    half.read_exact(&mut response).await.unwrap();
    assert_eq!(&response, b"HTTP/1.1 100");
    let begun = Instant::now();
    program.signal(Signal::SIGTERM);
    program.wait_for_log("cut off").await;
    assert_eq!(program.exit_code().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_second_signal_ends_the_program_at_once() {
    let mut program = Program::nono(&["--drain-delay", "1m"], &[]);
    program.greeting().await;
    program.signal(Signal::SIGTERM);
    program.wait_for_log("stopping").await;
    program.signal(Signal::SIGTERM);
    assert_eq!(program.exit_code().await, Some(130));
}

#[tokio::test]
async fn a_draining_program_is_unready_but_serves() {
    let mut program = Program::start(
        "session-service",
        &[
            "--grpc-listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--store",
            "memory:",
            "--drain-delay",
            "2s",
        ],
        &[],
    );
    let line = program.wait_for_log("listening").await;
    let admin: String = line.split("\"admin\":\"").nth(1).unwrap().split('"').next().unwrap().into();
    program.wait_for_log("serving").await;
    let status =
        async |path: &str| reqwest::get(format!("http://{admin}{path}")).await.unwrap().status().as_u16();
    assert_eq!((status("/livez").await, status("/readyz").await), (200, 200));
    program.signal(Signal::SIGTERM);
    program.wait_for_log("stopping").await;
    assert_eq!((status("/livez").await, status("/readyz").await, status("/metrics").await), (200, 503, 200));
    assert_eq!(program.exit_code().await, Some(0));
}

/// Returns the path of the library that shifts a program's clock. It depends on the distribution.
fn shifted_clock() -> String {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let library = folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|path| path.exists());
    library.expect("faketime is installed").to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_with_a_wrong_clock_lists_and_expires_sessions_correctly() {
    let (redis, library) = (RedisServer::start(), shifted_clock());
    let store = redis.url();
    let mut apps = Vec::new();
    for shift in ["+0", "+1h", "-1h"] {
        let environment =
            [("LD_PRELOAD", library.as_str()), ("FAKETIME", shift), ("DONT_FAKE_MONOTONIC", "1")];
        let mut program = Program::nono(&["--store", &store], &environment);
        let app = App::at(&address(&program.greeting().await));
        program.wait_for_log("store reachable").await;
        // The timestamp of /health shows that the clock of the process is shifted.
        let dated = app.get("/health").await.ok()["timestamp"].as_str().unwrap().to_owned();
        let server = app.get("/api/config").await.ok()["server_time"].as_str().unwrap().to_owned();
        assert!(shift == "+0" || dated[..13] != server[..13], "{shift}: {dated} and {server}");
        app.create(shift).await;
        apps.push((program, app));
    }
    let listed = apps[0].1.get("/api/sessions").await.ok();
    assert_eq!(listed["count"], 3);
    for (_, app) in &apps {
        assert_eq!(app.get("/api/sessions").await.ok(), listed, "all processes list the same sessions");
    }
    for (_, app) in &apps {
        for shift in ["+0", "+1h", "-1h"] {
            let path = format!("/api/session/{}/touch", shift.replace('+', "%2B"));
            app.post(&path, &serde_json::json!({})).await.ok();
            let ttl = redis.ask(&["PTTL", &format!("session:{{{shift}}}")]);
            let left: u64 = ttl.trim().trim_start_matches(':').parse().unwrap();
            assert!((3_590_000..=3_600_000).contains(&left), "{shift} ends in {left} ms");
        }
    }
}
