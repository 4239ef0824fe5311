//! Connections that never send a complete request, clients that disconnect, and the limits on connections.

use crate::{
    app::{App, Program},
    chat::Events,
};
use nix::sys::signal::Signal;
use serde_json::json;
use std::time::{Duration, Instant};
use testkit::{Behaviour, ModelServer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// The listening addresses of a running `nono`, by port name.
struct Ports {
    http: String,
    grpc: String,
    admin: String,
}

impl Ports {
    async fn of(program: &mut Program) -> Self {
        let line = program.wait_for_log("\"listening\"").await;
        Self { http: field(&line, "http"), grpc: field(&line, "grpc"), admin: field(&line, "admin") }
    }

    async fn metric(&self, name: &str) -> u64 {
        let text =
            reqwest::get(format!("http://{}/metrics", self.admin)).await.unwrap().text().await.unwrap();
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        line.trim().parse().unwrap()
    }
}

async fn nono(arguments: &[&str]) -> (Program, Ports) {
    let mut program = Program::nono(arguments, &[("RUST_LOG", "nono=debug"), ("NONO_LOG_FORMAT", "json")]);
    let ports = Ports::of(&mut program).await;
    (program, ports)
}

/// Waits until the server closes the connection, and returns how long that took.
async fn time_to_close(address: &str, sent: &[u8]) -> Duration {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent).await.unwrap();
    let begun = Instant::now();
    let mut received = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut received)).await;
    assert!(closed.is_ok(), "{address} does not close a connection that sent {sent:?}");
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_without_a_complete_request_is_closed_after_ten_seconds_on_every_port() {
    let (_program, ports) = nono(&[]).await;
    let mut closings = JoinSet::new();
    for address in [&ports.http, &ports.grpc, &ports.admin] {
        for sent in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM", b"GET /livez HTTP/1.1\r\nhost: a\r\nx: "] {
            let address = address.clone();
            closings.spawn(async move { time_to_close(&address, sent).await });
        }
    }
    let times = closings.join_all().await;
    assert!(times.iter().all(|time| *time < Duration::from_secs(12)), "{times:?}");
    assert!(times.iter().filter(|time| **time > Duration::from_secs(9)).count() >= 10, "{times:?}");
    let timeouts = async |port: &str| {
        ports
            .metric(&format!(
                "nono_connections_rejected_total{{port=\"{port}\",reason=\"first_request_timeout\"}}"
            ))
            .await
    };
    // The admin port rejects the preface, and the gRPC port everything else, as soon as it is recognized.
    assert_eq!((timeouts("http").await, timeouts("admin").await, timeouts("grpc").await), (4, 3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_do_not_block_other_clients() {
    let (_program, ports) = nono(&[]).await;
    for address in [&ports.http, &ports.grpc, &ports.admin] {
        let mut silent = Vec::new();
        for _ in 0..4500 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"P").await.unwrap();
            silent.push(stream);
        }
        let begun = Instant::now();
        let livez = reqwest::get(format!("http://{}/livez", ports.admin)).await.unwrap();
        let config = reqwest::get(format!("http://{}/api/config", ports.http)).await.unwrap();
        let channel = tonic::transport::Channel::from_shared(format!("http://{}", ports.grpc)).unwrap();
        let health = tonic_health::pb::health_client::HealthClient::new(channel.connect().await.unwrap())
            .check(tonic_health::pb::HealthCheckRequest::default())
            .await;
        assert_eq!(
            (livez.status(), config.status(), health.is_ok()),
            (200.try_into().unwrap(), 200.try_into().unwrap(), true)
        );
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
    let evicted = ports.metric("nono_connections_rejected_total{port=\"http\",reason=\"evicted\"}").await;
    assert!(evicted >= 400, "{evicted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_connect_at_once_are_all_served() {
    let (_program, ports) = nono(&[]).await;
    let mut clients = JoinSet::new();
    for _ in 0..2000 {
        let address = ports.http.clone();
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            let request = b"GET /api/config HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
            stream.write_all(request).await?;
            let mut response = String::new();
            stream.read_to_string(&mut response).await?;
            std::io::Result::Ok(response.starts_with("HTTP/1.1 200 "))
        });
    }
    let outcomes = clients.join_all().await;
    let failures: Vec<_> = outcomes.iter().filter(|outcome| !matches!(outcome, Ok(true))).collect();
    assert!(failures.is_empty(), "{} of {}: {:?}", failures.len(), outcomes.len(), failures[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_without_a_request_block_no_client_and_do_not_delay_a_stop() {
    let (mut program, ports) = nono(&["--max-connections-per-peer", "20"]).await;
    let mut idle = Vec::new();
    for address in [&ports.http, &ports.grpc] {
        for _ in 0..30 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
            idle.push(stream);
        }
    }
    let config = reqwest::get(format!("http://{}/api/config", ports.http)).await.unwrap();
    assert_eq!(config.status(), 200);
    let begun = Instant::now();
    program.signal(Signal::SIGTERM);
    assert_eq!(program.exit_code().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_port_on_loopback_serves_local_names_only() {
    let (_program, ports) = nono(&[]).await;
    let client = reqwest::Client::new();
    for (host, status) in [("evil.example", 421), ("localhost:1", 200), ("127.0.0.1", 200)] {
        let response = client.get(format!("http://{}/metrics", ports.admin)).header("host", host).send();
        assert_eq!(response.await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_limit_of_a_peer_are_closed_and_counted() {
    let (_program, ports) = nono(&["--max-connections-per-peer", "3"]).await;
    let connect = async || {
        let mut stream = TcpStream::connect(&ports.http).await.unwrap();
        let _ = stream.write_all(b"GET /api/config HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        let mut received = [0; 12];
        let served = stream.read_exact(&mut received).await.is_ok_and(|_| &received == b"HTTP/1.1 200");
        (stream, served)
    };
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(connect().await);
    }
    assert!(open.iter().all(|(_, served)| *served));
    assert!(!connect().await.1);
    open.pop();
    let begun = Instant::now();
    while !connect().await.1 {
        assert!(begun.elapsed() < Duration::from_secs(5), "a closed connection still counts");
    }
    assert!(ports.metric("nono_connections_rejected_total{port=\"http\",reason=\"peer_limit\"}").await >= 1);
}

/// A gateway and a service as separate processes, with a scripted model.
struct Deployment {
    service: Program,
    _gateway: Program,
    app: App,
    admin: String,
    model: ModelServer,
}

impl Deployment {
    async fn start() -> Self {
        let model = ModelServer::start().await;
        let free = ["--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let model_url = model.url();
        let arguments = [&free[..], &["--store", "memory:", "--model-url", &model_url]].concat();
        let mut service = Program::start("session-service", &arguments, &[]);
        let grpc = field(&service.wait_for_log("listening").await, "grpc");
        let free = ["--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let backend = format!("http://{grpc}");
        let arguments = [&free[..], &["--backend", &backend]].concat();
        let mut gateway = Program::start("gateway", &arguments, &[]);
        let line = gateway.wait_for_log("listening").await;
        let app = App::at(&field(&line, "page"));
        Self { service, _gateway: gateway, app, admin: field(&line, "admin"), model }
    }

    /// Starts chats whose replies last until the model is released.
    async fn running_chats(&self, count: usize) -> Vec<Events> {
        let mut chats = Vec::new();
        for n in 0..count {
            self.model.script(Behaviour::Gated(vec!["one".into(), "two".into()]));
            self.app.create(&format!("chat{n}")).await;
            let body = json!({ "message": "hi", "request_id": "r" });
            let mut events = Events::open(&self.app, &format!("chat{n}"), &body).await;
            assert_eq!(events.next().await.unwrap().name, "accepted");
            chats.push(events);
        }
        chats
    }

    /// Waits until the gateway has noticed a number of disconnects.
    async fn wait_for_disconnects(&self, disconnects: u64) {
        let begun = Instant::now();
        loop {
            let metrics =
                reqwest::get(format!("http://{}/metrics", self.admin)).await.unwrap().text().await.unwrap();
            let cut = metrics
                .lines()
                .filter(|line| line.starts_with("http_requests_total") && line.contains("\"499\""));
            let cut: u64 = cut.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
            if cut >= disconnects {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{cut} of {disconnects} disconnects noticed");
        }
    }

    async fn all_finish(&self, chats: Vec<Events>) {
        for _ in 0..2 * chats.len() {
            self.model.release();
        }
        for mut chat in chats {
            let names: Vec<_> = chat.rest().await.into_iter().map(|event| event.name).collect();
            assert_eq!(names, ["delta", "delta", "done"]);
        }
    }
}

fn field(line: &str, name: &str) -> String {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    line[name].as_str().unwrap().to_owned()
}

/// Sends calls and disconnects while the service is frozen, so that it sees calls and resets at once.
async fn disconnecting_clients_do_not_end_chats(client: reqwest::Client) {
    let deployment = Deployment::start().await;
    let chats = deployment.running_chats(10).await;
    deployment.service.signal(Signal::SIGSTOP);
    let mut requests = JoinSet::new();
    for _ in 0..50 {
        requests.spawn(client.get(format!("{}/api/sessions", deployment.app.http)).send());
        let chat = client.post(format!("{}/api/session/gone/chat", deployment.app.http));
        requests.spawn(chat.json(&json!({ "message": "a" })).send());
    }
    // The requests are sent within this timeout, which is shorter than the five seconds of a call.
    let ended = tokio::time::timeout(Duration::from_secs(2), requests.join_next()).await;
    assert!(ended.is_err(), "{ended:?}");
    requests.abort_all();
    deployment.wait_for_disconnects(100).await;
    deployment.service.signal(Signal::SIGCONT);
    deployment.app.get("/api/sessions").await.ok();
    deployment.all_finish(chats).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_disconnect_do_not_end_chats_of_others() {
    disconnecting_clients_do_not_end_chats(reqwest::Client::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_reset_on_one_connection_do_not_end_chats_of_others() {
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    disconnecting_clients_do_not_end_chats(client).await;
}
