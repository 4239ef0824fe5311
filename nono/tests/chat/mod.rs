//! Chat turns end to end: streamed events, stored messages, and failures of each part.

mod crashes;
mod failures;
mod limits;
mod orphans;
mod replays;
pub mod stream;

use crate::app::{App, scripted};
use nono_proto::{
    chat::v1::{ChatRequest, chat_response::Event, chat_service_client::ChatServiceClient},
    session::v1::{CreateRequest, session_service_client::SessionServiceClient},
};
use serde_json::{Value, json};
use session_service::model::limits::STALL_TIMEOUT;
use std::time::Duration;
use testkit::{Behaviour, ModelServer};
use tokio::task::JoinSet;
use tonic::transport::Channel;

pub use stream::Events;

/// The stall timeout in tests of a silent model.
const SHORT_SILENCE: Duration = Duration::from_millis(500);

/// Starts two processes over Redis, with a scripted model and a session called `a`.
async fn over_a_model() -> (App, ModelServer) {
    // A gated reply stalls until the test releases it, which can take long on a busy machine.
    over_a_model_within(STALL_TIMEOUT).await
}

/// Starts the same with a stall timeout.
async fn over_a_model_within(silence: Duration) -> (App, ModelServer) {
    let model = ModelServer::start().await;
    let app = App::redis_with(scripted(&model, silence)).await;
    app.create("a").await;
    (app, model)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn say(message: &str, request_id: &str) -> Value {
    json!({ "message": message, "request_id": request_id })
}

/// Returns the roles and contents of a session's messages.
async fn spoken(app: &App, user_id: &str) -> Vec<String> {
    let history = app.get(&format!("/api/session/{user_id}/history?limit=1000")).await.ok();
    let messages = history["messages"].as_array().unwrap().iter();
    let spoken: Vec<_> = messages
        .map(|m| format!("{}: {}", m["role"].as_str().unwrap(), m["content"].as_str().unwrap()))
        .collect();
    assert_eq!(history["message_count"], spoken.len());
    spoken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_streams_piece_by_piece_and_is_stored() {
    let (app, model) = over_a_model().await;
    model.script(Behaviour::Gated(words(&["Hel", "lo ", "🤖"])));
    let mut events = Events::open(&app, "a", &say("hi", "r")).await;
    let accepted = events.next().await.unwrap();
    assert_eq!((accepted.name.as_str(), &accepted.data["replayed"]), ("accepted", &json!(false)));
    assert_eq!(
        (&accepted.data["message"]["seq"], &accepted.data["message"]["role"]),
        (&json!(1), &json!("user"))
    );
    for piece in ["Hel", "lo ", "🤖"] {
        model.release();
        let delta = events.next().await.unwrap();
        assert_eq!(
            (delta.name.as_str(), delta.data),
            ("delta", json!({ "text": piece })),
            "nothing is held back"
        );
    }
    let done = events.next().await.unwrap();
    assert_eq!((done.name.as_str(), &done.data["finish_reason"]), ("done", &json!("stop")));
    assert_eq!(done.data["message"]["content"], "Hello 🤖");
    assert!(events.next().await.is_none());
    let history = app.get("/api/session/a/history").await.ok();
    assert_eq!(history["messages"], json!([accepted.data["message"], done.data["message"]]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_without_events_is_one_json_object() {
    let (app, model) = over_a_model().await;
    model.script(Behaviour::Reply(words(&["Hello", " there"])));
    let reply = app.post("/api/session/a/chat", &say("hi", "r")).await.ok();
    assert_eq!(reply["response"], "Hello there");
    assert!(reply["session_id"].as_str().unwrap().starts_with("session_a_"));
    assert_eq!(reply["message"]["seq"], 2);
    assert_eq!(reply["timestamp"], reply["message"]["timestamp"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_completed_request_is_replayed_without_calling_the_model() {
    let (app, model) = over_a_model().await;
    let first = app.post("/api/session/a/chat", &say("hi", "r")).await.ok();
    let mut events = Events::open(&app, "a", &say("hi", "r")).await;
    let again = events.rest().await;
    let names: Vec<_> = again.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["accepted", "delta", "done"]);
    assert_eq!(again[0].data["replayed"], true);
    assert_eq!((&again[1].data["text"], &again[2].data["message"]), (&first["response"], &first["message"]));
    assert_eq!(model.requests().len(), 1);
    assert_eq!(spoken(&app, "a").await.len(), 2);
    let other = app.post("/api/session/a/chat", &say("other", "r")).await;
    assert_eq!(other.violations(), ["request_id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_contains_the_persona_and_the_newest_messages_in_order() {
    let model = ModelServer::start().await;
    let app = App::redis_with(scripted(&model, STALL_TIMEOUT)).await;
    app.post("/api/session/create", &json!({ "user_id": "a", "persona": "technical_support" })).await.ok();
    for n in 0..15 {
        app.post("/api/session/a/chat", &json!({ "message": format!("question {n}") })).await.ok();
    }
    let request = model.requests().pop().unwrap();
    assert_eq!((&request["model"], &request["stream"]), (&json!("scripted"), &json!(true)));
    assert!((request["temperature"].as_f64().unwrap() - 0.3).abs() < 0.001);
    assert_eq!(request["max_tokens"], 1024);
    let messages = request["messages"].as_array().unwrap();
    assert_eq!(messages[0]["role"], "system");
    assert!(messages[0]["content"].as_str().unwrap().contains("support engineer"));
    assert_eq!(messages.last().unwrap(), &json!({ "role": "user", "content": "question 14" }));
    assert!((19..=21).contains(&messages.len()), "{} messages", messages.len());
    for pair in messages[1..].windows(2) {
        assert_ne!(pair[0]["role"], pair[1]["role"], "the speakers take turns");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_turn_is_rejected_while_one_runs() {
    let (app, model) = over_a_model().await;
    model.script(Behaviour::Gated(words(&["one"])));
    let mut events = Events::open(&app, "a", &say("first", "r1")).await;
    events.next().await.unwrap();
    model.wait_for_requests(1).await;
    let error = app.post("/api/session/a/chat", &say("second", "r2")).await;
    assert_eq!(error.headers["retry-after"], "1");
    assert_eq!(error.problem(409)["reason"], "TURN_IN_PROGRESS");
    model.release();
    assert_eq!(events.rest().await.last().unwrap().name, "done");
    assert_eq!(spoken(&app, "a").await, ["user: first", "assistant: one"]);
    app.post("/api/session/a/chat", &say("second", "r2")).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_concurrent_turns_in_one_session_one_is_accepted() {
    let (app, model) = over_a_model().await;
    model.script(Behaviour::Gated(words(&["won"])));
    let mut calls: JoinSet<_> = (0..100)
        .map(|n| {
            let request = app
                .request(reqwest::Method::POST, "/api/session/a/chat")
                .json(&say(&n.to_string(), &n.to_string()));
            async move { request.send().await.unwrap().status().as_u16() }
        })
        .collect();
    // The accepted turn has no reply before the release, so all others end first.
    for _ in 0..99 {
        assert_eq!(calls.join_next().await.unwrap().unwrap(), 409);
    }
    model.wait_for_requests(1).await;
    model.release();
    assert_eq!(calls.join_next().await.unwrap().unwrap(), 200);
    assert_eq!(model.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demo_replies_say_that_they_are_and_differ_by_persona() {
    let app = App::memory().await;
    let mut replies = Vec::new();
    for persona in ["default", "mental_health_nurse", "technical_support", "creative_writer"] {
        app.post("/api/session/create", &json!({ "user_id": persona, "persona": persona })).await.ok();
        let path = format!("/api/session/{persona}/chat");
        let first = app.post(&path, &say("I feel tired", "1")).await.ok();
        let text = first["response"].as_str().unwrap().to_owned();
        assert!(text.contains("demo") && text.contains("--model-url"), "{text}");
        let second = app.post(&path, &say("and now?", "2")).await.ok();
        assert!(!second["response"].as_str().unwrap().contains("--model-url"));
        replies.push(text);
    }
    replies.sort_unstable();
    replies.dedup();
    assert_eq!(replies.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_chat_requests_are_rejected_with_every_field() {
    let (app, model) = over_a_model().await;
    let rejected = async |body: Value| app.post("/api/session/a/chat", &body).await.violations();
    assert_eq!(rejected(json!({})).await, ["message"]);
    assert_eq!(rejected(json!({ "message": "" , "request_id": "\u{1}" })).await, ["message", "request_id"]);
    assert_eq!(
        rejected(json!({ "message": 5, "metadata": [], "text": "x" })).await,
        ["message", "metadata", "text"]
    );
    assert_eq!(rejected(json!({ "message": "x".repeat(32 * 1024 + 1) })).await, ["message"]);
    let missing = app.post("/api/session/unknown/chat", &say("hi", "r")).await;
    assert_eq!(missing.problem(404)["reason"], "SESSION_NOT_FOUND");
    assert!(model.requests().is_empty());
    assert!(spoken(&app, "a").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_replies_of_a_thousand_concurrent_turns_do_not_mix() {
    let app = App::memory().await;
    let mut calls = JoinSet::new();
    // A connection has at most 200 concurrent streams.
    for connection in 0..8 {
        let channel = Channel::from_shared(app.grpc.clone()).unwrap().connect().await.unwrap();
        for n in 0..125 {
            let (channel, user_id) = (channel.clone(), format!("{connection}-{n}"));
            calls.spawn(async move {
                let create = CreateRequest { user_id: user_id.clone(), ..Default::default() };
                SessionServiceClient::new(channel.clone()).create(create).await.unwrap();
                let message = format!("my number is {user_id}");
                let chat = ChatRequest { user_id, message: message.clone(), ..Default::default() };
                let mut events = ChatServiceClient::new(channel).chat(chat).await.unwrap().into_inner();
                let mut last = None;
                while let Some(event) = events.message().await.unwrap() {
                    last = event.event;
                }
                let Some(Event::Done(done)) = last else { panic!("{last:?}") };
                let reply = done.message.unwrap();
                assert_eq!(reply.seq, 2);
                assert!(reply.content.contains(&message), "{}", reply.content);
            });
        }
    }
    assert_eq!(calls.join_all().await.len(), 1000);
    assert_eq!(app.get("/api/sessions").await.ok()["count"], 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_fill_a_connection_do_not_delay_other_calls() {
    let model = ModelServer::start().await;
    let app = App::redis_with(scripted(&model, Duration::from_secs(60))).await;
    for gateway in [app.balanced().await, app] {
        let mut streams = Vec::new();
        // A connection to the service has at most 200 concurrent calls.
        for n in 0..250 {
            let user_id = format!("{} {n}", gateway.http.rsplit(':').next().unwrap());
            gateway.create(&user_id).await;
            model.script(Behaviour::Gated(words(&["later"])));
            let mut events = Events::open(&gateway, &user_id, &say("hi", "r")).await;
            assert_eq!(events.next().await.unwrap().name, "accepted");
            streams.push(events);
        }
        assert_eq!(gateway.get("/api/sessions?page_size=1").await.status, 200);
        streams.iter().for_each(|_| model.release());
        for mut events in streams {
            assert_eq!(events.rest().await.last().unwrap().name, "done");
        }
    }
}
