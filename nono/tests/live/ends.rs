//! Sessions that are unknown, expire, are deleted or created again.

use super::{
    deployment::{Deployment, append},
    follower::{Follower, request},
};
use crate::chat::stream::Events;
use std::time::{Duration, Instant};
use testkit::Stopwatch;
use tokio::time::sleep;

/// Timeout for the end of a stream to be counted.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Lifetime of sessions in the tests of their expiry.
const SESSION_TTL: Duration = Duration::from_secs(3);

pub async fn an_unknown_session_is_not_found(deployment: &Deployment) {
    let app = deployment.second();
    for query in ["", "?cursor=abc.1.0"] {
        let missing = app.get(&format!("/api/session/unknown/events{query}")).await;
        assert_eq!(missing.problem(404)["reason"], "SESSION_NOT_FOUND");
    }
    let missing = app.post("/api/session/unknown/chat/cancel", &serde_json::json!({})).await;
    assert_eq!(missing.problem(404)["reason"], "SESSION_NOT_FOUND");
}

pub async fn a_deletion_ends_the_stream(deployment: &Deployment) {
    let mut followers = [Follower::open(deployment.first()).await, Follower::open(deployment.second()).await];
    append(deployment.first(), "last").await;
    assert_eq!(deployment.first().delete("/api/session/a").await.status, 204);
    for follower in &mut followers {
        assert_eq!(follower.until("ended").await["reason"], "deleted");
        assert!(follower.next().await.is_none(), "ended is the last event");
        let gone = request(deployment.second(), "a").header("Last-Event-ID", &follower.cursor);
        assert_eq!(deployment.second().send(gone).await.problem(404)["reason"], "SESSION_NOT_FOUND");
    }
}

pub async fn a_session_that_was_created_again_begins_with_a_gap(deployment: &Deployment) {
    append(deployment.first(), "old").await;
    let mut follower = Follower::open(deployment.second()).await;
    deployment.first().delete("/api/session/a").await;
    deployment.first().create("a").await;
    append(deployment.first(), "new 1").await;
    append(deployment.first(), "new 2").await;
    // The stream belongs to the deleted session.
    assert_eq!(follower.until("ended").await["reason"], "deleted");
    assert!(follower.next().await.is_none());
    let again = request(deployment.second(), "a").header("Last-Event-ID", &follower.cursor);
    let mut events = Events::of(again.send().await.unwrap());
    let snapshot = events.next().await.unwrap().data;
    assert_eq!(snapshot["has_gap"], true);
    assert_eq!(snapshot["session"]["message_count"], 2);
    // Nothing of the new session was missed by this stream.
    append(deployment.first(), "new 3").await;
    let message = events.next().await.unwrap();
    assert_eq!((message.name.as_str(), &message.data["content"]), ("message", &"new 3".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_counted_at_its_end_with_its_outcome() {
    let deployment = Deployment::memory(&[]).await;
    let (mut follower, left) =
        (Follower::open(deployment.first()).await, Follower::open(deployment.first()).await);
    let called = |code: &str| {
        let name = format!("grpc_client_handled_total{{grpc_method=\"Watch\",grpc_code=\"{code}\"}}");
        let deployment = &deployment;
        async move { deployment.metric(0, &name).await }
    };
    assert_eq!((called("OK").await, called("Canceled").await), (0, 0));
    drop(left);
    let start = Instant::now();
    while called("Canceled").await != 1 {
        assert!(start.elapsed() < TIMEOUT, "the client has left");
        sleep(Duration::from_millis(20)).await;
    }
    deployment.first().delete("/api/session/a").await;
    assert_eq!(follower.rest().await, ["ended"]);
    while called("OK").await != 1 {
        assert!(start.elapsed() < TIMEOUT, "the stream has ended");
        sleep(Duration::from_millis(20)).await;
    }
    for status in [200, 499] {
        let route = format!("method=\"GET\",route=\"/api/session/{{user_id}}/events\",status=\"{status}\"");
        assert_eq!(deployment.metric(0, &format!("http_requests_total{{{route}}}")).await, 1, "{status}");
    }
}

/// Checks that a session expires on time for its watchers, with a notice before.
async fn expires(deployment: &Deployment) {
    deployment.first().post("/api/session/a/touch", &serde_json::json!({})).await.ok();
    let stopwatch = Stopwatch::start();
    let mut follower = Follower::open(deployment.second()).await;
    let expiring = follower.until("expiring").await;
    assert_eq!(expiring["expires_at"], follower.snapshot["session"]["expires_at"]);
    assert_eq!(follower.rest().await, ["ended"]);
    assert!(stopwatch.elapsed() < SESSION_TTL + Duration::from_secs(2), "{:?}", stopwatch.elapsed());
    let gone = deployment.second().get("/api/session/a/events").await;
    assert_eq!(gone.problem(404)["reason"], "SESSION_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_receive_the_expiry_of_a_session() {
    let ttl = format!("{}ms", SESSION_TTL.as_millis());
    expires(&Deployment::memory(&["--session-ttl", &ttl]).await).await;
    expires(&Deployment::redis(&["--session-ttl", &ttl]).await).await;
}
