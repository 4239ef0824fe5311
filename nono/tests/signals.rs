//! Signals: calls in progress survive each of them, and only those that stop a program end it, after a drain.

use crate::{
    app::{App, Program},
    chat::stream::{Event, Events},
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use testkit::{Behaviour, ModelServer};

const PROGRAMS: [&str; 3] = ["nono", "session-service", "gateway"];
const PORTS: [&str; 6] =
    ["--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

/// Starts a program on free ports and waits until it serves.
async fn start(name: &str, environment: &[(&str, &str)]) -> (Program, Value) {
    let ports = match name {
        "session-service" => &PORTS[2..],
        "gateway" => &[PORTS[0], PORTS[1], PORTS[4], PORTS[5]],
        _ => &PORTS[..],
    };
    let mut environment = environment.to_vec();
    environment.push(("RUST_LOG", "info,nono=debug"));
    if name == "session-service" {
        environment.push(("NONO_STORE", "memory:"));
    }
    let mut program = Program::start(name, ports, &environment);
    let line = program.wait_for_log("\"message\":\"listening\"").await;
    (program, serde_json::from_str(&line).unwrap())
}

/// A reply of which the first piece was received.
struct Reply {
    events: Events,
    model: ModelServer,
}

impl Reply {
    async fn begin(app: &App, model: ModelServer) -> Self {
        model.script(Behaviour::Gated(vec!["a".into(), "b".into()]));
        app.create("a").await;
        let mut events = Events::open(app, "a", &json!({ "message": "hi" })).await;
        assert_eq!(events.next().await.unwrap().name, "accepted");
        model.release();
        assert_eq!(events.next().await.unwrap().data["text"], "a");
        Self { events, model }
    }

    /// Lets the model finish. Returns the remaining events.
    async fn finish(mut self) -> Vec<Event> {
        self.model.release();
        self.events.rest().await
    }
}

fn assert_complete(events: &[Event]) {
    assert_eq!(events[0].data["text"], "b", "{events:?}");
    assert_eq!(events.last().unwrap().name, "done", "{events:?}");
}

/// Starts service and gateway, with a model.
async fn services(model: &ModelServer) -> (Program, Program, App) {
    let (service, addresses) = start("session-service", &[("NONO_MODEL_URL", &model.url())]).await;
    let backend = format!("http://{}", addresses["grpc"].as_str().unwrap());
    let (gateway, addresses) = start("gateway", &[("NONO_BACKEND", &backend)]).await;
    (service, gateway, App::at(addresses["page"].as_str().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_survives_signals_that_do_not_stop_a_program() {
    let model = ModelServer::start().await;
    let (mut service, mut gateway, app) = services(&model).await;
    let reply = Reply::begin(&app, model).await;
    for program in [&mut service, &mut gateway] {
        for (signal, name) in
            [(Signal::SIGHUP, "SIGHUP"), (Signal::SIGUSR1, "SIGUSR1"), (Signal::SIGUSR2, "SIGUSR2")]
        {
            for _ in 0..2 {
                program.signal(signal);
                program.wait_for_log(&format!("\"signal\":\"{name}\"")).await;
            }
        }
    }
    assert_complete(&reply.finish().await);
    assert_eq!(app.get("/api/session/a").await.ok()["message_count"], 2);
    for program in [&mut service, &mut gateway] {
        program.signal(Signal::SIGTERM);
        assert_eq!(program.exit_code().await, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigquit_lets_calls_in_progress_finish() {
    let model = ModelServer::start().await;
    let (mut service, mut gateway, app) = services(&model).await;
    let reply = Reply::begin(&app, model).await;
    for program in [&mut service, &mut gateway] {
        program.signal(Signal::SIGQUIT);
        let line = program.wait_for_log("stopping").await;
        assert!(line.contains("SIGQUIT"), "{line}");
    }
    assert_complete(&reply.finish().await);
    for program in [&mut service, &mut gateway] {
        assert_eq!(program.exit_code().await, Some(0));
    }
}

#[tokio::test]
async fn every_program_survives_other_signals_and_drains_on_sigquit() {
    for name in PROGRAMS {
        let (mut program, _) = start(name, &[]).await;
        for signal in [Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2] {
            program.signal(signal);
        }
        program.signal(Signal::SIGQUIT);
        assert_eq!(program.exit_code().await, Some(0), "{name}");
    }
}

#[tokio::test]
async fn a_second_sigquit_ends_a_program_immediately() {
    let (mut program, _) = start("nono", &[("NONO_DRAIN_DELAY", "1m")]).await;
    program.signal(Signal::SIGTERM);
    program.wait_for_log("stopping").await;
    program.signal(Signal::SIGQUIT);
    assert_eq!(program.exit_code().await, Some(130));
}
