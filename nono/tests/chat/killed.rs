//! Who may die at which step of a turn, and what the same request finds afterwards: one message, one reply.

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

/// How far the turn has come when somebody dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The user's message is stored, and the service does not know it yet.
    Beginning,
    /// The model has been asked and says nothing.
    Asked,
    /// Half of the reply has reached the client.
    Replying,
    /// The reply is stored, and the service does not know it yet.
    Storing,
    /// The turn is over, and the client knows it or is about to.
    Over,
}

const STEPS: [Step; 5] = [Step::Beginning, Step::Asked, Step::Replying, Step::Storing, Step::Over];
const ONLY_ONCE: [usize; 5] = [1; 5];
const PATIENCE: Duration = Duration::from_secs(20);

/// The two programs as processes, Redis behind a proxy, and a client in the middle of a turn.
struct Scene {
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

impl Scene {
    /// Brings a turn to `step`.
    async fn at(step: Step) -> Self {
        let redis = RedisServer::start();
        let proxy = Proxy::start(redis.port()).await;
        let model = ModelServer::start().await;
        let (service, grpc) = start_service(&proxy, &model, "127.0.0.1:0").await;
        let (gateway, http) = start_gateway(&grpc, "127.0.0.1:0").await;
        App::at(&format!("http://{http}")).create("a").await;
        model.script(Behaviour::Gated(words(&["whole ", "reply"])));
        match step {
            Step::Beginning => proxy.hold_answer_to("the message"),
            Step::Storing => proxy.hold_answer_to("whole reply"),
            Step::Asked | Step::Replying | Step::Over => {}
        }
        let seen = Arc::<Mutex<String>>::default();
        let client = tokio::spawn(listen(http.clone(), seen.clone()));
        let scene = Self { redis, proxy, model, service, grpc, gateway, http, client, seen };
        scene.reach(step).await;
        scene
    }

    async fn reach(&self, step: Step) {
        if step == Step::Beginning {
            return self.proxy.holds().await;
        }
        self.model.asked(1).await;
        match step {
            Step::Beginning | Step::Asked => {}
            Step::Replying => {
                self.model.release();
                until(|| self.seen.lock().unwrap().contains("event: delta"), "half of the reply").await;
            }
            Step::Storing => {
                self.release_all();
                self.proxy.holds().await;
            }
            Step::Over => {
                self.release_all();
                until(|| self.redis.ask(&["LLEN", "chat_history:{a}"]) == ":2\r\n", "the reply").await;
            }
        }
    }

    /// Lets whatever still runs run on.
    fn release_all(&self) {
        self.proxy.let_go();
        self.model.release();
        self.model.release();
    }

    async fn kill_the_gateway(&mut self) {
        self.gateway.signal(Signal::SIGKILL);
        self.gateway.exit_code().await;
        (self.gateway, self.http) = start_gateway(&self.grpc, &self.http).await;
    }

    /// Kills the service, and does what waiting for the lease to end comes to.
    async fn kill_the_service(&mut self) {
        self.service.signal(Signal::SIGKILL);
        self.service.exit_code().await;
        self.proxy.let_go();
        (self.service, self.grpc) = start_service(&self.proxy, &self.model, &self.grpc).await;
        if self.redis.ask(&["HEXISTS", "session:{a}", "turn_until"]) == ":1\r\n" {
            self.redis.ask(&["HSET", "session:{a}", "turn_until", "1"]);
        }
    }

    /// The same request until it is answered, as a good client does.
    async fn retry(&self) -> App {
        let app = App::at(&format!("http://{}", self.http));
        let begun = Instant::now();
        loop {
            let answer = app.post("/api/session/a/chat", &say("the message", "r")).await;
            match answer.status {
                StatusCode::OK => {
                    assert_eq!(answer.ok()["response"], "whole reply");
                    return app;
                }
                StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE => {
                    assert!(begun.elapsed() < PATIENCE, "no reply: {}", answer.text);
                }
                other => panic!("{other}: {}", answer.text),
            }
        }
    }

    /// Retries, and counts the calls of the model.
    async fn end(self) -> usize {
        self.release_all();
        let app = self.retry().await;
        assert_eq!(spoken(&app, "a").await, ["user: the message", "assistant: whole reply"]);
        app.post("/api/session/a/chat", &say("the message", "r")).await.ok();
        assert_eq!(spoken(&app, "a").await.len(), 2);
        self.model.requests().len()
    }
}

/// Says something and collects what comes back, until either side goes.
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
    let grpc = quoted(&service.says("listening").await, "grpc");
    service.says("store reachable").await;
    (service, grpc)
}

async fn start_gateway(grpc: &str, http: &str) -> (Program, String) {
    let backend = format!("http://{grpc}");
    let arguments = [["--http-listen", http], ["--admin-listen", "127.0.0.1:0"], ["--backend", &backend]];
    let mut gateway = Program::start("gateway", arguments.as_flattened(), &[]);
    let page = quoted(&gateway.says("listening").await, "page");
    (gateway, page.trim_start_matches("http://").to_owned())
}

/// The value of a field in a line of the log.
fn quoted(line: &str, field: &str) -> String {
    serde_json::from_str::<Value>(line).unwrap()[field].as_str().unwrap().to_owned()
}

async fn until(mut is_so: impl FnMut() -> bool, what: &str) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it never comes to {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_who_dies_at_any_step_costs_no_second_reply_and_no_second_call() {
    let mut calls = Vec::new();
    for step in STEPS {
        let scene = Scene::at(step).await;
        scene.client.abort();
        calls.push(scene.end().await);
    }
    assert_eq!(calls, ONLY_ONCE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_dies_at_any_step_costs_no_second_reply_and_no_second_call() {
    let mut calls = Vec::new();
    for step in STEPS {
        let mut scene = Scene::at(step).await;
        scene.kill_the_gateway().await;
        calls.push(scene.end().await);
    }
    assert_eq!(calls, ONLY_ONCE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_dies_at_any_step_costs_no_second_reply() {
    let mut calls = Vec::new();
    for step in STEPS {
        let mut scene = Scene::at(step).await;
        scene.kill_the_service().await;
        scene.model.script(Behaviour::Reply(words(&["whole ", "reply"])));
        calls.push(scene.end().await);
    }
    // What the model had said to the dead one is nowhere, so it is asked again; a stored reply is never asked for again.
    assert_eq!(calls, [1, 2, 2, 1, 1]);
}
