//! Turns whose caller has disconnected. They end after `--orphan-turn-max`, unless they are watched.

use super::{
    failures::{start_service, stored},
    limits::Limited,
    *,
};
use nix::sys::signal::Signal;
use reqwest::Method;
use session_service::turn::TurnLimits;
use std::time::Instant;
use testkit::RedisServer;

const SHORT: Duration = Duration::from_millis(300);
const ORPHANED: &str = "nono_chat_turns_total{outcome=\"orphaned\"}";

/// Starts a turn, reads the accepted message and `deltas` parts of the reply, and disconnects.
async fn abandon(app: &App, request_id: &str, deltas: usize) {
    let mut events = Events::open(app, "a", &say("hi", request_id)).await;
    for _ in 0..=deltas {
        events.next().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orphaned_turn_ends_with_the_text_so_far_and_closes_the_connection_to_the_model() {
    let model = ModelServer::start().await;
    let limits = TurnLimits { orphan_turn_max: SHORT, ..TurnLimits::default() };
    let app = App::redis_with_limits(scripted(&model, STALL_TIMEOUT), limits).await;
    app.create("a").await;
    model.script(Behaviour::Stall(words(&["Hello", " there"])));
    abandon(&app, "r", 2).await;
    let begun = Instant::now();
    model.idle().await;
    assert!(begun.elapsed() < STALL_TIMEOUT / 10, "the limit has ended the call, not the stall timeout");
    stored(&app, 2).await;
    assert_eq!(spoken(&app, "a").await, ["user: hi", "assistant: Hello there"]);
    let replayed = Events::open(&app, "a", &say("hi", "r")).await.rest().await;
    let done = &replayed.last().unwrap().data;
    assert_eq!(
        (&done["message"]["content"], &done["finish_reason"]),
        (&json!("Hello there"), &json!("length"))
    );
    let next = app.post("/api/session/a/chat", &say("next", "s")).await.ok();
    assert_eq!((&next["response"], &next["message"]["seq"]), (&json!("You said: next"), &json!(4)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orphaned_turn_without_text_is_released_and_stores_nothing() {
    let limited = Limited::start(&["--orphan-turn-max", "300ms"]).await;
    let silent = [("a", Behaviour::Hang), ("b", Behaviour::Stall(words(&[])))];
    for (user_id, behaviour) in silent {
        let (path, requests) = (format!("/api/session/{user_id}/chat"), limited.model.requests().len());
        limited.model.script(behaviour);
        // A caller without events disconnects by its own timeout.
        let request = limited.app.request(Method::POST, &path).json(&say("hi", "r"));
        assert!(request.timeout(SHORT).send().await.unwrap_err().is_timeout());
        limited.model.wait_for_requests(requests + 1).await;
        limited.model.idle().await;
        assert_eq!(spoken(&limited.app, user_id).await, ["user: hi"]);
        // The lease is released a little later than the model's connection.
        let begun = Instant::now();
        let reply = loop {
            let reply = limited.chat(user_id, "r").await;
            if reply.status != 409 {
                break reply.ok();
            }
            assert!(begun.elapsed() < Duration::from_secs(5), "the turn is not released");
        };
        assert_eq!((&reply["response"], &reply["message"]["seq"]), (&json!("You said: hi"), &json!(2)));
    }
    assert_eq!(limited.metric(ORPHANED).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_with_a_caller_is_not_ended() {
    let limited = Limited::start(&["--orphan-turn-max", "50ms"]).await;
    let slow = || Behaviour::Slow { pieces: words(&["one ", "two ", "three"]), pause: SHORT };
    limited.model.script(slow());
    let events = Events::open(&limited.app, "a", &say("hi", "r")).await.rest().await;
    assert_eq!(events.last().unwrap().data["finish_reason"], "stop");
    limited.model.script(slow());
    assert_eq!(limited.chat("b", "r").await.ok()["response"], "one two three");
    assert_eq!(limited.metric(ORPHANED).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_starts_when_the_caller_disconnects() {
    let limited = Limited::start(&["--orphan-turn-max", "2s"]).await;
    limited
        .model
        .script(Behaviour::Slow { pieces: words(&["one ", "two ", "three ", "four"]), pause: SHORT });
    abandon(&limited.app, "r", 1).await;
    stored(&limited.app, 2).await;
    assert_eq!(spoken(&limited.app, "a").await, ["user: hi", "assistant: one two three four"]);
    assert_eq!(limited.metric(ORPHANED).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_is_watched_is_not_ended() {
    let limited = Limited::start(&["--orphan-turn-max", "500ms"]).await;
    let watch = async || {
        let mut events =
            Events::of(limited.app.request(Method::GET, "/api/session/a/events").send().await.unwrap());
        events.next().await.unwrap();
        events
    };
    let pieces = words(&["one ", "two ", "three ", "four ", "five"]);
    limited.model.script(Behaviour::Slow { pieces, pause: SHORT });
    let mut events = watch().await;
    abandon(&limited.app, "r", 1).await;
    let reply = loop {
        let event = events.next().await.unwrap();
        if event.name == "message" && event.data["seq"] == 2 {
            break event.data;
        }
    };
    assert_eq!(
        (&reply["content"], &reply["finish_reason"]),
        (&json!("one two three four five"), &json!("stop"))
    );
    // It ends once the watcher is gone, too.
    limited.model.script(Behaviour::Stall(words(&["so far"])));
    abandon(&limited.app, "s", 1).await;
    drop(events);
    limited.model.idle().await;
    stored(&limited.app, 4).await;
    assert_eq!(spoken(&limited.app, "a").await[3], "assistant: so far");
    assert_eq!(limited.metric(ORPHANED).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_with_an_orphaned_turn_stops_once_the_turn_has_ended() {
    let (redis, model) = (RedisServer::start(), ModelServer::start().await);
    let arguments = ["--orphan-turn-max", "1s", "--drain-timeout", "15s"];
    let (mut program, app) = start_service(&redis, &model, &arguments).await;
    app.create("a").await;
    model.script(Behaviour::Stall(words(&["so far"])));
    abandon(&app, "r", 1).await;
    program.signal(Signal::SIGTERM);
    let begun = Instant::now();
    assert_eq!(program.exit_code().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(8), "the drain does not wait for the stall timeout");
    assert!(redis.ask(&["LRANGE", "chat_history:{a}", "0", "-1"]).contains("so far"));
    assert_eq!(redis.ask(&["HEXISTS", "session:{a}", "turn_token"]).trim(), ":0");
}
