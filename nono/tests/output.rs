//! Closed standard streams, and exit codes.

use crate::app::{Program, bind, command};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{io::pipe, process::Stdio, time::Duration};
use testkit::RedisServer;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Child,
    time::timeout,
};

const TIMEOUT: Duration = Duration::from_secs(20);
const PORTS: [&str; 6] =
    ["--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

/// Returns the write end of a pipe whose read end is closed.
fn closed() -> Stdio {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    writer.into()
}

async fn exit_code(mut child: Child) -> Option<i32> {
    timeout(TIMEOUT, child.wait()).await.expect("it ends").unwrap().code()
}

fn terminate(child: &Child) {
    kill(Pid::from_raw(child.id().unwrap().cast_signed()), Signal::SIGTERM).unwrap();
}

#[tokio::test]
async fn nono_serves_with_a_closed_standard_output() {
    let mut child = command("nono", &PORTS, &[("RUST_LOG", "debug")]).stdout(closed()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut page = None;
    while page.is_none() {
        let line = timeout(TIMEOUT, log.next_line()).await.unwrap().unwrap().expect("it is listening");
        page = line.split_once("\"http\":\"").map(|(_, rest)| rest.split('"').next().unwrap().to_owned());
    }
    assert_eq!(reqwest::get(format!("http://{}/", page.unwrap())).await.unwrap().status(), 200);
    terminate(&child);
    while timeout(TIMEOUT, log.next_line()).await.unwrap().unwrap().is_some() {}
    assert_eq!(exit_code(child).await, Some(0));
}

#[tokio::test]
async fn nono_serves_with_a_closed_standard_error() {
    let mut child = command("nono", &PORTS, &[("RUST_LOG", "trace")]).stderr(closed()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let greeting = timeout(TIMEOUT, lines.next_line()).await.unwrap().unwrap().unwrap();
    let page = greeting.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    assert_eq!(reqwest::get(page).await.unwrap().status(), 200);
    terminate(&child);
    assert_eq!(exit_code(child).await, Some(0));
}

#[tokio::test]
async fn the_exit_code_does_not_depend_on_a_closed_stream() {
    let redis = RedisServer::start();
    let (store, taken) = (redis.url(), bind().await);
    let taken = taken.local_addr().unwrap().to_string();
    for (program, arguments, expected) in [
        ("nono", &["--help"][..], 0),
        ("session-service", &["--help"], 0),
        ("gateway", &["--version"], 0),
        ("session-service", &["doctor", "--store", &store], 0),
        ("session-service", &["doctor", "--help"], 0),
        ("nono", &["--bogus"], 2),
        ("gateway", &["--backend", "x"], 2),
        ("session-service", &[], 2),
        ("gateway", &["--admin-listen", "127.0.0.1:0", "--http-listen", &taken], 1),
    ] {
        let child = command(program, arguments, &[]).stdout(closed()).stderr(closed()).spawn().unwrap();
        assert_eq!(exit_code(child).await, Some(expected), "{program} {arguments:?}");
    }
}

#[tokio::test]
async fn exit_codes_are_the_documented_ones() {
    let listener = bind().await;
    let taken = listener.local_addr().unwrap().to_string();
    let absent = RedisServer::absent().url();
    for (program, arguments, environment, expected) in [
        ("nono", &["--version"][..], &[][..], 0),
        ("nono", &["--http-listen", &taken], &[], 1),
        ("session-service", &["doctor", "--store", &absent], &[], 1),
        ("nono", &[], &[("RUST_LOG", "a=b=c")], 2),
        ("nono", &[], &[("OTEL_EXPORTER_OTLP_ENDPOINT", "no address")], 2),
        ("nono", &["--session-ttl", "0s"], &[], 2),
        ("session-service", &["doctor", "--store", "memory:"], &[], 2),
    ] {
        let (code, _, err) = Program::run(program, arguments, environment).await;
        assert_eq!(code, Some(expected), "{program} {arguments:?}: {err}");
    }
}
