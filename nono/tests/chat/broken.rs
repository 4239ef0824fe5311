//! A model, a client, a store or a process that fails in the middle of a turn.

use super::*;
use crate::app::Program;
use nix::sys::signal::Signal;
use reqwest::Method;
use std::time::Instant;
use testkit::RedisServer;

/// Waits until a session has this many messages.
async fn stored(app: &App, count: usize) {
    let begun = Instant::now();
    while app.get("/api/session/a").await.ok()["message_count"] != count {
        assert!(begun.elapsed() < Duration::from_secs(10), "it never has {count} messages");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failure_of_the_model_has_its_end_and_the_session_stays_usable() {
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
        // The same request again: the message is not stored twice, and the model is asked again.
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
async fn a_model_that_fails_is_503_for_those_who_want_one_answer() {
    let (app, model) = over_a_model().await;
    model.script(Behaviour::Status { code: 500, retry_after: None, body: String::new() });
    let refused = app.post("/api/session/a/chat", &say("hi", "r")).await;
    assert_eq!(refused.headers["retry-after"], "2");
    assert_eq!(refused.problem(503)["reason"], "MODEL_UNAVAILABLE");
    assert_eq!(spoken(&app, "a").await, ["user: hi"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_reply_is_cut_and_stored() {
    let (app, model) = over_a_model().await;
    model.script(Behaviour::Endless("word ".repeat(100)));
    let reply = app.post("/api/session/a/chat", &say("hi", "r")).await.ok();
    assert!((30_000..=32_768).contains(&reply["response"].as_str().unwrap().len()));
    model.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_who_goes_away_finds_the_reply_stored() {
    let (app, model) = over_a_model().await;
    for (n, pieces_seen) in [0, 1].into_iter().enumerate() {
        let request_id = format!("r{n}");
        model.script(Behaviour::Gated(words(&["whole ", "reply"])));
        let mut events = Events::open(&app, "a", &say(&format!("hi {n}"), &request_id)).await;
        events.next().await.unwrap();
        model.asked(n + 1).await;
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
        assert_eq!(model.requests().len(), n + 1, "one model call, whatever was cut");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_dies_in_the_middle_loses_nothing() {
    let (mut app, model) = over_a_model().await;
    model.script(Behaviour::Gated(words(&["whole ", "reply"])));
    let mut events = Events::open(&app, "a", &say("hi", "r")).await;
    events.next().await.unwrap();
    model.asked(1).await;
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
async fn a_session_deleted_in_the_middle_stays_deleted() {
    let (app, model) = over_a_model().await;
    model.script(Behaviour::Gated(words(&["ghost"])));
    let mut events = Events::open(&app, "a", &say("hi", "r")).await;
    events.next().await.unwrap();
    model.asked(1).await;
    assert_eq!(app.delete("/api/session/a").await.status, 204);
    model.release();
    let end = events.rest().await.pop().unwrap();
    assert_eq!((end.name.as_str(), &end.data["reason"]), ("error", &json!("SESSION_NOT_FOUND")));
    app.get("/api/session/a").await.problem(404);
    assert_eq!(app.get("/api/sessions").await.ok()["count"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_waits_for_a_store_that_comes_back() {
    let (app, model) = over_a_model().await;
    model.script(Behaviour::Gated(words(&["patient"])));
    let mut events = Events::open(&app, "a", &say("hi", "r")).await;
    events.next().await.unwrap();
    model.asked(1).await;
    app.redis.as_ref().unwrap().freeze();
    model.release();
    assert_eq!(events.next().await.unwrap().name, "delta");
    // Long enough for one try to fail.
    tokio::time::sleep(Duration::from_millis(1600)).await;
    app.redis.as_ref().unwrap().thaw();
    assert_eq!(events.next().await.unwrap().name, "done");
    assert_eq!(spoken(&app, "a").await, ["user: hi", "assistant: patient"]);
}

/// A service as a process of its own over `redis`, with a model; it answers its gRPC address.
async fn start_service(redis: &RedisServer, model: &ModelServer, arguments: &[&str]) -> (Program, App) {
    let (store, url) = (redis.url(), model.url());
    let common =
        ["--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let model = ["--store", &store, "--model-url", &url, "--model", "scripted"];
    let mut program = Program::start("nono", &[&common[..], &model, arguments].concat(), &[]);
    let greeting = program.greeting().await;
    let at = greeting.find("http://").unwrap();
    let app = App::at(greeting[at..].split_whitespace().next().unwrap());
    program.says("store reachable").await;
    (program, app)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_the_middle_waits_for_the_reply() {
    let (redis, model) = (RedisServer::start(), ModelServer::start().await);
    let (mut program, app) = start_service(&redis, &model, &[]).await;
    app.create("a").await;
    model.script(Behaviour::Gated(words(&["to the ", "end"])));
    let mut events = Events::open(&app, "a", &say("hi", "r")).await;
    events.next().await.unwrap();
    model.asked(1).await;
    program.signal(Signal::SIGTERM);
    program.says("stopping").await;
    model.release();
    model.release();
    assert_eq!(events.rest().await.pop().unwrap().name, "done");
    drop(events);
    drop(app);
    assert_eq!(program.exit_code().await, Some(0));
    assert!(redis.ask(&["LRANGE", "chat_history:{a}", "0", "-1"]).contains("to the end"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_that_cannot_wait_gives_the_turn_back() {
    let (redis, model) = (RedisServer::start(), ModelServer::start().await);
    let (mut program, app) = start_service(&redis, &model, &["--drain-timeout", "1s"]).await;
    app.create("a").await;
    model.script(Behaviour::Stall(words(&["never"])));
    let mut events = Events::open(&app, "a", &say("hi", "r")).await;
    events.next().await.unwrap();
    model.asked(1).await;
    program.signal(Signal::SIGTERM);
    let end = events.rest().await.pop().unwrap();
    assert_eq!(end.name, "error");
    assert_eq!(program.exit_code().await, Some(0));
    let (_program, app) = start_service(&redis, &model, &[]).await;
    let reply = app.post("/api/session/a/chat", &say("hi", "r")).await.ok();
    assert_eq!(reply["message"]["seq"], 2, "at once, and without storing the message twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_frees_the_turn_when_its_lease_ends() {
    let (redis, model) = (RedisServer::start(), ModelServer::start().await);
    let (program, app) = start_service(&redis, &model, &[]).await;
    app.create("a").await;
    model.script(Behaviour::Stall(words(&["never"])));
    let mut events = Events::open(&app, "a", &say("hi", "r")).await;
    events.next().await.unwrap();
    model.asked(1).await;
    program.signal(Signal::SIGKILL);
    assert!(events.rest().await.iter().all(|event| event.name == "delta"));
    let (_program, app) = start_service(&redis, &model, &[]).await;
    let busy = app.post("/api/session/a/chat", &say("hi", "r")).await;
    assert_eq!(busy.problem(409)["reason"], "TURN_IN_PROGRESS");
    let until = redis.ask(&["HGET", "session:{a}", "turn_until"]);
    let until: u64 = until.lines().nth(1).unwrap().parse().unwrap();
    let now: u64 = redis.ask(&["TIME"]).lines().nth(2).unwrap().parse().unwrap();
    assert!(until <= (now + 31) * 1000, "the lease ends within 30 seconds");
    // What waiting for it comes to.
    redis.ask(&["HSET", "session:{a}", "turn_until", "1"]);
    let reply = app.post("/api/session/a/chat", &say("hi", "r")).await.ok();
    assert_eq!(reply["message"]["seq"], 2);
    let posted = app.request(Method::GET, "/api/session/a/history");
    assert_eq!(app.send(posted).await.ok()["message_count"], 2);
}
