//! Clients that make a program keep much memory. It stays within its limit, rejects what exceeds it, and serves all others.

mod messages;
mod requests;
mod responses;

use crate::app::{App, Program};
use serde_json::{Value, json};
use std::{fs, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

/// Memory limit of the program.
const LIMIT_BYTES: u64 = 64 << 20;
/// Timeout for a response, and for the end of a load.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Time for a response to a request that was rejected.
const RESPONSE_DELAY: Duration = Duration::from_secs(3);
const PAGE: &str = "/api/session/large/history?limit=1000";

/// A `nono` with a memory limit, a session of more than a mebibyte and a small one.
struct Server {
    program: Program,
    app: App,
    http: String,
    grpc: String,
    admin: String,
}

impl Server {
    async fn start() -> Self {
        let limit = LIMIT_BYTES.to_string();
        let arguments = ["--memory-limit", &limit, "--write-timeout", "10s"];
        let mut program = Program::nono(&arguments, &[("RUST_LOG", "nono=debug")]);
        let line: Value = serde_json::from_str(&program.wait_for_log("listening").await).unwrap();
        let address = |port: &str| line[port].as_str().unwrap().to_owned();
        let (http, grpc, admin) = (address("http"), address("grpc"), address("admin"));
        let app = App::at(&format!("http://{http}"));
        for user_id in ["large", "small"] {
            app.create(user_id).await;
        }
        let server = Self { program, app, http, grpc, admin };
        for _ in 0..4 {
            server.append_large("large").await.ok();
        }
        server
    }

    /// Appends 300 kB.
    async fn append_large(&self, user_id: &str) -> crate::app::HttpResponse {
        let message = json!({ "role": "user", "content": "x".repeat(30_000) });
        let body = json!({ "messages": vec![message; 10] });
        self.app.post(&format!("/api/session/{user_id}/messages"), &body).await
    }

    /// Returns the largest amount of memory that the program had so far, without its own code.
    fn peak_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.program.pid())).unwrap();
        let kibibytes = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
        };
        (kibibytes("VmHWM") - kibibytes("RssFile")) * 1024
    }

    /// Asserts that cheap requests succeed.
    async fn assert_serves_others(&self) {
        for _ in 0..5 {
            self.app.get("/api/session/small").await.ok();
            let message = json!({ "messages": [{ "role": "user", "content": "hi" }] });
            self.app.post("/api/session/small/messages", &message).await.ok();
        }
    }

    /// Asserts that the program stayed within its limit, and serves large requests once the load is over.
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

    /// Returns the value of a metric.
    async fn metric(&self, name: &str) -> u64 {
        let metrics = reqwest::get(format!("http://{}/metrics", self.admin)).await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} in\n{metrics}")).trim().parse().unwrap()
    }

    async fn rejected(&self, class: &str) -> u64 {
        self.metric(&format!("nono_memory_rejected_total{{class=\"{class}\"}} ")).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.http).await.unwrap()
    }
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
        sleep(RESPONSE_DELAY).await;
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
