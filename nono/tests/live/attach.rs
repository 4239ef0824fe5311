//! Retries of a request whose turn is running follow that turn.

use super::{deployment::Deployment, say, words};
use crate::chat::stream::Events;
use serde_json::json;
use testkit::Behaviour;

pub async fn a_retry_attaches_to_the_running_turn(deployment: &Deployment) {
    deployment.model.script(Behaviour::Gated(words(&["\u{e4}1 ", "b2 ", "\u{1f916}3"])));
    let mut first = Events::open(deployment.first(), "a", &say("hi", "r")).await;
    let accepted = first.next().await.unwrap();
    deployment.model.release();
    assert_eq!(first.next().await.unwrap().data["text"], "\u{e4}1 ");
    let mut text = "\u{e4}1 ".to_owned();
    let mut attached = Vec::new();
    for piece in ["b2 ", "\u{1f916}3"] {
        for app in [deployment.first(), deployment.second()] {
            let mut events = Events::open(app, "a", &say("hi", "r")).await;
            let again = events.next().await.unwrap();
            assert_eq!((again.name.as_str(), &again.data["replayed"]), ("accepted", &json!(true)));
            assert_eq!(again.data["message"], accepted.data["message"]);
            let delta = events.next().await.unwrap();
            assert_eq!((delta.name.as_str(), &delta.data["text"]), ("delta", &json!(text)));
            attached.push((text.clone(), events));
        }
        deployment.model.release();
        text.push_str(piece);
        for (known, events) in &mut attached {
            while *known != text {
                let delta = events.next().await.unwrap();
                if delta.name == "done" {
                    assert_eq!(delta.data["message"]["content"], text, "after {known:?}");
                    break;
                }
                known.push_str(delta.data["text"].as_str().unwrap());
                assert!(text.starts_with(&*known), "{known:?}");
            }
        }
    }
    let done = first.rest().await.pop().unwrap();
    for (_, mut events) in attached {
        if let Some(last) = events.rest().await.pop() {
            assert_eq!((last.name.as_str(), &last.data["message"]), ("done", &done.data["message"]));
            assert_eq!(last.data["finish_reason"], "stop");
        }
    }
    assert_eq!(deployment.model.requests().len(), 1);
    // Another request has no part in the turn.
    deployment.model.script(Behaviour::Gated(words(&["x"])));
    let mut running = Events::open(deployment.first(), "a", &say("next", "r2")).await;
    assert_eq!(running.next().await.unwrap().name, "accepted");
    let busy = deployment.second().post("/api/session/a/chat", &say("other", "r3")).await;
    assert_eq!(busy.problem(409)["reason"], "TURN_IN_PROGRESS");
    // A different message with its id is a mistake of the caller.
    let reused = deployment.second().post("/api/session/a/chat", &say("other", "r2")).await;
    assert_eq!(reused.violations(), ["request_id"]);
    deployment.model.release();
    assert_eq!(running.rest().await.last().unwrap().name, "done");
}

pub async fn an_attached_stream_ends_with_the_cancelled_reply(deployment: &Deployment) {
    deployment.model.script(Behaviour::Stall(words(&["so far"])));
    let mut first = Events::open(deployment.first(), "a", &say("hi", "r")).await;
    while first.next().await.unwrap().name != "delta" {}
    let mut attached = Events::open(deployment.second(), "a", &say("hi", "r")).await;
    assert_eq!(attached.next().await.unwrap().name, "accepted");
    deployment.second().post("/api/session/a/chat/cancel", &json!({})).await.ok();
    for events in [&mut first, &mut attached] {
        let done = events.rest().await.pop().unwrap();
        assert_eq!((done.name.as_str(), &done.data["finish_reason"]), ("done", &json!("cancelled")));
        assert_eq!(done.data["message"]["content"], "so far");
    }
}
