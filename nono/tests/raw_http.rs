//! HTTP/1 as bytes: unread bodies, requests that cannot be parsed, and the responses that clients receive.

use crate::app::App;
use serde_json::Value;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Timeout for a response, and for the end of a connection.
const TIMEOUT: Duration = Duration::from_secs(10);

struct Client(TcpStream);

struct Received {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Received {
    fn problem(&self) -> Value {
        assert!(self.head.contains("content-type: application/problem+json"), "{}", self.head);
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status);
        problem
    }

    fn closes(&self) -> bool {
        self.head.to_ascii_lowercase().contains("connection: close")
    }
}

impl Client {
    async fn connect(app: &App) -> Self {
        let stream = TcpStream::connect(app.http.trim_start_matches("http://")).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// Sends the head and the body separately, as many HTTP libraries do.
    async fn send(&mut self, head: &str, body: &[u8]) {
        let head = format!("{head}\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
        self.0.write_all(head.as_bytes()).await.unwrap();
        // The server handles the head before the body arrives.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.0.write_all(body).await.unwrap();
    }

    /// Reads one response with a content length.
    async fn receive(&mut self) -> Received {
        tokio::time::timeout(TIMEOUT, self.read_response()).await.expect("a response arrives")
    }

    async fn read_response(&mut self) -> Received {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).await.unwrap();
        Received { status: head[9..12].parse().unwrap(), head, body }
    }

    /// Returns `true` if the server still serves this connection.
    async fn is_usable(&mut self) -> bool {
        self.send("GET /api/config HTTP/1.1", b"").await;
        self.receive().await.status == 200
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_unread_body_leaves_the_connection_usable() {
    let app = App::redis().await;
    let large = vec![b' '; 60_000];
    for (head, body, status) in [
        ("POST /api/session/a/touch HTTP/1.1", &b"{}"[..], 200),
        ("DELETE /api/session/a HTTP/1.1", b"{}", 204),
        ("GET /api/session/a HTTP/1.1", b"{}", 200),
        ("POST /api/nothing HTTP/1.1", b"{\"a\":1}", 404),
        ("PUT /api/sessions HTTP/1.1", b"{\"a\":1}", 405),
        ("POST /api/session/create HTTP/1.1", b"user_id=a", 415),
        ("POST /index.html HTTP/1.1", b"x", 405),
        ("POST /api/session/a/touch HTTP/1.1\r\norigin: http://evil.example", b"{}", 403),
        ("POST /api/session/create HTTP/1.1\r\ncontent-type: text/plain", &large, 415),
    ] {
        let mut client = Client::connect(&app).await;
        for _ in 0..20 {
            app.send(app.request(reqwest::Method::POST, "/api/session/create").json(&serde_json::json!({
                "user_id": "a", "if_exists": "return"
            })))
            .await
            .ok();
            client.send(head, body).await;
            let received = client.receive().await;
            assert_eq!((received.status, received.closes()), (status, false), "{head}");
        }
        assert!(client.is_usable().await, "{head}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_a_large_body_first_receives_the_rejection() {
    let app = App::memory().await;
    let body = vec![b'x'; 8 * 1024 * 1024];
    for (head, status) in [
        ("POST /api/session/create HTTP/1.1\r\ncontent-type: application/json", 413),
        ("POST /api/nothing HTTP/1.1", 413),
        ("POST /api/session/create HTTP/1.1\r\ncontent-type: text/plain", 413),
    ] {
        let mut client = Client::connect(&app).await;
        client.send(head, &body).await;
        let received = client.receive().await;
        received.problem();
        assert_eq!((received.status, received.closes()), (status, true), "{head}");
    }
    // Without an announced length the server learns the size as it comes.
    let mut client = Client::connect(&app).await;
    let head = "POST /api/session/create HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n";
    client.0.write_all(head.as_bytes()).await.unwrap();
    for part in body.chunks(1024 * 1024) {
        client.0.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await.unwrap();
        client.0.write_all(part).await.unwrap();
        client.0.write_all(b"\r\n").await.unwrap();
    }
    assert_eq!(client.receive().await.problem()["status"], 413);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_announced_as_too_large_gets_no_100_continue() {
    let app = App::memory().await;
    let mut client = Client::connect(&app).await;
    let head = "POST /api/session/create HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                content-length: 104857600\r\nexpect: 100-continue\r\n\r\n";
    client.0.write_all(head.as_bytes()).await.unwrap();
    let received = client.receive().await;
    assert_eq!((received.status, received.closes()), (413, true), "{}", received.head);
    let mut client = Client::connect(&app).await;
    let head = "POST /api/session/create HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                content-length: 15\r\nexpect: 100-continue\r\n\r\n";
    client.0.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(client.receive().await.status, 100, "a body of an allowed size is asked for");
    client.0.write_all(br#"{"user_id":"a"}"#).await.unwrap();
    assert_eq!(client.receive().await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_for_another_host_or_for_two_hosts_is_rejected_and_leaves_the_connection_usable() {
    let app = App::memory().await;
    let mut client = Client::connect(&app).await;
    for (hosts, status) in [
        ("host: evil.example", 421),
        ("host: localhost\r\nhost: evil.example", 400),
        ("host: localhost\r\nhost: localhost", 400),
    ] {
        let head = format!("POST /api/session/a/touch HTTP/1.1\r\n{hosts}\r\ncontent-length: 2\r\n\r\n");
        client.0.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        client.0.write_all(b"{}").await.unwrap();
        let received = client.receive().await;
        assert_eq!((received.status, received.closes()), (status, false), "{hosts}");
    }
    assert!(client.is_usable().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_cannot_be_parsed_receive_a_problem() {
    let app = App::memory().await;
    let long_path = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(100_000));
    let many_headers: String = (0..120).map(|n| format!("x{n}: a\r\n")).collect();
    let many_headers = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{many_headers}\r\n");
    let long_header = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(2_000_000));
    for (request, status) in [
        ("GARBAGE\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: many\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\n\r\n", 400),
        (&long_path, 431),
        (&many_headers, 431),
        (&long_header, 431),
    ] {
        let mut client = Client::connect(&app).await;
        client.0.write_all(request.as_bytes()).await.unwrap();
        let received = client.receive().await;
        let problem = received.problem();
        assert_eq!((received.status, received.closes()), (status, true), "{}", received.head);
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_path_or_method_is_not_repeated_in_full() {
    let app = App::memory().await;
    let path = format!("/{}", "é".repeat(10_000));
    let problem = app.get(&path).await.problem(404);
    assert!(problem["detail"].as_str().unwrap().len() < 400, "{problem}");
    let mut client = Client::connect(&app).await;
    client.send(&format!("{} /api/sessions HTTP/1.1", "A".repeat(5_000)), b"").await;
    let received = client.receive().await;
    assert_eq!(received.status, 405);
    assert!(received.body.len() < 1000);
}
