//! Cancellation of turns.

use super::{
    deployment::{Deployment, history},
    follower::Follower,
    say, words,
};
use crate::{app::App, chat::stream::Events};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Behaviour, Stopwatch};

/// Time in which a cancelled turn ends: it takes less than half a second, and debug builds share two cores.
const CANCEL_TIMEOUT: Duration = Duration::from_millis(1500);

async fn cancel(app: &App, body: &Value) -> Value {
    app.post("/api/session/a/chat/cancel", body).await.ok()
}

/// Begins a turn whose model stalls after the text `"so far "`.
async fn begin(deployment: &Deployment) -> (Events, Follower) {
    deployment.model.script(Behaviour::Stall(words(&["so ", "far "])));
    let mut follower = Follower::open(deployment.second()).await;
    let mut chat = Events::open(deployment.first(), "a", &say("hi", "r")).await;
    assert_eq!(chat.next().await.unwrap().name, "accepted");
    follower.until_text("so far ").await;
    (chat, follower)
}

pub async fn a_cancelled_reply_is_stored_and_replayed(deployment: &Deployment) {
    let (mut chat, mut follower) = begin(deployment).await;
    let stopwatch = Stopwatch::start();
    let cancelled = cancel(deployment.second(), &json!({ "request_id": "r" })).await;
    deployment.model.idle().await;
    assert!(stopwatch.elapsed() < CANCEL_TIMEOUT, "{:?}", stopwatch.elapsed());
    assert_eq!(cancelled["cancelled"], true);
    let reply = &cancelled["message"];
    assert_eq!(
        (&reply["seq"], &reply["content"], &reply["finish_reason"]),
        (&json!(2), &json!("so far "), &json!("cancelled"))
    );
    let done = chat.rest().await.pop().unwrap();
    assert_eq!(
        (done.name.as_str(), &done.data["finish_reason"], &done.data["message"]),
        ("done", &json!("cancelled"), reply)
    );
    let turn = follower.until_turn("cancelled").await;
    assert_eq!((&turn["seq"], &turn["request_id"]), (&json!(2), &json!("r")));
    assert_eq!(follower.messages.last(), Some(reply));
    assert_eq!(history(deployment.second()).await.last(), Some(reply));
    // The same request returns the reply, and the next one has a turn.
    let replayed = deployment.second().post("/api/session/a/chat", &say("hi", "r")).await.ok();
    assert_eq!(&replayed["message"], reply);
    assert_eq!(deployment.model.requests().len(), 1);
    deployment.second().post("/api/session/a/chat", &say("next", "r2")).await.ok();
    follower.until_turn("done").await;
    assert_eq!(follower.seq, 4);
    let export = deployment.first().get("/api/session/a/export").await;
    assert!(export.text.contains("> so far \n"), "{}", export.text);
}

pub async fn a_second_cancellation_does_nothing(deployment: &Deployment) {
    let (mut chat, _follower) = begin(deployment).await;
    // Concurrent ones both belong to the running turn, or one comes after its end.
    let body = json!({});
    let (first, second) = tokio::join!(cancel(deployment.first(), &body), cancel(deployment.second(), &body));
    assert!(first["cancelled"] == true || second["cancelled"] == true, "{first} {second}");
    assert_eq!(chat.rest().await.last().unwrap().name, "done");
    for app in [deployment.first(), deployment.second()] {
        assert_eq!(cancel(app, &json!({ "request_id": "r" })).await, json!({ "cancelled": false }));
        assert_eq!(cancel(app, &json!({})).await, json!({ "cancelled": false }));
    }
    assert_eq!(history(deployment.first()).await.len(), 2);
}

pub async fn a_cancellation_of_another_request_does_nothing(deployment: &Deployment) {
    deployment.model.script(Behaviour::Gated(words(&["one ", "two"])));
    let mut chat = Events::open(deployment.first(), "a", &say("hi", "r")).await;
    deployment.model.release();
    while chat.next().await.unwrap().name != "delta" {}
    for app in [deployment.first(), deployment.second()] {
        assert_eq!(cancel(app, &json!({ "request_id": "other" })).await, json!({ "cancelled": false }));
    }
    deployment.model.release();
    let done = chat.rest().await.pop().unwrap();
    assert_eq!(
        (&done.data["finish_reason"], &done.data["message"]["content"]),
        (&json!("stop"), &json!("one two"))
    );
}

pub async fn a_turn_that_is_cancelled_before_its_text_can_be_retried(deployment: &Deployment) {
    deployment.model.script(Behaviour::Hang);
    let mut follower = Follower::open(deployment.second()).await;
    let mut chat = Events::open(deployment.first(), "a", &say("hi", "r")).await;
    assert_eq!(chat.next().await.unwrap().name, "accepted");
    deployment.model.wait_for_requests(1).await;
    assert_eq!(cancel(deployment.second(), &json!({})).await, json!({ "cancelled": true }));
    deployment.model.idle().await;
    let error = chat.rest().await.pop().unwrap();
    assert_eq!(
        (error.name.as_str(), &error.data["status"], &error.data["reason"], &error.data["title"]),
        ("error", &json!(409), &json!("TURN_CANCELLED"), &json!("Turn cancelled"))
    );
    follower.until_turn("cancelled").await;
    assert_eq!((follower.seq, history(deployment.first()).await.len()), (1, 1));
    // A client without a stream gets the same problem.
    deployment.model.script(Behaviour::Hang);
    let (url, message) = (format!("{}/api/session/a/chat", deployment.first().http), say("again", "r1"));
    let waiting = tokio::spawn(reqwest::Client::new().post(url).json(&message).send());
    deployment.model.wait_for_requests(2).await;
    assert_eq!(cancel(deployment.second(), &json!({ "request_id": "r1" })).await["cancelled"], true);
    let response = waiting.await.unwrap().unwrap();
    assert_eq!(response.status(), 409);
    // The retry generates a reply and stores the message once.
    let reply = deployment.second().post("/api/session/a/chat", &say("hi", "r")).await.ok();
    assert_eq!(reply["message"]["finish_reason"], "stop");
    let contents: Vec<_> = history(deployment.first()).await.into_iter().map(|m| m["role"].clone()).collect();
    assert_eq!(contents, ["user", "user", "assistant"]);
}
