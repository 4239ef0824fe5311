//! The maximum number of running turns, and their connections to the model.

use super::*;
use crate::app::{HttpResponse, Program};
use tonic::Code;
use tonic_types::StatusExt;

/// The program `nono` over memory with a scripted model.
pub struct Limited {
    pub app: App,
    pub model: ModelServer,
    admin: String,
    _program: Program,
}

impl Limited {
    /// Starts the program and creates the sessions `a`, `b` and `c`.
    pub async fn start(arguments: &[&str]) -> Self {
        let model = ModelServer::start().await;
        let url = model.url();
        let arguments = [&["--model-url", &url, "--model", "scripted"], arguments].concat();
        let mut program = Program::nono(&arguments, &[("RUST_LOG", "debug")]);
        let listening = program.wait_for_log("\"admin\"").await;
        let address = |field: &str| {
            let rest = listening.split(&format!("\"{field}\":\"")).nth(1).unwrap();
            format!("http://{}", rest.split('"').next().unwrap())
        };
        let mut app = App::at(&address("http"));
        app.grpc = address("grpc");
        for user_id in ["a", "b", "c"] {
            app.create(user_id).await;
        }
        Self { app, model, admin: address("admin"), _program: program }
    }

    /// Starts a turn whose reply waits for the test.
    async fn occupy(&self, user_id: &str) -> Events {
        let requests = self.model.requests().len();
        self.model.script(Behaviour::Gated(words(&["later"])));
        let mut events = Events::open(&self.app, user_id, &say("hi", "occupied")).await;
        assert_eq!(events.next().await.unwrap().name, "accepted");
        self.model.wait_for_requests(requests + 1).await;
        events
    }

    /// Sends a message and returns the response without events.
    pub async fn chat(&self, user_id: &str, request_id: &str) -> HttpResponse {
        self.app.post(&format!("/api/session/{user_id}/chat"), &say("hi", request_id)).await
    }

    /// Returns the value of a metric, with its labels in the name.
    pub async fn metric(&self, name: &str) -> u64 {
        let metrics = reqwest::get(format!("{}/metrics", self.admin)).await.unwrap().text().await.unwrap();
        let value = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        value.unwrap_or_else(|| panic!("{name} in\n{metrics}")).parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_beyond_the_maximum_of_its_owner_is_rate_limited() {
    let limited = Limited::start(&["--max-turns-per-owner", "1"]).await;
    let mut first = limited.occupy("a").await;
    let problem = limited.chat("b", "r").await.problem(429);
    assert_eq!(problem["reason"], "RATE_LIMITED");
    assert!(spoken(&limited.app, "b").await.is_empty());
    assert_eq!(limited.metric("nono_chat_turns_rejected_total{reason=\"owner_overloaded\"}").await, 1);
    limited.model.release();
    assert_eq!(first.rest().await.last().unwrap().name, "done");
    assert_eq!(limited.chat("b", "r").await.ok()["message"]["seq"], 2);
}

const REJECTED: &str = "nono_chat_turns_rejected_total{reason=\"overloaded\"}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_beyond_the_maximum_is_rejected_before_anything_is_stored() {
    let limited = Limited::start(&["--max-turns", "2"]).await;
    assert_eq!((limited.metric("nono_chat_turns_limit").await, limited.metric(REJECTED).await), (2, 0));
    let (mut first, _second) = (limited.occupy("a").await, limited.occupy("b").await);
    let rejected = limited.chat("c", "r").await;
    assert_eq!(rejected.headers["retry-after"], "1");
    let problem = rejected.problem(429);
    assert_eq!((&problem["reason"], &problem["retry_after_ms"]), (&json!("OVERLOADED"), &json!(1000)));
    assert!(spoken(&limited.app, "c").await.is_empty());
    assert_eq!((limited.metric("nono_chat_turns_running").await, limited.metric(REJECTED).await), (2, 1));

    limited.model.release();
    limited.model.release();
    assert_eq!(first.rest().await.last().unwrap().name, "done");
    let reply = limited.chat("c", "r").await.ok();
    assert_eq!(reply["message"]["seq"], 2, "the retry stores the message once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overloaded_service_returns_resource_exhausted_with_reason_and_delay() {
    let limited = Limited::start(&["--max-turns", "1"]).await;
    let _running = limited.occupy("a").await;
    let mut client = ChatServiceClient::connect(limited.app.grpc.clone()).await.unwrap();
    let chat = ChatRequest { user_id: "b".into(), message: "hi".into(), ..Default::default() };
    let status = client.chat(chat).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "OVERLOADED");
    assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overloaded_service_replays_stored_replies_and_reports_other_errors() {
    let limited = Limited::start(&["--max-turns", "1"]).await;
    let first = limited.chat("a", "r").await.ok();
    let _running = limited.occupy("b").await;
    let replayed = Events::open(&limited.app, "a", &say("hi", "r")).await.rest().await;
    let names: Vec<_> = replayed.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["accepted", "delta", "done"]);
    assert_eq!(
        (&replayed[0].data["replayed"], &replayed[2].data["message"]),
        (&json!(true), &first["message"])
    );
    assert_eq!(limited.chat("b", "other").await.problem(409)["reason"], "TURN_IN_PROGRESS");
    assert_eq!(limited.chat("unknown", "r").await.problem(404)["reason"], "SESSION_NOT_FOUND");
    let reused = limited.app.post("/api/session/a/chat", &say("other", "r")).await;
    assert_eq!(reused.violations(), ["request_id"]);
    assert_eq!(limited.metric(REJECTED).await, 0);
    assert_eq!(limited.model.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_returns_its_permit_before_its_last_event() {
    let limited = Limited::start(&["--max-turns", "1"]).await;
    for n in 0..3 {
        limited.model.script(Behaviour::Cut(words(&["a"])));
        assert_eq!(limited.chat("a", &n.to_string()).await.problem(503)["reason"], "MODEL_UNAVAILABLE");
    }
    assert_eq!(limited.chat("unknown", "r").await.problem(404)["reason"], "SESSION_NOT_FOUND");
    for n in 3..10 {
        limited.chat("a", &n.to_string()).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sequential_turns_share_a_connection_to_the_model() {
    let limited = Limited::start(&[]).await;
    for n in 0..20 {
        limited.chat("a", &n.to_string()).await.ok();
    }
    assert_eq!(limited.model.requests().len(), 20);
    // A turn that starts before the pool has the connection of the previous one opens a second connection.
    assert!(limited.model.connections() <= 2, "{} connections", limited.model.connections());
}
