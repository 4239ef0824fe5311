//! Clients that request much and read nothing. Their connections are closed, and their HTTP/2 streams reset.

use crate::app::{App, Program};
use axum::body::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::Request;
use nono_proto::session::v1::HistoryRequest;
use prost::Message;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Longer than a response takes, and short for a test.
const WRITE_TIMEOUT: Duration = Duration::from_millis(1000);
/// Timeout for the server to notice.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Number of streams on an HTTP/2 connection.
const STREAMS: usize = 100;

/// A `nono` with a session of more than a mebibyte.
struct Server {
    _program: Program,
    app: App,
    http: String,
    grpc: String,
    admin: String,
}

impl Server {
    async fn start() -> Self {
        let arguments = ["--write-timeout", &format!("{}ms", WRITE_TIMEOUT.as_millis())];
        let mut program = Program::nono(&arguments, &[("RUST_LOG", "nono=debug")]);
        let line: Value = serde_json::from_str(&program.wait_for_log("listening").await).unwrap();
        let address = |port: &str| line[port].as_str().unwrap().to_owned();
        let (http, grpc, admin) = (address("http"), address("grpc"), address("admin"));
        let app = App::at(&format!("http://{http}"));
        app.create("a").await;
        let message = json!({ "role": "user", "content": "x".repeat(30_000) });
        for _ in 0..4 {
            let body = json!({ "messages": vec![&message; 10] });
            app.post("/api/session/a/messages", &body).await.ok();
        }
        Self { _program: program, app, http, grpc, admin }
    }

    /// Waits until only the connections of the test's own client are open on a port.
    async fn wait_until_closed(&self, port: &str) {
        let start = Instant::now();
        let name = format!("nono_connections_open{{port=\"{port}\"}} ");
        loop {
            let metrics = reqwest::get(format!("http://{}/metrics", self.admin)).await.unwrap();
            let metrics = metrics.text().await.unwrap();
            let open = metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or("0");
            if open.parse::<usize>().unwrap() <= 1 {
                return;
            }
            assert!(start.elapsed() < TIMEOUT, "{open} connections are open");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_client_does_not_read_is_closed() {
    let server = Server::start().await;
    let mut unread = Vec::new();
    for path in ["history?limit=1000", "export?format=json"] {
        for _ in 0..10 {
            let mut stream = TcpStream::connect(&server.http).await.unwrap();
            let request =
                format!("GET /api/session/a/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            unread.push(stream);
        }
    }
    server.app.get("/api/session/a").await.ok();
    server.wait_until_closed("http").await;
    for mut stream in unread {
        let mut received = Vec::new();
        let result = stream.read_to_end(&mut received).await;
        assert!(result.is_err() || received.len() < 1_000_000, "{} bytes arrived", received.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_slowly_receives_everything() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(&server.http).await.unwrap();
    let request =
        "GET /api/session/a/export?format=json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut received, mut buffer, start) = (Vec::new(), vec![0; 100_000], Instant::now());
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        received.extend_from_slice(&buffer[..count]);
        if count == 0 {
            break;
        }
        tokio::time::sleep(WRITE_TIMEOUT / 8).await;
    }
    assert!(start.elapsed() > WRITE_TIMEOUT, "{:?}", start.elapsed());
    assert!(received.ends_with(b"\n]}\n\r\n0\r\n\r\n"), "{} bytes arrived", received.len());
}

/// Connects with HTTP/2 and a window of 0 for each stream.
async fn connect(address: &str) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) =
        h2::client::Builder::new().initial_window_size(0).handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender.ready().await.unwrap()
}

/// Asserts that each stream is reset without having delivered its response, unless its call was rejected. Returns the number
/// of streams that were reset.
async fn assert_reset(responses: Vec<ResponseFuture>) -> usize {
    let mut reset = 0;
    let resetting = async {
        for response in responses {
            let response = response.await.unwrap();
            if response.headers().get("grpc-status").is_some_and(|status| status == "8") {
                continue;
            }
            reset += 1;
            let mut body = response.into_body();
            let error = loop {
                match body.data().await.unwrap() {
                    Ok(data) => assert!(data.is_empty(), "{} bytes arrived", data.len()),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.reason(), Some(h2::Reason::CANCEL), "{error}");
        }
    };
    tokio::time::timeout(TIMEOUT, resetting).await.expect("all streams are reset");
    reset
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_without_a_window_is_reset_and_its_connection_stays_usable() {
    let server = Server::start().await;
    let mut sender = connect(&server.http).await;
    let mut send = |path: &str| {
        let uri = format!("http://{}{path}", server.http);
        sender.send_request(Request::get(uri).body(()).unwrap(), true).unwrap().0
    };
    let responses = (0..STREAMS).map(|_| send("/api/session/a/history?limit=1000")).collect();
    assert_eq!(assert_reset(responses).await, STREAMS);
    assert_eq!(send("/api/session/a").await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grpc_stream_without_a_window_is_reset() {
    let server = Server::start().await;
    let mut sender = connect(&server.grpc).await;
    let request = HistoryRequest { user_id: "a".into(), limit: 1000, ..Default::default() }.encode_to_vec();
    let length = u32::try_from(request.len()).unwrap().to_be_bytes();
    let message: Bytes = [&[0], &length[..], &request].concat().into();
    let mut responses = Vec::new();
    for _ in 0..STREAMS {
        let uri = format!("http://{}/nono.session.v1.SessionService/History", server.grpc);
        let request = Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
        let (response, mut stream) = sender.send_request(request.body(()).unwrap(), false).unwrap();
        // A call that is rejected at once needs no message.
        let _ = stream.send_data(message.clone(), true);
        responses.push(response);
    }
    // The service admits at least 4 pages at a time.
    assert!(assert_reset(responses).await >= 4);
}
