//! Services in pods with a name, over one Redis, and gateways that know only the name.

use super::{
    load::Gateways,
    name_server::{NAME, NameServer},
    namespace::Pod,
};
use crate::app::Program;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use testkit::RedisServer;

/// Port of gRPC in every pod.
pub const PORT: u16 = 50051;
/// Time that a program serves after SIGTERM. As in the manifests, it is longer than a load balancer takes to notice.
const DRAIN_DELAY: &str = "1s";
/// Timeout for a state that a test waits for.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A service in a pod.
pub struct Service {
    pub pod: Pod,
    program: Program,
}

/// A gateway.
pub struct Gateway {
    pub http: String,
    admin: String,
    program: Program,
    /// `true` while load balancers send new calls to the gateway.
    pub is_listed: Arc<AtomicBool>,
}

/// A deployment.
pub struct Cluster {
    pub names: NameServer,
    pub services: BTreeMap<Ipv4Addr, Service>,
    pub gateways: Vec<Gateway>,
    pub redis: RedisServer,
    pods: u8,
}

impl Service {
    /// Returns the number of calls of sessions that the service has handled.
    pub async fn handled(&self) -> f64 {
        let metrics = format!("http://{}:9090/metrics", self.pod.address());
        let metrics = reqwest::get(metrics).await.unwrap().text().await.unwrap();
        let lines = metrics.lines().filter(|line| {
            line.starts_with("grpc_server_handled_total") && line.contains("nono.session.v1.SessionService")
        });
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    pub fn signal(&self, signal: Signal) {
        self.program.signal(signal);
    }

    /// Waits for the end of the program.
    pub async fn exit_code(&mut self) -> Option<i32> {
        self.program.exit_code().await
    }
}

impl Gateway {
    async fn start() -> Self {
        let backend = format!("http://{NAME}:{PORT}");
        let arguments = [
            ["--backend", &backend],
            ["--http-listen", "127.0.0.1:0"],
            ["--admin-listen", "127.0.0.1:0"],
            ["--drain-delay", DRAIN_DELAY],
        ];
        let mut program = Program::start("gateway", arguments.as_flattened(), &[]);
        let line: Value = serde_json::from_str(&program.wait_for_log("listening").await).unwrap();
        let http = line["page"].as_str().unwrap().to_owned();
        let admin = format!("http://{}", line["admin"].as_str().unwrap());
        Self { http, admin, program, is_listed: Arc::new(AtomicBool::new(true)) }
    }

    /// Returns the state of each endpoint by its address.
    pub async fn endpoints(&self) -> BTreeMap<Ipv4Addr, String> {
        let response = reqwest::get(format!("{}/readyz?verbose", self.admin)).await.unwrap();
        let body: Value = response.json().await.unwrap();
        let parts: BTreeMap<String, String> =
            serde_json::from_value(body["parts"]["session service"].clone()).unwrap_or_default();
        let address = |name: &str| name.split(':').next().unwrap().parse().unwrap();
        parts.into_iter().map(|(name, state)| (address(&name), state)).collect()
    }

    /// Returns the log of the gateway, which is stopped for it.
    pub async fn into_log(mut self) -> Vec<String> {
        let log = self.program.collect_log();
        self.program.signal(Signal::SIGTERM);
        assert_eq!(self.program.exit_code().await, Some(0));
        log.await.unwrap()
    }
}

impl Cluster {
    /// Starts a deployment and waits until every gateway uses every service.
    pub async fn start(services: u8, gateways: usize) -> Self {
        let redis = RedisServer::start_with(
            [["--save", ""], ["--appendonly", "no"], ["--bind", "0.0.0.0"], ["--protected-mode", "no"]]
                .as_flattened(),
        );
        let names = NameServer::start().await;
        let mut cluster = Self { names, services: BTreeMap::new(), gateways: Vec::new(), redis, pods: 0 };
        for _ in 0..services {
            cluster.add_service().await;
        }
        cluster.publish();
        for _ in 0..gateways {
            cluster.gateways.push(Gateway::start().await);
        }
        cluster.wait_for_ready(usize::from(services)).await;
        cluster
    }

    /// Starts a service in a new pod, and returns its address once it is ready. Its address is not published.
    pub async fn add_service(&mut self) -> Ipv4Addr {
        self.pods += 1;
        let pod = Pod::new(self.pods);
        let store = format!("redis://{}:{}", pod.gateway_address(), self.redis.port());
        let grpc = format!("0.0.0.0:{PORT}");
        let arguments = [
            ["--store", &store],
            ["--grpc-listen", &grpc],
            ["--admin-listen", "0.0.0.0:9090"],
            ["--drain-delay", DRAIN_DELAY],
        ];
        let arguments = [arguments.as_flattened(), &["--insecure-no-auth"]].concat();
        let mut program = Program::start_in(&pod.network(), "session-service", &arguments);
        program.wait_for_log("store reachable").await;
        let address = pod.address();
        self.services.insert(address, Service { pod, program });
        address
    }

    /// Publishes the addresses of all services under the name.
    pub fn publish(&self) {
        self.names.set_addresses(self.services.keys().copied().collect());
    }

    /// Waits until this number of endpoints is ready in each gateway.
    pub async fn wait_for_ready(&self, count: usize) {
        for gateway in &self.gateways {
            let is_ready = async || {
                gateway.endpoints().await.values().filter(|state| **state == "ready").count() == count
            };
            wait_until(is_ready).await;
        }
    }

    /// Waits until each gateway lists an endpoint in one of these states.
    pub async fn wait_for_state(&self, address: Ipv4Addr, states: &[&str]) {
        for gateway in &self.gateways {
            let has_state = async || {
                let endpoints = gateway.endpoints().await;
                endpoints.get(&address).is_some_and(|state| states.contains(&state.as_str()))
            };
            wait_until(has_state).await;
        }
    }

    /// Replaces a gateway as a rolling update does: the new one becomes ready before the old one stops.
    pub async fn replace_gateway(&mut self, index: usize, listed: &Gateways) {
        let gateway = Gateway::start().await;
        let is_ready = async || gateway.endpoints().await.values().any(|state| state == "ready");
        wait_until(is_ready).await;
        listed.add(&gateway);
        let mut old = std::mem::replace(&mut self.gateways[index], gateway);
        old.program.signal(Signal::SIGTERM);
        // A load balancer notices after its next check.
        tokio::time::sleep(Duration::from_millis(500)).await;
        old.is_listed.store(false, Ordering::Relaxed);
        assert_eq!(old.program.exit_code().await, Some(0));
    }
}

/// Waits until a state is reached.
pub async fn wait_until(has: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !has().await {
        assert!(start.elapsed() < TIMEOUT, "the state was not reached in {TIMEOUT:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
