//! The service and the gateway on free ports, with one method per kind of request.

mod bound;
mod help;
mod program;

use clap::Parser;
use gateway::{backend::Backend, server::Gateway, settings::GatewaySettings};
use prometheus_client::registry::Registry;
use reqwest::{Method, StatusCode, header::HeaderMap};
use runtime::{
    Lifecycle,
    memory::MemoryBudgets,
    reload::ReloadSignal,
    server::{Port, Protocol},
};
use serde_json::Value;
use session_service::{
    grpc::{Access, Dependencies, Service},
    model::{Demo, LimitedModel, Model, OpenAi, limits::STALL_TIMEOUT},
    personas::Personas,
    store::{Policy, SessionStore, memory::MemoryStore, redis::RedisStore},
    turn::TurnLimits,
    watch::DEFAULT_MAX_WATCHERS,
};
use std::{net::Ipv4Addr, sync::Arc, time::Duration};
use testkit::{ModelServer, RedisServer};
use tokio::net::TcpListener;

pub use bound::{BoundProgram, load_factor};
pub use help::{Help, names};
pub use program::{Program, command};

/// A running deployment, which is stopped when it is dropped.
pub struct App {
    pub http: String,
    pub grpc: String,
    pub redis: Option<RedisServer>,
    client: reqwest::Client,
    lifecycles: Vec<Lifecycle>,
}

/// An HTTP response.
#[derive(Debug)]
pub struct HttpResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl HttpResponse {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Returns the JSON body of a successful response.
    pub fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()
    }

    /// Checks the form of an error and returns it.
    pub fn problem(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        for field in ["type", "title", "detail"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {problem}");
        }
        assert_eq!(problem["request_id"], self.headers["x-request-id"].to_str().unwrap());
        assert_eq!(problem["trace_id"], self.headers["x-trace-id"].to_str().unwrap());
        assert_eq!(problem.get("retry_after_ms").is_some(), self.headers.contains_key("retry-after"));
        problem
    }

    /// Returns the fields of all violations.
    pub fn violations(self) -> Vec<String> {
        let problem = self.problem(400);
        assert_eq!(problem["reason"], "INVALID_ARGUMENT");
        let fields = problem["violations"].as_array().unwrap().iter();
        fields.map(|violation| violation["field"].as_str().unwrap().to_owned()).collect()
    }
}

impl App {
    /// Starts both roles in one process over memory, as `nono` does.
    pub async fn memory() -> Self {
        Self::memory_with(demo()).await
    }

    /// Starts both roles in one process over memory, with a given model.
    pub async fn memory_with(model: Arc<dyn Model>) -> Self {
        Self::single_process(Arc::new(MemoryStore::new(Policy::default())), model).await
    }

    /// Starts a gateway and a service over Redis, with the network between them.
    pub async fn redis() -> Self {
        Self::redis_with(demo()).await
    }

    /// Starts a gateway and a service over Redis, with a given model.
    pub async fn redis_with(model: Arc<dyn Model>) -> Self {
        Self::redis_with_limits(model, TurnLimits::default()).await
    }

    /// Starts a gateway and a service over Redis, with a given model and limits of turns.
    pub async fn redis_with_limits(model: Arc<dyn Model>, limits: TurnLimits) -> Self {
        let redis = RedisServer::start_durable();
        let store = Arc::new(RedisStore::from_url(&redis.url(), Policy::default()).unwrap());
        Self::separate(store, Some(redis), model, limits).await
    }

    /// Starts a gateway and a service over a store, with the network between them.
    pub async fn with_store(store: Arc<dyn SessionStore>) -> Self {
        Self::separate(store, None, demo(), TurnLimits::default()).await
    }

    /// Returns a client of a program at an address.
    pub fn at(http: &str) -> Self {
        let client = reqwest::Client::new();
        Self { http: http.to_owned(), grpc: String::new(), redis: None, client, lifecycles: Vec::new() }
    }

    async fn single_process(store: Arc<dyn SessionStore>, model: Arc<dyn Model>) -> Self {
        let (grpc, service, lifecycle) = service(store, model).await;
        let http =
            gateway(Backend::local(service.local_router(), &mut Registry::default()), &lifecycle).await;
        let app =
            Self { http, grpc, redis: None, client: reqwest::Client::new(), lifecycles: vec![lifecycle] };
        app.wait_until_ready().await;
        app
    }

    async fn separate(
        store: Arc<dyn SessionStore>,
        redis: Option<RedisServer>,
        model: Arc<dyn Model>,
        limits: TurnLimits,
    ) -> Self {
        let (grpc, _, service) = service_with_limits(store, model, limits).await;
        let (http, gateway) = start_gateway(&grpc).await;
        let app =
            Self { http, grpc, redis, client: reqwest::Client::new(), lifecycles: vec![service, gateway] };
        app.wait_until_ready().await;
        app
    }

    async fn wait_until_ready(&self) {
        for lifecycle in &self.lifecycles {
            tokio::time::timeout(Duration::from_secs(5), lifecycle.ready())
                .await
                .expect("the app becomes ready");
        }
    }

    /// Starts another gateway for the same service, which balances over a list of addresses.
    pub async fn balanced(&self) -> Self {
        let lifecycle = Lifecycle::default();
        let address: http::Uri = self.grpc.parse().unwrap();
        let http =
            gateway(Backend::remote(&[address.clone(), address], None, &mut Registry::default()), &lifecycle)
                .await;
        let mut app = Self::at(&http);
        app.lifecycles.push(lifecycle);
        app.wait_until_ready().await;
        app
    }

    /// Returns `true` if every process reports that it is ready.
    pub fn is_ready(&self) -> bool {
        self.lifecycles.iter().all(Lifecycle::is_ready)
    }

    /// Replaces the gateway with a new one.
    pub async fn restart_gateway(&mut self) {
        self.lifecycles.pop().unwrap().stop(Duration::ZERO).await;
        let (http, gateway) = start_gateway(&self.grpc).await;
        (self.http, self.client) = (http, reqwest::Client::new());
        self.lifecycles.push(gateway);
        self.wait_until_ready().await;
    }

    /// Stops the service and keeps the gateway.
    pub async fn stop_service(&self) {
        self.lifecycles[0].stop(Duration::ZERO).await;
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.http)).timeout(Duration::from_secs(10))
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> HttpResponse {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        HttpResponse { status, headers, text: response.text().await.unwrap() }
    }

    pub async fn get(&self, path: &str) -> HttpResponse {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> HttpResponse {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn post_text(&self, path: &str, body: impl Into<String>) -> HttpResponse {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        self.send(request.body(body.into())).await
    }

    pub async fn delete(&self, path: &str) -> HttpResponse {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub async fn create(&self, user_id: &str) -> Value {
        self.post("/api/session/create", &serde_json::json!({ "user_id": user_id })).await.ok()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        for lifecycle in std::mem::take(&mut self.lifecycles) {
            tokio::spawn(async move { lifecycle.stop(Duration::ZERO).await });
        }
    }
}

/// Returns the model with the built-in demo replies, without pauses.
pub fn demo() -> Arc<dyn Model> {
    Arc::new(LimitedModel::new(Demo::new(Duration::ZERO), STALL_TIMEOUT))
}

/// Returns a client of a scripted model with a stall timeout.
pub fn scripted(server: &ModelServer, silence: Duration) -> Arc<dyn Model> {
    let model = OpenAi::new(&server.url().parse().unwrap(), "scripted", None).unwrap();
    Arc::new(LimitedModel::new(model, silence))
}

pub async fn bind() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

/// Starts a service over `store` on a free port.
pub async fn service(store: Arc<dyn SessionStore>, model: Arc<dyn Model>) -> (String, Service, Lifecycle) {
    service_with_limits(store, model, TurnLimits::default()).await
}

async fn service_with_limits(
    store: Arc<dyn SessionStore>,
    model: Arc<dyn Model>,
    turn_limits: TurnLimits,
) -> (String, Service, Lifecycle) {
    let (listener, lifecycle) = (bind().await, Lifecycle::default());
    let address = format!("http://{}", listener.local_addr().unwrap());
    let parts = Dependencies {
        store,
        policy: Policy::default(),
        access: Access::open(),
        personas: Arc::new(Personas::built_in()),
        model,
        context_messages: 20,
        turn_limits,
        max_watchers: DEFAULT_MAX_WATCHERS,
    };
    let memory = MemoryBudgets::default();
    let service = Service::new(parts, &lifecycle, &memory, &mut Registry::default()).await;
    let (serving, stopping) = (service.clone(), lifecycle.clone());
    tokio::spawn(async move {
        session_service::grpc::serve(listener, serving, port(Protocol::Grpc), &stopping).await
    });
    (address, service, lifecycle)
}

pub fn port(protocol: Protocol) -> Port {
    let headers = MemoryBudgets::default().headers;
    Port {
        name: "test",
        protocol,
        max_age: None,
        limits: Default::default(),
        metrics: Default::default(),
        headers,
        tls: None,
    }
}

async fn start_gateway(grpc: &str) -> (String, Lifecycle) {
    let lifecycle = Lifecycle::default();
    (
        gateway(Backend::remote(&[grpc.parse().unwrap()], None, &mut Registry::default()), &lifecycle).await,
        lifecycle,
    )
}

/// Default settings of a gateway.
#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    gateway: GatewaySettings,
}

async fn gateway(backend: Backend, lifecycle: &Lifecycle) -> String {
    let listener = bind().await;
    let address = format!("http://{}", listener.local_addr().unwrap());
    let settings = Defaults::parse_from(["gateway"]).gateway;
    let hosts = settings.hosts(listener.local_addr().unwrap());
    let memory = MemoryBudgets::default();
    let gateway = Gateway::new(
        backend,
        &settings,
        &hosts,
        lifecycle,
        &memory,
        &ReloadSignal::default(),
        &mut Registry::default(),
    );
    let lifecycle = lifecycle.clone();
    tokio::spawn(
        async move { gateway::server::serve(listener, gateway, port(Protocol::Http), &lifecycle).await },
    );
    address
}
