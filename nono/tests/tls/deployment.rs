//! A gateway and a service with TLS between them, under load.

use super::{Files, LOCAL, Server, TlsClient};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use testkit::{Authority, CertificatePair, Proxy};
use tokio::{sync::Mutex, task::JoinHandle};

/// A service that requires client certificates, and a gateway that has one and calls it through a proxy.
pub struct Deployment {
    pub proxy: Proxy,
    pub authority: Authority,
    pub clients: Authority,
    pub service: Server,
    pub gateway: Server,
}

impl Deployment {
    /// Starts both. The gateway has no TLS on its own ports.
    pub async fn start() -> Self {
        let (authority, clients) = (Authority::new("CA"), Authority::new("Clients"));
        let files = Files::new();
        files.write_pair("server", &authority.issue(&LOCAL));
        files.write("clients.pem", &clients.pem());
        let service = Server::start("session-service", files, &["--store", "memory:"]).await;
        let proxy = Proxy::start(service.address("grpc").rsplit(':').next().unwrap().parse().unwrap()).await;
        let backend = format!("https://localhost:{}", proxy.port());
        let pair = clients.issue_client(&["gateway"]);
        let gateway = start_gateway_to(&backend, &authority, Some(&pair)).await;
        let deployment = Self { proxy, authority, clients, service, gateway };
        assert_eq!(readiness(&deployment.gateway, "up").await["reasons"], Value::Null);
        deployment
    }

    /// Starts to call the gateway.
    pub fn load(&self) -> Load {
        Load::start(&self.gateway)
    }

    /// Ends the connections between gateway and service while no call is in progress, and waits until the gateway has a new one:
    /// on a busy machine a handshake can take longer than a call waits.
    pub async fn reconnect(&mut self, load: &Load) {
        let _paused = load.pause.lock().await;
        self.proxy.cut_all();
        self.gateway.program.wait_for_log("connection to the session service ended").await;
        readiness(&self.gateway, "up").await;
    }
}

/// Calls in progress.
pub struct Load {
    is_over: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    /// Held during a call.
    pause: Arc<Mutex<()>>,
    calling: JoinHandle<()>,
}

impl Load {
    /// Starts to create and read sessions of a gateway one after the other. Every call must succeed.
    pub fn start(gateway: &Server) -> Self {
        let (is_over, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (page, over, count) = (gateway.address("page").to_owned(), is_over.clone(), calls.clone());
        let pause = Arc::<Mutex<()>>::default();
        let running = pause.clone();
        let calling = tokio::spawn(async move {
            let client = reqwest::Client::new();
            while !over.load(Ordering::Relaxed) {
                let _running = running.lock().await;
                let number = count.fetch_add(1, Ordering::Relaxed);
                let body = json!({ "user_id": number.to_string() });
                let create = client.post(format!("{page}/api/session/create")).json(&body).send();
                assert_eq!(create.await.unwrap().status(), 200, "call {number}");
                let get = client.get(format!("{page}/api/session/{number}")).send();
                assert_eq!(get.await.unwrap().status(), 200, "call {number}");
            }
        });
        Self { is_over, calls, pause, calling }
    }

    /// Waits for further calls.
    pub async fn calls(&self, count: usize) {
        let target = self.calls.load(Ordering::Relaxed) + count;
        while self.calls.load(Ordering::Relaxed) < target {
            assert!(!self.calling.is_finished(), "a call failed");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends the load.
    pub async fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.calling.await.unwrap();
    }
}

/// Starts a gateway that calls a service by `https://localhost` and trusts an authority.
pub async fn start_gateway(
    service: &Server,
    authority: &Authority,
    pair: Option<&CertificatePair>,
) -> Server {
    let backend = format!("https://localhost:{}", service.address("grpc").rsplit(':').next().unwrap());
    start_gateway_to(&backend, authority, pair).await
}

/// Starts a gateway with this backend.
pub async fn start_gateway_to(
    backend: &str,
    authority: &Authority,
    pair: Option<&CertificatePair>,
) -> Server {
    let files = Files::new();
    files.write("ca.pem", &authority.pem());
    let mut flags = vec!["--backend".into(), backend.to_owned(), "--backend-ca".into(), files.path("ca.pem")];
    if let Some(pair) = pair {
        files.write_pair("client", pair);
        flags.extend(["--backend-client-cert".into(), files.path("client.pem")]);
        flags.extend(["--backend-client-key".into(), files.path("client.key")]);
    }
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    Server::start("gateway", files, &flags).await
}

/// Waits until a gateway without TLS reports this state of the session service. Returns the report.
pub async fn readiness(gateway: &Server, state: &str) -> Value {
    let start = Instant::now();
    loop {
        let url = format!("http://{}/readyz?verbose", gateway.address("admin"));
        let report: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        if report["dependencies"]["session service"] == state
            && (state == "up" || !report["reasons"].is_null())
        {
            return report;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{report}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Reads a metric of a gateway without TLS.
pub async fn metric(gateway: &Server, name: &str) -> i64 {
    let url = format!("http://{}/metrics", gateway.address("admin"));
    super::value(&reqwest::get(url).await.unwrap().text().await.unwrap(), name)
}

/// Returns a client of the service in a deployment, with a certificate.
pub fn client(deployment: &Deployment) -> TlsClient {
    TlsClient::with_certificate(&deployment.authority.pem(), &deployment.clients.issue(&["test"]))
}
