//! Retries of turns return the stored message, reply and finish reason.

use super::{Events, over_a_model};
use serde_json::json;
use testkit::Behaviour;

/// Returns a reply in two pieces with a finish reason.
fn ended_by(finish_reason: &str) -> Behaviour {
    let piece = |text| json!({ "choices": [{ "delta": { "content": text }, "finish_reason": null }] });
    let end = json!({ "choices": [{ "delta": {}, "finish_reason": finish_reason }] });
    Behaviour::Raw(format!(
        "data: {}\n\ndata: {}\n\ndata: {end}\n\ndata: [DONE]\n\n",
        piece("Hel"),
        piece("lo\n")
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_has_the_message_reply_and_finish_reason_of_the_first_turn() {
    let (app, model) = over_a_model().await;
    for finish_reason in ["stop", "length", "content_filter"] {
        model.script(ended_by(finish_reason));
        let body = json!({ "message": "hi", "request_id": finish_reason, "metadata": { "n": [1, {}] } });
        let first = Events::open(&app, "a", &body).await.rest().await;
        let names: Vec<_> = first.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["accepted", "delta", "delta", "done"]);
        assert_eq!(first[3].data["finish_reason"], finish_reason);
        app.post("/api/session/a/messages", &json!({ "messages": [{ "role": "system", "content": "x" }] }))
            .await
            .ok();
        let again = Events::open(&app, "a", &body).await.rest().await;
        let names: Vec<_> = again.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["accepted", "delta", "done"]);
        assert_eq!(again[0].data["message"], first[0].data["message"]);
        assert_eq!(again[0].data["replayed"], true);
        assert_eq!(again[0].data["message"]["metadata"], body["metadata"]);
        assert_eq!(again[1].data["text"], "Hello\n");
        assert_eq!(again[1].data["text"], first[3].data["message"]["content"]);
        for field in ["message", "finish_reason"] {
            assert_eq!(again[2].data[field], first[3].data[field]);
        }
        let session = app.get("/api/session/a").await.ok();
        assert_eq!(again[2].data["session"], session);
        assert_eq!(again[0].data["session"], session);
        assert_eq!(first[3].data["session"]["message_count"], first[3].data["message"]["seq"]);
        let whole = app.post("/api/session/a/chat", &body).await.ok();
        assert_eq!(whole["message"], first[3].data["message"]);
    }
    assert_eq!(model.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_reuses_a_request_id_with_another_persona_is_rejected() {
    let (app, _model) = over_a_model().await;
    let create = async |persona: &str, metadata: serde_json::Value| {
        let body = json!({ "user_id": "b", "persona": persona, "metadata": metadata, "request_id": "r" });
        app.post("/api/session/create", &body).await
    };
    create("creative_writer", json!({ "a": 1 })).await.ok();
    assert_eq!(create("creative_writer", json!({ "a": 1 })).await.ok()["created"], true);
    assert_eq!(create("default", json!({ "a": 1 })).await.violations(), ["request_id"]);
    assert_eq!(create("creative_writer", json!({ "a": 2 })).await.violations(), ["request_id"]);
}
