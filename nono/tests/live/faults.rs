//! Services that are killed or frozen while a session is watched.

use super::{
    deployment::{Deployment, append},
    follower::Follower,
    say, words,
};
use crate::chat::stream::Events;
use nix::sys::signal::Signal;
use serde_json::json;
use std::time::{Duration, Instant};
use testkit::Behaviour;

/// Time without an event after which the gateway ends a stream.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// Margin for a busy machine.
const MARGIN: Duration = Duration::from_secs(10);

/// Starts two services behind one gateway, with a follower. Returns the number of the service that has its stream, too.
async fn followed() -> (Deployment, Follower, usize) {
    let deployment = Deployment::balanced(&[], &[]).await;
    let follower = Follower::open(deployment.first()).await;
    let watched = usize::from(deployment.metric(1, "nono_watchers").await == 1);
    assert_eq!(deployment.metric(watched, "nono_watchers").await, 1);
    (deployment, follower, watched)
}

/// Reads up to the error that ends a stream, and continues.
async fn reconnect(deployment: &Deployment, follower: &mut Follower) {
    let names = follower.rest().await;
    assert!(names.last().is_none_or(|name| name == "error"), "{names:?}");
    follower.resume(deployment.first()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_a_killed_service_continues_at_another() {
    let (deployment, mut follower, watched) = followed().await;
    append(deployment.first(), "before").await;
    follower.until("message").await;
    deployment.services[watched].signal(Signal::SIGKILL);
    reconnect(&deployment, &mut follower).await;
    assert_eq!(follower.seq, 1);
    append(deployment.first(), "after").await;
    assert_eq!(follower.until("message").await["content"], "after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_and_a_cancellation_without_a_service_are_unavailable() {
    let mut deployment = Deployment::redis(&[]).await;
    deployment.stop_service(0).await;
    for response in [
        deployment.first().get("/api/session/a/events").await,
        deployment.first().post("/api/session/a/chat/cancel", &json!({})).await,
    ] {
        assert!(response.headers.contains_key("retry-after"));
        assert_eq!(response.problem(503)["reason"], "SERVICE_UNAVAILABLE");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_of_a_killed_service_is_lost() {
    let deployment = Deployment::redis(&[]).await;
    deployment.model.script(Behaviour::Stall(words(&["so far "])));
    let mut follower = Follower::open(deployment.second()).await;
    let mut chat = Events::open(deployment.first(), "a", &say("hi", "r")).await;
    assert_eq!(chat.next().await.unwrap().name, "accepted");
    follower.until_text("so far ").await;
    deployment.services[0].signal(Signal::SIGKILL);
    // The lease of the turn ends after 30 s; time passes faster for this one.
    let redis = deployment.redis.as_ref().unwrap();
    let now: u64 = redis.ask(&["TIME"]).lines().nth(2).unwrap().parse().unwrap();
    redis.ask(&["HSET", "session:{a}", "turn_until", &((now + 2) * 1000).to_string()]);
    let lost = follower.until_turn("lost").await;
    assert_eq!((&lost["request_id"], follower.seq), (&"r".into(), 1));
    let reply = deployment.second().post("/api/session/a/chat", &say("hi", "r")).await.ok();
    assert_eq!(reply["message"]["seq"], 2);
    follower.until_turn("done").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_of_a_frozen_service_is_cancelled_once_it_continues() {
    let deployment = Deployment::redis(&[]).await;
    deployment.model.script(Behaviour::Stall(words(&["so far "])));
    let mut follower = Follower::open(deployment.second()).await;
    let mut chat = Events::open(deployment.first(), "a", &say("hi", "r")).await;
    assert_eq!(chat.next().await.unwrap().name, "accepted");
    follower.until_text("so far ").await;
    deployment.services[0].signal(Signal::SIGSTOP);
    // The reply is not stored in time, which is no error.
    let body = json!({ "request_id": "r" });
    let cancelled = deployment.second().post("/api/session/a/chat/cancel", &body).await.ok();
    assert_eq!(cancelled, json!({ "cancelled": true }));
    deployment.services[0].signal(Signal::SIGCONT);
    follower.until_turn("cancelled").await;
    let reply = follower.messages.last().unwrap();
    assert_eq!((&reply["content"], &reply["finish_reason"]), (&json!("so far "), &json!("cancelled")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_a_frozen_service_ends_with_an_error() {
    let (deployment, mut follower, watched) = followed().await;
    deployment.services[watched].signal(Signal::SIGSTOP);
    let start = Instant::now();
    let error = follower.until("error").await;
    assert!(start.elapsed() < SILENCE_MAX + MARGIN, "{:?}", start.elapsed());
    assert!(error["retry_after_ms"].as_u64().is_some_and(|delay| delay > 0), "{error}");
    assert!(follower.next().await.is_none());
    follower.resume(deployment.first()).await;
    append(deployment.first(), "after").await;
    assert_eq!(follower.until("message").await["content"], "after");
    deployment.services[watched].signal(Signal::SIGCONT);
}
