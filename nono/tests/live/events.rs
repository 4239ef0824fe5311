//! Events of a session that its watchers receive.

use super::{
    deployment::{Deployment, append, history},
    follower::{Follower, request},
    say, words,
};
use crate::chat::stream::Events;
use serde_json::json;
use testkit::Behaviour;

pub async fn a_stream_begins_with_a_snapshot(deployment: &Deployment) {
    append(deployment.first(), "before").await;
    let session = deployment.first().get("/api/session/a").await.ok();
    let mut response = request(deployment.second(), "a").send().await.unwrap();
    for (name, value) in
        [("content-type", "text/event-stream"), ("cache-control", "no-store"), ("x-accel-buffering", "no")]
    {
        assert_eq!(response.headers()[name], value, "{name}");
    }
    let mut text = String::new();
    while !text.ends_with("\n\n") {
        text.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert_eq!(text.matches("\nretry: 1000\n").count(), 1, "{text}");
    let follower = Follower::open(deployment.first()).await;
    assert_eq!(follower.snapshot["session"], session);
    assert!(follower.snapshot["server_time"].as_str() >= session["last_activity"].as_str());
    assert_eq!(follower.snapshot.get("turn"), None);
}

pub async fn a_message_appended_through_another_gateway_arrives(deployment: &Deployment) {
    let mut follower = Follower::open(deployment.second()).await;
    for content in ["one", "\u{1f916} two\r\nlines\u{2028}", "three"] {
        append(deployment.first(), content).await;
        let message = follower.until("message").await;
        assert_eq!(message["content"], content);
        assert_eq!(message.get("finish_reason"), None);
    }
    assert_eq!(follower.messages, history(deployment.first()).await);
}

pub async fn a_running_reply_grows_for_every_watcher(deployment: &Deployment) {
    let pieces = ["Gr\u{fc}\u{df}e ", "\u{1f469}\u{200d}\u{1f680} ", "\u{4f60}\u{597d}", "!"];
    deployment.model.script(Behaviour::Gated(words(&pieces)));
    let mut followers =
        vec![Follower::open(deployment.first()).await, Follower::open(deployment.second()).await];
    let mut chat = Events::open(deployment.first(), "a", &say("hi", "r")).await;
    assert_eq!(chat.next().await.unwrap().name, "accepted");
    let (last, pieces) = pieces.split_last().unwrap();
    let mut text = String::new();
    for piece in pieces {
        deployment.model.release();
        text.push_str(piece);
        for follower in &mut followers {
            follower.until_text(&text).await;
        }
        // A watcher that comes later receives the text so far, of which the last piece may not be stored yet.
        let mut late = Follower::open(deployment.second()).await;
        let turn = &late.snapshot["turn"];
        let expected = (&json!(2), &json!("r"), &json!(0));
        assert_eq!((&turn["seq"], &turn["request_id"], &turn["offset"]), expected, "{turn}");
        late.until_text(&text).await;
        followers.push(late);
    }
    // The last piece may arrive with the stored reply only.
    deployment.model.release();
    text.push_str(last);
    assert_eq!(chat.rest().await.last().unwrap().name, "done");
    for mut follower in followers {
        let done = follower.until_turn("done").await;
        assert_eq!((&done["seq"], &done["request_id"]), (&json!(2), &json!("r")), "{done}");
        assert_eq!(done.get("problem"), None);
        let reply = follower.messages.last().unwrap();
        assert_eq!((&reply["content"], &reply["finish_reason"]), (&json!(text), &json!("stop")));
    }
    let reply = &history(deployment.second()).await[1];
    assert_eq!((&reply["content"], &reply["finish_reason"]), (&json!(text), &json!("stop")));
    let export = deployment.first().get("/api/session/a/export?format=json").await.ok();
    assert_eq!(export["messages"][1]["finish_reason"], "stop");
    assert_eq!(export["messages"][0].get("finish_reason"), None);
}

pub async fn a_failed_turn_has_a_problem(deployment: &Deployment) {
    let mut follower = Follower::open(deployment.second()).await;
    deployment.model.script(Behaviour::Cut(words(&["half "])));
    let failed = deployment.first().post("/api/session/a/chat", &say("hi", "r")).await;
    let expected = failed.problem(503);
    let turn = follower.until_turn("failed").await;
    assert_eq!(turn["request_id"], "r");
    for field in ["type", "title", "status", "detail", "reason", "retry_after_ms"] {
        assert_eq!(turn["problem"][field], expected[field], "{field}");
    }
    assert_eq!(turn["problem"]["reason"], "MODEL_UNAVAILABLE");
    // Nothing of the reply is stored, and the next turn is a new one.
    assert_eq!(follower.seq, 1);
    deployment.first().post("/api/session/a/chat", &say("hi", "r")).await.ok();
    follower.until_turn("done").await;
    assert_eq!(follower.seq, 2);
}

pub async fn a_touch_arrives_and_watching_moves_no_expiry(deployment: &Deployment) {
    let before = deployment.first().get("/api/session/a").await.ok();
    let mut follower = Follower::open(deployment.second()).await;
    assert_eq!(deployment.first().get("/api/session/a").await.ok(), before);
    let touched = deployment.first().post("/api/session/a/touch", &json!({})).await.ok();
    assert_eq!(follower.until("session").await, touched);
    assert_ne!(touched["expires_at"], before["expires_at"]);
    // A client that continues extends nothing, either.
    follower.resume(deployment.first()).await;
    assert_eq!(follower.snapshot["session"], touched);
    assert_eq!(deployment.second().get("/api/session/a").await.ok(), touched);
}
