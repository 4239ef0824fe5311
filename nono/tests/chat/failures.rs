//! Failures of the model, the client, the store or a process during a turn.

use super::*;
use crate::app::Program;
use nix::sys::signal::Signal;
use reqwest::Method;
use std::time::Instant;
use testkit::RedisServer;

/// Waits until a session has this many messages.
pub async fn stored(app: &App, count: usize) {
    let begun = Instant::now();
    while app.get("/api/session/a").await.ok()["message_count"] != count {
        assert!(begun.elapsed() < Duration::from_secs(10), "the session does not reach {count} messages");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_model_failure_ends_the_stream_with_an_error_and_the_session_stays_usable() {
    let (app, model) = over_a_model_within(SHORT_SILENCE).await;
    let status = |code, retry_after: Option<&str>| Behaviour::Status {
        code,
        retry_after: retry_after.map(str::to_owned),
        body: r#"{"error":{"message":"canary"}}"#.into(),
    };
    let failures = [
        status(401, None),
        status(429, Some("7")),
        status(500, None),
        Behaviour::Hang,
        Behaviour::Stall(words(&["a", "b"])),
        Behaviour::Cut(words(&["a", "b"])),
        Behaviour::Garbage(words(&[])),
    ];
    for (n, behaviour) in failures.into_iter().enumerate() {
        let (message, request_id) = (format!("message {n}"), format!("r{n}"));
        model.script(behaviour.clone());
        let mut events = Events::open(&app, "a", &say(&message, &request_id)).await;
        let events = events.rest().await;
        assert_eq!((events[0].name.as_str(), &events[0].data["replayed"]), ("accepted", &json!(false)));
        let error = events.last().unwrap();
        assert_eq!(
            (error.name.as_str(), &error.data["reason"]),
            ("error", &json!("MODEL_UNAVAILABLE")),
            "{behaviour:?}"
        );
        assert!(!error.data.to_string().contains("canary"));
        assert_eq!(error.data["status"], 503);
        let delay = if matches!(behaviour, Behaviour::Status { code: 429, .. }) { 7000 } else { 2000 };
        assert_eq!(error.data["retry_after_ms"], delay);
        assert!(error.data["request_id"].is_string() && error.data["trace_id"].is_string());
        // A retry does not store the message twice, and calls the model again.
        model.script(Behaviour::Reply(words(&["fine"])));
        let mut retried = Events::open(&app, "a", &say(&message, &request_id)).await;
        let retried = retried.rest().await;
        assert_eq!(
            (&retried[0].data["replayed"], retried.last().unwrap().name.as_str()),
            (&json!(true), "done")
        );
        assert_eq!(spoken(&app, "a").await.len(), 2 * (n + 1));
    }
    model.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_failure_without_events_returns_503() {
    let (app, model) = over_a_model().await;
    model.script(Behaviour::Status { code: 500, retry_after: None, body: String::new() });
    let error = app.post("/api/session/a/chat", &say("hi", "r")).await;
    assert_eq!(error.headers["retry-after"], "2");
    assert_eq!(error.problem(503)["reason"], "MODEL_UNAVAILABLE");
    assert_eq!(spoken(&app, "a").await, ["user: hi"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_reply_is_truncated_and_stored() {
    let (app, model) = over_a_model().await;
    model.script(Behaviour::Endless("word ".repeat(100)));
    let reply = app.post("/api/session/a/chat", &say("hi", "r")).await.ok();
    assert!((30_000..=32_768).contains(&reply["response"].as_str().unwrap().len()));
    model.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reply_is_stored_after_its_client_disconnected() {
    let (app, model) = over_a_model().await;
    for (n, pieces_seen) in [0, 1].into_iter().enumerate() {
        let request_id = format!("r{n}");
        model.script(Behaviour::Gated(words(&["whole ", "reply"])));
        let mut events = Events::open(&app, "a", &say(&format!("hi {n}"), &request_id)).await;
        events.next().await.unwrap();
        model.wait_for_requests(n + 1).await;
        for _ in 0..pieces_seen {
            model.release();
            events.next().await.unwrap();
        }
        drop(events);
        model.release();
        model.release();
        stored(&app, 2 * (n + 1)).await;
        assert_eq!(spoken(&app, "a").await.last().unwrap(), "assistant: whole reply");
        let again = app.post("/api/session/a/chat", &say(&format!("hi {n}"), &request_id)).await.ok();
        assert_eq!(again["response"], "whole reply");
        assert_eq!(model.requests().len(), n + 1, "the model was called once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reply_is_stored_after_the_gateway_was_restarted() {
    let (mut app, model) = over_a_model().await;
    model.script(Behaviour::Gated(words(&["whole ", "reply"])));
    let mut events = Events::open(&app, "a", &say("hi", "r")).await;
    events.next().await.unwrap();
    model.wait_for_requests(1).await;
    app.restart_gateway().await;
    drop(events);
    model.release();
    model.release();
    stored(&app, 2).await;
    let again = app.post("/api/session/a/chat", &say("hi", "r")).await.ok();
    assert_eq!(again["response"], "whole reply");
    assert_eq!(model.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_deleted_during_a_turn_stays_deleted() {
    let (app, model) = over_a_model().await;
    model.script(Behaviour::Gated(words(&["ghost"])));
    let mut events = Events::open(&app, "a", &say("hi", "r")).await;
    events.next().await.unwrap();
    model.wait_for_requests(1).await;
    assert_eq!(app.delete("/api/session/a").await.status, 204);
    model.release();
    let end = events.rest().await.pop().unwrap();
    assert_eq!((end.name.as_str(), &end.data["reason"]), ("error", &json!("SESSION_NOT_FOUND")));
    app.get("/api/session/a").await.problem(404);
    assert_eq!(app.get("/api/sessions").await.ok()["count"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_is_stored_once_the_store_is_reachable_again() {
    let (app, model) = over_a_model().await;
    model.script(Behaviour::Gated(words(&["patient"])));
    let mut events = Events::open(&app, "a", &say("hi", "r")).await;
    events.next().await.unwrap();
    model.wait_for_requests(1).await;
    app.redis.as_ref().unwrap().freeze();
    model.release();
    assert_eq!(events.next().await.unwrap().name, "delta");
    // Long enough for one attempt to fail.
    tokio::time::sleep(Duration::from_millis(1600)).await;
    app.redis.as_ref().unwrap().thaw();
    assert_eq!(events.next().await.unwrap().name, "done");
    assert_eq!(spoken(&app, "a").await, ["user: hi", "assistant: patient"]);
}

/// Starts `nono` over Redis with a model, and returns it with a client.
pub async fn start_service(redis: &RedisServer, model: &ModelServer, arguments: &[&str]) -> (Program, App) {
    let (store, url) = (redis.url(), model.url());
    let common =
        ["--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let model = ["--store", &store, "--model-url", &url, "--model", "scripted"];
    let mut program = Program::start("nono", &[&common[..], &model, arguments].concat(), &[]);
    let greeting = program.greeting().await;
    let at = greeting.find("http://").unwrap();
    let app = App::at(greeting[at..].split_whitespace().next().unwrap());
    program.wait_for_log("store reachable").await;
    (program, app)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_during_a_turn_waits_for_the_reply() {
    let (redis, model) = (RedisServer::start(), ModelServer::start().await);
    let (mut program, app) = start_service(&redis, &model, &[]).await;
    app.create("a").await;
    model.script(Behaviour::Gated(words(&["to the ", "end"])));
    let mut events = Events::open(&app, "a", &say("hi", "r")).await;
    events.next().await.unwrap();
    model.wait_for_requests(1).await;
    program.signal(Signal::SIGTERM);
    program.wait_for_log("stopping").await;
    model.release();
    model.release();
    assert_eq!(events.rest().await.pop().unwrap().name, "done");
    drop(events);
    drop(app);
    assert_eq!(program.exit_code().await, Some(0));
    assert!(redis.ask(&["LRANGE", "chat_history:{a}", "0", "-1"]).contains("to the end"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_beyond_the_drain_timeout_releases_the_turn() {
    let (redis, model) = (RedisServer::start(), ModelServer::start().await);
    let (mut program, app) = start_service(&redis, &model, &["--drain-timeout", "1s"]).await;
    app.create("a").await;
    model.script(Behaviour::Stall(words(&["never"])));
    let mut events = Events::open(&app, "a", &say("hi", "r")).await;
    events.next().await.unwrap();
    model.wait_for_requests(1).await;
    program.signal(Signal::SIGTERM);
    let end = events.rest().await.pop().unwrap();
    assert_eq!(end.name, "error");
    assert_eq!(program.exit_code().await, Some(0));
    let (_program, app) = start_service(&redis, &model, &[]).await;
    let reply = app.post("/api/session/a/chat", &say("hi", "r")).await.ok();
    assert_eq!(reply["message"]["seq"], 2, "the turn is free, and the message is not stored twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_turn_of_a_killed_process_is_free_once_its_lease_expires() {
    let (redis, model) = (RedisServer::start(), ModelServer::start().await);
    let (program, app) = start_service(&redis, &model, &[]).await;
    app.create("a").await;
    model.script(Behaviour::Stall(words(&["never"])));
    let mut events = Events::open(&app, "a", &say("hi", "r")).await;
    events.next().await.unwrap();
    model.wait_for_requests(1).await;
    program.signal(Signal::SIGKILL);
    assert!(events.rest().await.iter().all(|event| event.name == "delta"));
    let (_program, app) = start_service(&redis, &model, &[]).await;
    let busy = app.post("/api/session/a/chat", &say("next", "s")).await;
    assert_eq!(busy.problem(409)["reason"], "TURN_IN_PROGRESS");
    let until = redis.ask(&["HGET", "session:{a}", "turn_until"]);
    let until: u64 = until.lines().nth(1).unwrap().parse().unwrap();
    let now: u64 = redis.ask(&["TIME"]).lines().nth(2).unwrap().parse().unwrap();
    assert!(until <= (now + 31) * 1000, "the lease ends within 30 seconds");
    // A retry attaches to the turn until its lease expires.
    let mut attached = Events::open(&app, "a", &say("hi", "r")).await;
    assert_eq!(attached.next().await.unwrap().name, "accepted");
    redis.ask(&["HSET", "session:{a}", "turn_until", "1"]);
    let lost = attached.rest().await.pop().unwrap();
    assert_eq!((lost.name.as_str(), &lost.data["reason"]), ("error", &json!("MODEL_UNAVAILABLE")));
    let reply = app.post("/api/session/a/chat", &say("hi", "r")).await.ok();
    assert_eq!(reply["message"]["seq"], 2);
    let posted = app.request(Method::GET, "/api/session/a/history");
    assert_eq!(app.send(posted).await.ok()["message_count"], 2);
}
