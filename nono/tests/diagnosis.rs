//! Information for operators: the model in `/health`, and the ids in log lines that report a cause.

use crate::app::{App, Program};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Behaviour, ModelServer, RedisServer};

async fn start(arguments: &[&str], log_filter: &str) -> (Program, App) {
    let (program, app, _) = start_with_admin(arguments, log_filter).await;
    (program, app)
}

/// Starts `nono`, and also returns the address of its admin port.
async fn start_with_admin(arguments: &[&str], log_filter: &str) -> (Program, App, String) {
    let log_filter = format!("{log_filter},nono=debug");
    let mut program = Program::nono(arguments, &[("RUST_LOG", &log_filter)]);
    let greeting = program.greeting().await;
    let at = greeting.find("http://").unwrap();
    let line: Value = serde_json::from_str(&program.wait_for_log("listening").await).unwrap();
    program.wait_for_log("store reachable").await;
    let app = App::at(greeting[at..].split_whitespace().next().unwrap());
    (program, app, format!("http://{}", line["admin"].as_str().unwrap()))
}

fn unavailable() -> Behaviour {
    Behaviour::Status { code: 500, retry_after: None, body: "{}".into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_reports_the_result_of_the_most_recent_model_call() {
    let model = ModelServer::start().await;
    let (_program, app) = start(&["--model-url", &model.url()], "info").await;
    app.create("a").await;
    let status = async || {
        let response = app.get("/health").await;
        let health = response.json();
        (response.status.as_u16(), health["dependencies"]["model"].as_str().unwrap().to_owned())
    };
    assert_eq!(status().await, (200, "healthy".into()));
    for (behaviour, expected) in
        [(unavailable(), (503, "unhealthy")), (Behaviour::Reply(vec!["hi".into()]), (200, "healthy"))]
    {
        model.script(behaviour);
        app.post("/api/session/a/chat", &json!({ "message": "hi" })).await;
        // The state is reported by a task of its own.
        while status().await != (expected.0, expected.1.to_owned()) {
            tokio::task::yield_now().await;
        }
    }
}

/// Returns the lines of a log whose message is one of these, each with its request id and trace id.
fn causes(log: &[String], messages: &[&str]) -> Vec<(String, String, String)> {
    let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    lines
        .filter(|line| messages.contains(&line["message"].as_str().unwrap_or_default()))
        .map(|line| (text(&line["message"]), text(&line["request_id"]), text(&line["trace_id"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_lines_that_report_a_cause_carry_the_ids_of_the_request() {
    let (mut redis, model) = (RedisServer::start(), ModelServer::start().await);
    let filter = "info,session_service::grpc::status=debug";
    let (mut program, app) = start(&["--store", &redis.url(), "--model-url", &model.url()], filter).await;
    app.create("a").await;
    let log = program.collect_log();
    let send = async |request_id: &str, events: bool| {
        let accept = if events { "text/event-stream" } else { "application/json" };
        let request = app.request(reqwest::Method::POST, "/api/session/a/chat");
        let request = request.header("x-request-id", request_id).header("accept", accept);
        app.send(request.json(&json!({ "message": "hi" }))).await
    };
    for (request_id, events) in [("plain", false), ("streamed", true)] {
        model.script(unavailable());
        send(request_id, events).await;
    }
    redis.ask(&["HSET", "session:{a}", "message_count", "canary"]);
    assert_eq!(send("corrupt", false).await.status, 500);
    redis.kill();
    assert_eq!(send("stopped", false).await.status, 503);
    program.signal(Signal::SIGTERM);
    let found =
        causes(&log.await.unwrap(), &["model unavailable", "store unavailable", "internal error", "turn"]);
    let of = |request_id: &str| {
        let lines: Vec<_> = found.iter().filter(|(_, id, _)| id == request_id).collect();
        assert!(lines.iter().all(|(_, _, trace_id)| trace_id.len() == 32), "{lines:?}");
        let mut messages: Vec<_> = lines.iter().map(|(message, ..)| message.as_str()).collect();
        messages.sort_unstable();
        messages
    };
    assert_eq!(of("plain"), ["model unavailable", "turn"]);
    assert_eq!(of("streamed"), ["model unavailable", "turn"]);
    assert_eq!(of("corrupt"), ["internal error", "turn"]);
    assert_eq!(of("stopped"), ["store unavailable", "turn"]);
    assert_eq!(of(""), [""; 0], "every cause can be attributed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_is_measured_until_its_stream_ends() {
    const PAUSE: Duration = Duration::from_millis(200);
    let model = ModelServer::start().await;
    let (mut program, app, admin) = start_with_admin(&["--model-url", &model.url()], "info").await;
    app.create("a").await;
    let slow = || Behaviour::Slow { pieces: vec!["a".into(), "b".into()], pause: PAUSE };
    let send = |request_id: &str| {
        let request = app.request(reqwest::Method::POST, "/api/session/a/chat");
        let request = request.header("x-request-id", request_id).header("accept", "text/event-stream");
        request.json(&json!({ "message": "hi" })).send()
    };
    model.script(slow());
    assert!(send("complete").await.unwrap().text().await.unwrap().contains("event: done"));
    model.script(unavailable());
    let failed = send("failed").await.unwrap();
    assert_eq!(failed.status(), 200);
    let failed = failed.text().await.unwrap();
    let (_, error) = failed.split_once("event: error\ndata: ").unwrap_or_else(|| panic!("{failed}"));
    let status = serde_json::from_str::<Value>(error.lines().next().unwrap()).unwrap()["status"].as_u64();
    model.script(Behaviour::Gated(vec!["a".into()]));
    let mut left = send("left").await.unwrap();
    left.chunk().await.unwrap();
    drop(left);
    let line = program.wait_for_log("\"left\"").await;
    model.release();
    assert!(line.contains("\"status\":499"), "{line}");

    let metrics = reqwest::get(format!("{admin}/metrics")).await.unwrap().text().await.unwrap();
    let route = "http_requests_total{method=\"POST\",route=\"/api/session/{user_id}/chat\"";
    let call = "grpc_client_handled_total{grpc_method=\"Chat\"";
    for line in [
        format!("{route},status=\"200\"}} 1"),
        format!("{route},status=\"{}\"}} 1", status.unwrap()),
        format!("{route},status=\"499\"}} 1"),
        format!("{call},grpc_code=\"OK\"}} 1"),
        format!("{call},grpc_code=\"Unavailable\"}} 1"),
        format!("{call},grpc_code=\"Canceled\"}} 1"),
    ] {
        assert!(metrics.contains(&line), "{line} in\n{metrics}");
    }
    program.signal(Signal::SIGTERM);
    let log = program.collect_log().await.unwrap();
    let line = |request_id: &str| {
        let requests = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut requests = requests.filter(|line| line["message"] == "request");
        requests.find(|line| line["request_id"] == request_id).unwrap()
    };
    assert_eq!((line("complete")["status"].as_u64(), line("failed")["status"].as_u64()), (Some(200), status));
    assert!(line("complete")["duration_ms"].as_f64() >= Some(400.0), "{}", line("complete"));
}
