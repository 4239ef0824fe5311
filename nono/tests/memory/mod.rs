//! Clients that make a program keep much memory. It stays within its limit, rejects what exceeds it, and serves all others.

mod messages;
mod requests;
mod responses;

use crate::app::{App, BoundProgram, load_factor};
use serde_json::{Value, json};
use std::{fs, time::Duration};
use testkit::RedisServer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

/// Memory limit of the program.
const LIMIT_BYTES: u64 = 64 << 20;
/// Bound that the system enforces: also for the programs' code, which is large in a debug build.
const BOUND_BYTES: u64 = LIMIT_BYTES + (64 << 20);
/// Timeout for a response, and for the end of a load.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Time for a response to a request that was rejected.
const RESPONSE_DELAY: Duration = Duration::from_secs(3);
const PAGE: &str = "/api/session/large/history?limit=1000";

/// Programs with a memory limit each, a session of more than a mebibyte and a small one.
struct Server {
    _programs: Vec<BoundProgram>,
    pids: Vec<u32>,
    app: App,
    http: String,
    grpc: String,
    /// Admin ports of the programs.
    admin: Vec<String>,
    _redis: Option<RedisServer>,
}

impl Server {
    /// Starts a `nono` with a store in memory.
    async fn start() -> Self {
        let listen = [["--http-listen", "127.0.0.1:0"], ["--grpc-listen", "127.0.0.1:0"]];
        let (program, line) = start_program("nono", listen.as_flattened()).await;
        let (http, grpc) = (address(&line, "http"), address(&line, "grpc"));
        Self::with_sessions(vec![(program, line)], http, grpc, None).await
    }

    /// Starts a gateway and a service over Redis.
    async fn start_over_redis() -> Self {
        let redis = RedisServer::start();
        let arguments = [["--store", &redis.url()], ["--grpc-listen", "127.0.0.1:0"]];
        let mut service = start_program("session-service", arguments.as_flattened()).await;
        service.0.program().wait_for_log("store reachable").await;
        let grpc = address(&service.1, "grpc");
        let backend = format!("http://{grpc}");
        let arguments = [["--backend", &backend], ["--http-listen", "127.0.0.1:0"]];
        let gateway = start_program("gateway", arguments.as_flattened()).await;
        let http = address(&gateway.1, "page").trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self::with_sessions(vec![service, gateway], http, grpc, Some(redis)).await
    }

    async fn with_sessions(
        programs: Vec<(BoundProgram, Value)>,
        http: String,
        grpc: String,
        redis: Option<RedisServer>,
    ) -> Self {
        let app = App::at(&format!("http://{http}"));
        let admin = programs.iter().map(|(_, line)| address(line, "admin")).collect();
        let mut programs: Vec<_> = programs.into_iter().map(|(program, _)| program).collect();
        let pids = programs.iter_mut().map(|program| program.program().pid()).collect();
        let server = Self { _programs: programs, pids, app, http, grpc, admin, _redis: redis };
        server.wait_until_ready().await;
        for user_id in ["large", "small"] {
            server.app.create(user_id).await;
        }
        for _ in 0..4 {
            server.append_large("large").await.ok();
        }
        server
    }

    async fn wait_until_ready(&self) {
        let start = Instant::now();
        while self.app.get("/health").await.status != 200 {
            assert!(start.elapsed() < TIMEOUT, "the programs become ready");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Appends 300 kB.
    async fn append_large(&self, user_id: &str) -> crate::app::HttpResponse {
        let message = json!({ "role": "user", "content": "x".repeat(30_000) });
        let body = json!({ "messages": vec![message; 10] });
        self.app.post(&format!("/api/session/{user_id}/messages"), &body).await
    }

    /// Returns the largest amount of memory that a program had so far, without its own code.
    fn peak_bytes(&self) -> u64 {
        self.pids.iter().map(|pid| peak_bytes(*pid)).max().unwrap()
    }

    /// Asserts that cheap requests succeed.
    async fn assert_serves_others(&self) {
        for _ in 0..5 {
            self.app.get("/api/session/small").await.ok();
            let message = json!({ "messages": [{ "role": "user", "content": "hi" }] });
            self.app.post("/api/session/small/messages", &message).await.ok();
        }
    }

    /// Asserts that the programs stayed within their limit, and serve large requests once the load is over.
    async fn assert_recovers(&self) {
        let peak = self.peak_bytes();
        assert!(peak < LIMIT_BYTES, "{} MiB were used", peak >> 20);
        let start = Instant::now();
        for class in ["headers", "requests", "responses"] {
            let name = format!("nono_memory_reserved_bytes{{class=\"{class}\"}} ");
            while self.metric(&name).await > 0 {
                assert!(start.elapsed() < TIMEOUT, "{class} are still reserved");
                sleep(Duration::from_millis(20)).await;
            }
        }
        self.app.get(PAGE).await.ok();
        self.append_large("small").await.ok();
    }

    /// Returns the sum of a metric of the programs.
    async fn metric(&self, name: &str) -> u64 {
        let mut sum = 0;
        for admin in &self.admin {
            let metrics = reqwest::get(format!("http://{admin}/metrics")).await.unwrap();
            let metrics = metrics.text().await.unwrap();
            let line = metrics.lines().find_map(|line| line.strip_prefix(name));
            sum += line.unwrap_or_else(|| panic!("{name} in\n{metrics}")).trim().parse::<u64>().unwrap();
        }
        sum
    }

    async fn rejected(&self, class: &str) -> u64 {
        self.metric(&format!("nono_memory_rejected_total{{class=\"{class}\"}} ")).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.http).await.unwrap()
    }
}

/// Starts a program with the memory limit, and returns the line of its log that contains its addresses.
async fn start_program(name: &str, arguments: &[&str]) -> (BoundProgram, Value) {
    let limit = LIMIT_BYTES.to_string();
    let common = ["--memory-limit", &limit, "--write-timeout", "10s", "--admin-listen", "127.0.0.1:0"];
    let mut program = BoundProgram::start(name, &[&common, arguments].concat(), BOUND_BYTES);
    let line = program.program().wait_for_log("\"listening\"").await;
    (program, serde_json::from_str(&line).unwrap())
}

fn address(line: &Value, port: &str) -> String {
    line[port].as_str().unwrap().to_owned()
}

fn peak_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let kibibytes = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
    };
    (kibibytes("VmHWM") - kibibytes("RssFile")) * 1024
}

/// Sends as much as the server accepts.
async fn send(stream: &mut TcpStream, bytes: &[u8]) {
    // A server that rejects the request may close the connection.
    let _ = timeout(TIMEOUT, stream.write_all(bytes)).await.expect("the server reads");
}

/// Sends a part of a request. Returns `true` if the server rejected it.
async fn is_rejected(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    let (mut reader, mut writer) = stream.split();
    let (mut text, mut part) = (Vec::new(), [0; 4096]);
    let reading = async {
        while !text.ends_with(b"}") {
            let received =
                reader.read(&mut part).await.expect("the connection is not reset before the response");
            text.extend_from_slice(&part[..received]);
            assert!(received > 0, "the connection ended: {}", String::from_utf8_lossy(&text));
        }
    };
    let sending = async {
        // A server that has rejected the request may close the connection.
        let _ = writer.write_all(bytes).await;
        sleep(RESPONSE_DELAY * load_factor()).await;
    };
    tokio::select! {
        () = reading => {}
        () = sending => return false,
    }
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("HTTP/1.1 429 ") && text.contains("\r\nretry-after: 1\r\n"), "{text}");
    assert!(text.contains("\"reason\":\"OVERLOADED\""), "{text}");
    true
}
