//! Crashes of the client, the gateway and the service at each step of a turn. A retry finds one message and one reply.

use super::*;
use crate::app::Program;
use nix::sys::signal::Signal;
use reqwest::StatusCode;
use std::{
    sync::{Arc, Mutex},
    time::Instant,
};
use testkit::{Proxy, RedisServer};
use tokio::task::JoinHandle;

/// The step of a turn at which a process crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The user's message is stored, but the service has not received the response of the store.
    MessageStored,
    /// The model has received the request and not responded.
    ModelCalled,
    /// The client has received half of the reply.
    Replying,
    /// The reply is stored, but the service has not received the response of the store.
    ReplyStored,
    /// The turn has ended.
    Ended,
}

const STEPS: [Step; 5] =
    [Step::MessageStored, Step::ModelCalled, Step::Replying, Step::ReplyStored, Step::Ended];
const ONLY_ONCE: [usize; 5] = [1; 5];
const TIMEOUT: Duration = Duration::from_secs(20);

/// The two programs as processes, Redis behind a proxy, and a client of a running turn.
struct Turn {
    redis: RedisServer,
    proxy: Proxy,
    model: ModelServer,
    service: Program,
    grpc: String,
    gateway: Program,
    http: String,
    client: JoinHandle<()>,
    seen: Arc<Mutex<String>>,
}

impl Turn {
    /// Starts a turn and waits until it reaches a step.
    async fn at(step: Step) -> Self {
        let redis = RedisServer::start();
        let proxy = Proxy::start(redis.port()).await;
        let model = ModelServer::start().await;
        let (service, grpc) = start_service(&proxy, &model, "127.0.0.1:0").await;
        let (gateway, http) = start_gateway(&grpc, "127.0.0.1:0").await;
        App::at(&format!("http://{http}")).create("a").await;
        model.script(Behaviour::Gated(words(&["whole ", "reply"])));
        match step {
            Step::MessageStored => proxy.hold_response_to("the message"),
            // The text for watchers has no field of this name.
            Step::ReplyStored => proxy.hold_response_to(r#""content":"whole reply""#),
            Step::ModelCalled | Step::Replying | Step::Ended => {}
        }
        let seen = Arc::<Mutex<String>>::default();
        let client = tokio::spawn(listen(http.clone(), seen.clone()));
        let turn = Self { redis, proxy, model, service, grpc, gateway, http, client, seen };
        turn.reach(step).await;
        turn
    }

    async fn reach(&self, step: Step) {
        if step == Step::MessageStored {
            return self.proxy.wait_until_held().await;
        }
        self.model.wait_for_requests(1).await;
        match step {
            Step::MessageStored | Step::ModelCalled => {}
            Step::Replying => {
                self.model.release();
                until(|| self.seen.lock().unwrap().contains("event: delta"), "half of the reply").await;
            }
            Step::ReplyStored => {
                self.release_all();
                self.proxy.wait_until_held().await;
            }
            Step::Ended => {
                self.release_all();
                until(|| self.redis.ask(&["LLEN", "chat_history:{a}"]) == ":2\r\n", "the reply").await;
            }
        }
    }

    /// Releases the proxy and the model.
    fn release_all(&self) {
        self.proxy.release();
        self.model.release();
        self.model.release();
    }

    async fn kill_the_gateway(&mut self) {
        self.gateway.signal(Signal::SIGKILL);
        self.gateway.exit_code().await;
        (self.gateway, self.http) = start_gateway(&self.grpc, &self.http).await;
    }

    /// Kills and restarts the service, and lets the lease of its turn expire.
    async fn kill_the_service(&mut self) {
        self.service.signal(Signal::SIGKILL);
        self.service.exit_code().await;
        self.proxy.release();
        (self.service, self.grpc) = start_service(&self.proxy, &self.model, &self.grpc).await;
        if self.redis.ask(&["HEXISTS", "session:{a}", "turn_until"]) == ":1\r\n" {
            self.redis.ask(&["HSET", "session:{a}", "turn_until", "1"]);
        }
    }

    /// Retries the request until it succeeds.
    async fn retry(&self) -> App {
        let app = App::at(&format!("http://{}", self.http));
        let begun = Instant::now();
        loop {
            let response = app.post("/api/session/a/chat", &say("the message", "r")).await;
            match response.status {
                StatusCode::OK => {
                    assert_eq!(response.ok()["response"], "whole reply");
                    return app;
                }
                StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE => {
                    assert!(begun.elapsed() < TIMEOUT, "no reply: {}", response.text);
                }
                other => panic!("{other}: {}", response.text),
            }
        }
    }

    /// Retries, checks the history, and returns the number of model calls.
    async fn end(self) -> usize {
        self.release_all();
        let app = self.retry().await;
        assert_eq!(spoken(&app, "a").await, ["user: the message", "assistant: whole reply"]);
        app.post("/api/session/a/chat", &say("the message", "r")).await.ok();
        assert_eq!(spoken(&app, "a").await.len(), 2);
        self.model.requests().len()
    }
}

/// Sends a message and collects the events until either side disconnects.
async fn listen(http: String, seen: Arc<Mutex<String>>) {
    let app = App::at(&format!("http://{http}"));
    let request = app.request(reqwest::Method::POST, "/api/session/a/chat");
    let request = request.header("accept", "text/event-stream").json(&say("the message", "r"));
    let Ok(mut response) = request.send().await else { return };
    while let Ok(Some(chunk)) = response.chunk().await {
        seen.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk));
    }
}

async fn start_service(proxy: &Proxy, model: &ModelServer, grpc: &str) -> (Program, String) {
    let (store, url) = (format!("redis://127.0.0.1:{}", proxy.port()), model.url());
    let arguments = [
        ["--grpc-listen", grpc],
        ["--admin-listen", "127.0.0.1:0"],
        ["--store", &store],
        ["--model-url", &url],
        ["--model", "scripted"],
    ];
    let mut service = Program::start("session-service", arguments.as_flattened(), &[]);
    let grpc = log_field(&service.wait_for_log("listening").await, "grpc");
    service.wait_for_log("store reachable").await;
    (service, grpc)
}

async fn start_gateway(grpc: &str, http: &str) -> (Program, String) {
    let backend = format!("http://{grpc}");
    let arguments = [["--http-listen", http], ["--admin-listen", "127.0.0.1:0"], ["--backend", &backend]];
    let mut gateway = Program::start("gateway", arguments.as_flattened(), &[]);
    let page = log_field(&gateway.wait_for_log("listening").await, "page");
    (gateway, page.trim_start_matches("http://").to_owned())
}

/// Returns the value of a field in a log line.
fn log_field(line: &str, field: &str) -> String {
    serde_json::from_str::<Value>(line).unwrap()[field].as_str().unwrap().to_owned()
}

async fn until(mut is_so: impl FnMut() -> bool, what: &str) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < TIMEOUT, "timeout waiting for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_crash_at_any_step_causes_no_second_reply_and_no_second_model_call() {
    let mut calls = Vec::new();
    for step in STEPS {
        let turn = Turn::at(step).await;
        turn.client.abort();
        calls.push(turn.end().await);
    }
    assert_eq!(calls, ONLY_ONCE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_crash_at_any_step_causes_no_second_reply_and_no_second_model_call() {
    let mut calls = Vec::new();
    for step in STEPS {
        let mut turn = Turn::at(step).await;
        turn.kill_the_gateway().await;
        calls.push(turn.end().await);
    }
    assert_eq!(calls, ONLY_ONCE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_crash_at_any_step_causes_no_second_reply() {
    let mut calls = Vec::new();
    for step in STEPS {
        let mut turn = Turn::at(step).await;
        turn.kill_the_service().await;
        turn.model.script(Behaviour::Reply(words(&["whole ", "reply"])));
        calls.push(turn.end().await);
    }
    // A reply that was not stored is requested from the model again. A stored reply is not.
    assert_eq!(calls, [1, 2, 2, 1, 1]);
}
