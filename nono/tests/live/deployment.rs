//! Programs with a scripted model.

use crate::{
    access::wait_until_healthy,
    app::{App, Program},
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use testkit::{ModelServer, RedisServer};

const FREE_PORTS: [&str; 6] =
    ["--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

/// Running programs: `nono`, or services and gateways.
pub struct Deployment {
    pub model: ModelServer,
    pub redis: Option<RedisServer>,
    pub services: Vec<Program>,
    pub gateways: Vec<Program>,
    /// Clients of the gateways.
    apps: Vec<App>,
    /// Addresses of the services over gRPC.
    pub grpc: Vec<String>,
    /// Addresses of the admin ports of the services.
    pub admin: Vec<String>,
}

impl Deployment {
    async fn empty(redis: Option<RedisServer>) -> Self {
        let model = ModelServer::start().await;
        let (services, gateways, apps) = (Vec::new(), Vec::new(), Vec::new());
        Self { model, redis, services, gateways, apps, grpc: Vec::new(), admin: Vec::new() }
    }

    /// Starts one process over memory.
    pub async fn memory(arguments: &[&str]) -> Self {
        let mut deployment = Self::empty(None).await;
        let line = deployment.start_service("nono", &FREE_PORTS, arguments).await;
        deployment.apps.push(App::at(&format!("http://{}", line["http"].as_str().unwrap())));
        deployment.create().await;
        deployment
    }

    /// Starts two services over one Redis, each with a gateway of its own.
    pub async fn redis(arguments: &[&str]) -> Self {
        let mut deployment = Self::services(arguments).await;
        for number in 0..deployment.grpc.len() {
            let backend = deployment.grpc[number].clone();
            deployment.start_gateway(&[&backend], &[]).await;
        }
        deployment.create().await;
        deployment
    }

    /// Starts two services over one Redis, with one gateway for both.
    pub async fn balanced(service_arguments: &[&str], gateway_arguments: &[&str]) -> Self {
        let mut deployment = Self::services(service_arguments).await;
        let backends = deployment.grpc.clone();
        deployment.start_gateway(&[&backends[0], &backends[1]], gateway_arguments).await;
        deployment.create().await;
        deployment
    }

    async fn services(arguments: &[&str]) -> Self {
        let mut deployment = Self::empty(Some(RedisServer::start())).await;
        for _ in 0..2 {
            deployment.start_service("session-service", &FREE_PORTS[2..], arguments).await;
        }
        deployment
    }

    async fn start_service(&mut self, name: &str, ports: &[&str], arguments: &[&str]) -> Value {
        let store = self.redis.as_ref().map_or("memory:".into(), RedisServer::url);
        let url = self.model.url();
        let settings = ["--store", &store, "--model-url", &url, "--model", "scripted"];
        let arguments = [ports, &settings, arguments].concat();
        let mut program = Program::start(name, &arguments, &[("RUST_LOG", "info,nono=debug")]);
        let line: Value = serde_json::from_str(&program.wait_for_log("\"listening\"").await).unwrap();
        program.wait_for_log("store reachable").await;
        self.grpc.push(line["grpc"].as_str().unwrap().to_owned());
        self.admin.push(line["admin"].as_str().unwrap().to_owned());
        self.services.push(program);
        line
    }

    async fn start_gateway(&mut self, backends: &[&str], arguments: &[&str]) {
        let backends: Vec<_> = backends.iter().map(|address| format!("http://{address}")).collect();
        let settings = [
            "--backend",
            &backends.join(","),
            "--http-listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ];
        let mut program = Program::start("gateway", &[&settings, arguments].concat(), &[]);
        let line: Value = serde_json::from_str(&program.wait_for_log("\"listening\"").await).unwrap();
        let app = App::at(line["page"].as_str().unwrap());
        wait_until_healthy(app.http.trim_start_matches("http://")).await;
        self.apps.push(app);
        self.gateways.push(program);
    }

    /// Creates the session `a`.
    async fn create(&self) {
        self.first().create("a").await;
    }

    /// Stops a service and waits for its end.
    pub async fn stop_service(&mut self, number: usize) {
        self.services[number].signal(Signal::SIGTERM);
        assert_eq!(self.services[number].exit_code().await, Some(0));
    }

    /// Returns a client of the first gateway.
    pub fn first(&self) -> &App {
        &self.apps[0]
    }

    /// Returns a client of the other gateway, if there are two.
    pub fn second(&self) -> &App {
        self.apps.last().unwrap()
    }

    /// Returns the value of a metric of a service.
    pub async fn metric(&self, service: usize, name: &str) -> u64 {
        let metrics = reqwest::get(format!("http://{}/metrics", self.admin[service])).await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("there is no metric {name}")).parse().unwrap()
    }
}

/// Appends a message of the user to the session `a`.
pub async fn append(app: &App, content: &str) {
    let body = json!({ "messages": [{ "role": "user", "content": content }] });
    app.post("/api/session/a/messages", &body).await.ok();
}

/// Returns the messages of the session `a`.
pub async fn history(app: &App) -> Vec<Value> {
    let mut history = app.get("/api/session/a/history?limit=1000").await.ok();
    serde_json::from_value(history["messages"].take()).unwrap()
}
