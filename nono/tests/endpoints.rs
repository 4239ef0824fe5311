//! Several services behind one gateway: killed, frozen, replaced and drained under load.

use crate::app::{App, Program, bind};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use testkit::{Port, RedisServer};
use tokio::task::JoinSet;

const SERVICES: usize = 3;
const CALLERS: usize = 6;

/// Services over one Redis, and a gateway that has their addresses by flag.
struct Deployment {
    redis: RedisServer,
    store: String,
    /// Ports of the services, which keep them when they are started again.
    ports: Vec<Port>,
    services: Vec<Program>,
    _gateway: Program,
    app: App,
    /// Admin port of the gateway.
    admin: String,
    /// Admin ports of the services as they were started.
    admins: Vec<String>,
}

/// A call of the load.
#[derive(Clone, Debug)]
struct Call {
    kind: &'static str,
    status: u16,
    start: Instant,
    took: Duration,
}

impl Deployment {
    async fn start(services: usize) -> Self {
        Self::start_with(services, &[]).await
    }

    /// Starts a deployment whose gateway also has other addresses, at which there is no service.
    async fn start_with(services: usize, others: &[String]) -> Self {
        let redis = RedisServer::start();
        let store = redis.url();
        let ports: Vec<_> = (0..services).map(|_| Port::claim()).collect();
        let addresses: Vec<_> = ports.iter().map(Port::address).collect();
        let mut programs: Vec<_> = addresses.iter().map(|address| service(&store, address)).collect();
        let mut admins = Vec::new();
        for program in &mut programs {
            let line: Value = serde_json::from_str(&program.wait_for_log("listening").await).unwrap();
            admins.push(format!("http://{}", line["admin"].as_str().unwrap()));
            program.wait_for_log("store reachable").await;
        }
        let backends: Vec<_> =
            addresses.iter().chain(others).map(|address| format!("http://{address}")).collect();
        let backends = backends.join(",");
        let arguments =
            ["--backend", &backends, "--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let mut gateway = Program::start("gateway", &arguments, &[]);
        let line: Value = serde_json::from_str(&gateway.wait_for_log("listening").await).unwrap();
        let app = App::at(line["page"].as_str().unwrap());
        let admin = format!("http://{}", line["admin"].as_str().unwrap());
        let deployment =
            Self { redis, store, ports, services: programs, _gateway: gateway, app, admin, admins };
        deployment.ready(services).await;
        for caller in 0..CALLERS {
            deployment.app.create(&caller.to_string()).await;
        }
        deployment
    }

    /// Waits until this number of endpoints is ready.
    async fn ready(&self, count: usize) {
        let start = Instant::now();
        while self.endpoints().await.values().filter(|state| **state == "ready").count() != count {
            assert!(start.elapsed() < Duration::from_secs(15), "{:?}", self.endpoints().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns the state of each endpoint as `/readyz?verbose` shows it.
    async fn endpoints(&self) -> BTreeMap<String, String> {
        let response = reqwest::get(format!("{}/readyz?verbose", self.admin)).await.unwrap();
        let body: Value = response.json().await.unwrap();
        serde_json::from_value(body["parts"]["session service"].clone()).unwrap_or_default()
    }

    /// Starts callers that make calls of all kinds, one after the other, until the load is stopped.
    fn load(&self) -> Load {
        let (is_over, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let (app, is_over, calls) = (App::at(&self.app.http), is_over.clone(), calls.clone());
            callers.spawn(async move {
                let mut made = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    made.push(call(&app, caller, made.len()).await);
                    calls.fetch_add(1, Ordering::Relaxed);
                }
                made
            });
        }
        Load { is_over, calls, callers }
    }
}

struct Load {
    is_over: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    callers: JoinSet<Vec<Call>>,
}

impl Load {
    /// Waits for further calls.
    async fn calls(&self, count: usize) {
        let target = self.calls.load(Ordering::Relaxed) + count;
        while self.calls.load(Ordering::Relaxed) < target {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop(self) -> Vec<Call> {
        self.is_over.store(true, Ordering::Relaxed);
        self.callers.join_all().await.into_iter().flatten().collect()
    }
}

fn service(store: &str, address: &str) -> Program {
    let arguments = ["--store", store, "--grpc-listen", address, "--admin-listen", "127.0.0.1:0"];
    Program::start("session-service", &arguments, &[])
}

async fn call(app: &App, caller: usize, n: usize) -> Call {
    let message = json!({ "role": "user", "content": "hi" });
    let (kind, method, path, body) = match n % 5 {
        0 => ("get", Method::GET, format!("/api/session/{caller}"), None),
        1 => ("list", Method::GET, "/api/sessions".into(), None),
        2 => ("history", Method::GET, format!("/api/session/{caller}/history"), None),
        3 => {
            let body = json!({ "messages": [message], "request_id": n.to_string() });
            ("append with id", Method::POST, format!("/api/session/{caller}/messages"), Some(body))
        }
        _ => {
            let body = json!({ "messages": [message] });
            ("append", Method::POST, format!("/api/session/{caller}/messages"), Some(body))
        }
    };
    let mut request = app.request(method, &path);
    if let Some(body) = &body {
        request = request.json(body);
    }
    let start = Instant::now();
    let status = app.send(request).await.status.as_u16();
    Call { kind, status, start, took: start.elapsed() }
}

/// Returns the calls that failed.
fn failures(calls: &[Call]) -> Vec<&Call> {
    calls.iter().filter(|call| call.status != 200).collect()
}

/// Asserts that only plain appends failed, at most one per caller, and none that began later than `recovery` after `fault`.
fn assert_survived(calls: &[Call], fault: Instant, recovery: Duration) {
    let failed = failures(calls);
    assert!(failed.iter().all(|call| call.kind == "append"), "{failed:?}");
    assert!(failed.len() <= CALLERS, "{failed:?}");
    assert!(failed.iter().all(|call| call.start < fault + recovery), "{failed:?}");
    assert!(failed.iter().all(|call| [503, 504].contains(&call.status)), "{failed:?}");
    let slow = calls.iter().filter(|call| call.start > fault + recovery && call.took > recovery);
    assert_eq!(slow.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_service_fails_no_idempotent_call() {
    let mut deployment = Deployment::start(SERVICES).await;
    let load = deployment.load();
    load.calls(100).await;
    deployment.services[1].signal(Signal::SIGKILL);
    let fault = Instant::now();
    load.calls(400).await;
    deployment.ready(SERVICES - 1).await;
    let chats = async |app: &App| {
        for n in 0..10 {
            let body = json!({ "message": "hi", "request_id": format!("chat {n}") });
            app.post("/api/session/0/chat", &body).await.ok();
        }
    };
    chats(&deployment.app).await;
    deployment.services[1] = service(&deployment.store, &deployment.ports[1].address());
    deployment.ready(SERVICES).await;
    load.calls(100).await;
    assert_survived(&load.stop().await, fault, Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_service_delays_reads_by_at_most_a_second() {
    let deployment = Deployment::start(SERVICES).await;
    let load = deployment.load();
    load.calls(100).await;
    deployment.services[2].signal(Signal::SIGSTOP);
    let fault = Instant::now();
    deployment.ready(SERVICES - 1).await;
    load.calls(400).await;
    deployment.services[2].signal(Signal::SIGCONT);
    deployment.ready(SERVICES).await;
    load.calls(100).await;
    let calls = load.stop().await;
    assert_survived(&calls, fault, Duration::from_secs(2));
    let reads = calls.iter().filter(|call| ["get", "list", "history"].contains(&call.kind));
    let slowest = reads.map(|call| call.took).max().unwrap();
    assert!(slowest < Duration::from_millis(1500), "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_without_a_response_ejects_a_frozen_service() {
    let deployment = Deployment::start(2).await;
    deployment.services[0].signal(Signal::SIGSTOP);
    let start = Instant::now();
    // The call that meets the frozen service is repeated on the other one, which receives all further calls.
    while deployment.endpoints().await[&deployment.ports[0].address()] != "ejected" {
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", deployment.endpoints().await);
        deployment.app.get("/api/session/0").await.ok();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    deployment.services[0].signal(Signal::SIGCONT);
    deployment.ready(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_replaced_one_by_one_fail_no_call() {
    let mut deployment = Deployment::start(SERVICES).await;
    let load = deployment.load();
    for index in 0..SERVICES {
        load.calls(60).await;
        deployment.services[index].signal(Signal::SIGTERM);
        // The gateway leaves at the start of the drain, while the address is still listed.
        deployment.ready(SERVICES - 1).await;
        assert_eq!(deployment.services[index].exit_code().await, Some(0));
        load.calls(60).await;
        deployment.services[index] = service(&deployment.store, &deployment.ports[index].address());
        deployment.ready(SERVICES).await;
    }
    let calls = load.stop().await;
    let failed = failures(&calls);
    assert!(failed.is_empty(), "{} of {}: {failed:?}", failed.len(), calls.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_that_refuse_or_never_respond_receive_no_call() {
    let (silent, refusing) = (bind().await, Port::claim());
    let others = [silent.local_addr().unwrap().to_string(), refusing.address()];
    tokio::spawn(async move {
        let mut accepted = Vec::new();
        while let Ok(connection) = silent.accept().await {
            accepted.push(connection);
        }
    });
    let deployment = Deployment::start_with(2, &others).await;
    let load = deployment.load();
    load.calls(300).await;
    // The gateway waits for the silent one for a while.
    let (start, expected) = (Instant::now(), ["not_serving", "connecting"]);
    loop {
        let states = deployment.endpoints().await;
        if others.each_ref().map(|address| states[address].as_str()) == expected {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{states:?}");
    }
    load.calls(100).await;
    let calls = load.stop().await;
    assert!(failures(&calls).is_empty(), "{:?}", failures(&calls));
    let slowest = calls.iter().map(|call| call.took).max().unwrap();
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_store_is_reported_as_fast_as_with_one_service() {
    let deployment = Deployment::start(2).await;
    deployment.redis.freeze();
    for _ in 0..3 {
        let start = Instant::now();
        let refused = deployment.app.get("/api/session/0").await.problem(503);
        assert_eq!(refused["reason"], "STORE_UNAVAILABLE");
        assert!(start.elapsed() < Duration::from_millis(1600), "{:?}", start.elapsed());
    }
    deployment.redis.thaw();
    deployment.app.get("/api/session/0").await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_calls_opens_only_the_connections_that_its_streams_need() {
    let deployment = Deployment::start(1).await;
    // Calls wait for Redis, so all of them are in progress at a time.
    deployment.redis.freeze();
    let mut burst = JoinSet::new();
    for _ in 0..400 {
        let app = App::at(&deployment.app.http);
        burst.spawn(async move { app.get("/api/session/0").await.status });
    }
    burst.join_all().await;
    deployment.redis.thaw();
    let metrics = reqwest::get(format!("{}/metrics", deployment.admins[0])).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let open = metrics.lines().find_map(|line| line.strip_prefix("nono_connections_open{port=\"grpc\"} "));
    let open: usize = open.unwrap().parse().unwrap();
    assert!((2..=4).contains(&open), "{open} connections for 400 calls");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn healthy_services_share_the_load() {
    let deployment = Deployment::start(SERVICES).await;
    let load = deployment.load();
    load.calls(3000).await;
    let calls = load.stop().await;
    assert!(failures(&calls).is_empty(), "{:?}", failures(&calls));
    let mut handled = Vec::new();
    for service in &deployment.admins {
        let metrics = reqwest::get(format!("{service}/metrics")).await.unwrap().text().await.unwrap();
        let lines = metrics.lines().filter(|line| {
            line.starts_with("grpc_server_handled_total")
                && line.contains("SessionService")
                && line.contains("OK")
        });
        handled.push(lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum::<f64>());
    }
    let mean = handled.iter().sum::<f64>() / handled.len() as f64;
    // Within a tenth on a quiet machine.
    assert!(handled.iter().all(|count| (count / mean - 1.0).abs() < 0.2), "{handled:?}");
    let metrics = reqwest::get(format!("{}/metrics", deployment.admin)).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("nono_backend_endpoints{state=\"ready\"} 3"), "{metrics}");
    assert!(metrics.contains("grpc_client_handled_total{grpc_method=\"Get\",grpc_code=\"OK\"}"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_service_calls_fail_immediately_and_say_that_nothing_was_sent() {
    let deployment = Deployment::start(1).await;
    deployment.services[0].signal(Signal::SIGKILL);
    deployment.ready(0).await;
    let start = Instant::now();
    let refused = deployment.app.get("/api/session/0").await.problem(503);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(refused["reason"], "SERVICE_UNAVAILABLE");
    assert!(refused["detail"].as_str().unwrap().contains("not sent"), "{refused}");
}
