//! Streams that continue after an event, and cursors that do not fit.

use super::{
    deployment::{Deployment, append, history},
    follower::{Follower, request},
    say, words,
};
use crate::chat::stream::Events;
use serde_json::{Value, json};
use testkit::Behaviour;

pub async fn a_stream_resumed_in_a_reply_repeats_no_text(deployment: &Deployment) {
    let pieces = ["\u{e4}", "b\u{1f916}", "\u{4f60}", "d", "e"];
    deployment.model.script(Behaviour::Gated(words(&pieces)));
    let mut follower = Follower::open(deployment.first()).await;
    let mut chat = Events::open(deployment.first(), "a", &say("hi", "r")).await;
    assert_eq!(chat.next().await.unwrap().name, "accepted");
    let mut text = String::new();
    let apps = [deployment.second(), deployment.first()];
    for (piece, app) in pieces.into_iter().zip(apps.into_iter().cycle()) {
        deployment.model.release();
        text.push_str(piece);
        if text.len() < pieces.concat().len() {
            follower.until_text(&text).await;
            follower.resume(app).await;
            // The follower asserts that the text continues where it was.
            assert_eq!(follower.text, text);
        }
    }
    assert_eq!(chat.rest().await.last().unwrap().name, "done");
    follower.until_turn("done").await;
    assert_eq!(follower.messages, history(deployment.first()).await);
    assert_eq!(follower.messages[1]["content"], text);
}

pub async fn a_stream_resumed_after_a_reply_has_the_messages(deployment: &Deployment) {
    deployment.model.script(Behaviour::Gated(words(&["one ", "two"])));
    let mut follower = Follower::open(deployment.first()).await;
    let mut chat = Events::open(deployment.first(), "a", &say("hi", "r")).await;
    deployment.model.release();
    follower.until_text("one ").await;
    // The reply and another message are stored while the client is away.
    deployment.model.release();
    assert_eq!(chat.rest().await.last().unwrap().name, "done");
    append(deployment.second(), "after").await;
    follower.resume(deployment.second()).await;
    assert_eq!(follower.snapshot.get("turn"), None);
    while follower.seq < 3 {
        follower.until("message").await;
    }
    assert_eq!(follower.messages, history(deployment.first()).await);
    // Without a cursor nothing is sent again.
    assert_eq!(Follower::open(deployment.second()).await.seq, 3);
}

/// Returns the snapshot of a stream with this header and this query.
async fn snapshot(deployment: &Deployment, header: Option<&str>, query: &str) -> Value {
    let mut request = request(deployment.second(), "a").query(&[("cursor", query)]);
    if let Some(header) = header {
        request = request.header("Last-Event-ID", header);
    }
    let event = Events::of(request.send().await.unwrap()).next().await.unwrap();
    assert_eq!(event.name, "snapshot");
    event.data
}

pub async fn last_event_id_takes_precedence_over_the_cursor(deployment: &Deployment) {
    let known = Follower::open(deployment.first()).await.cursor;
    append(deployment.first(), "one").await;
    for (header, query) in [
        (Some(known.as_str()), ""),
        (Some(known.as_str()), "not a cursor"),
        (Some(""), known.as_str()),
        (None, known.as_str()),
    ] {
        let mut request = request(deployment.second(), "a").query(&[("cursor", query)]);
        if let Some(header) = header {
            request = request.header("Last-Event-ID", header);
        }
        let mut events = Events::of(request.send().await.unwrap());
        let names = [events.next().await.unwrap().name, events.next().await.unwrap().name];
        assert_eq!(names, ["snapshot", "message"], "{header:?} {query:?}");
    }
    let present = snapshot(deployment, Some(""), "").await;
    assert_eq!((&present["has_gap"], &present["session"]["message_count"]), (&json!(false), &json!(1)));
}

pub async fn a_malformed_cursor_is_rejected(deployment: &Deployment) {
    let app = deployment.second();
    for cursor in ["x", "a.1", "a.-1.0", "..", "\u{e9}.1.0", &"a".repeat(300)] {
        let by_query = app.send(request(app, "a").query(&[("cursor", cursor)])).await;
        assert_eq!(by_query.violations(), ["cursor"], "{cursor}");
        let by_header = app.send(request(app, "a").header("Last-Event-ID", cursor.as_bytes())).await;
        assert_eq!(by_header.violations(), ["cursor"], "{cursor}");
    }
    let twice = request(app, "a").header("Last-Event-ID", "a.1.0").header("Last-Event-ID", "a.2.0");
    assert_eq!(app.send(twice).await.violations(), ["cursor"]);
    assert_eq!(app.send(request(app, "a").query(&[("from", "x")])).await.violations(), ["from"]);
}

pub async fn a_cursor_of_another_session_begins_with_a_gap(deployment: &Deployment) {
    append(deployment.first(), "one").await;
    deployment.first().create("b").await;
    let other = Events::of(request(deployment.first(), "b").send().await.unwrap()).next().await.unwrap();
    let own = Follower::open(deployment.first()).await.cursor;
    let beyond = own.replace(".1.0", ".9000.0");
    assert_ne!(beyond, own);
    for cursor in [other.id.unwrap(), beyond] {
        for (header, query) in [(Some(cursor.as_str()), ""), (None, cursor.as_str())] {
            let snapshot = snapshot(deployment, header, query).await;
            assert_eq!(
                (&snapshot["has_gap"], &snapshot["session"]["message_count"]),
                (&json!(true), &json!(1)),
                "{cursor}"
            );
        }
    }
}
