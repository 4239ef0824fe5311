//! Long responses over TLS: clients that do not read them, and a stop while they are sent.

use super::{Server, TlsClient};
use axum::body::Bytes;
use h2::client::SendRequest;
use http::Request;
use nix::sys::signal::Signal;
use serde_json::json;
use std::time::{Duration, Instant};
use testkit::{Authority, Behaviour, ModelServer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};

/// Timeout for the server to notice a client that does not read.
const TIMEOUT: Duration = Duration::from_secs(10);
const PAGE: &str = "/api/session/a/history?limit=1000";

/// Starts a `nono` with a session of more than a mebibyte and a write timeout of a second.
async fn start() -> (Server, TlsClient) {
    let authority = Authority::new("CA");
    let server = Server::nono(&authority, &["--write-timeout", "1s"]).await;
    let client = TlsClient::new(&authority.pem());
    let http = client.http(&["h2"]);
    let post = async |path: &str, body: &serde_json::Value| {
        let response = http.post(server.url("http", path)).json(body).send().await.unwrap();
        assert_eq!(response.status(), 200);
    };
    post("/api/session/create", &json!({ "user_id": "a" })).await;
    let message = json!({ "role": "user", "content": "x".repeat(30_000) });
    for _ in 0..4 {
        post("/api/session/a/messages", &json!({ "messages": vec![&message; 10] })).await;
    }
    (server, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_client_does_not_read_is_closed() {
    let (server, client) = start().await;
    let mut unread = Vec::new();
    for _ in 0..10 {
        // The buffer of the client must not hold the whole response.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        let stream = socket.connect(server.address("http").parse().unwrap()).await.unwrap();
        let mut stream = client.handshake(stream, &["http/1.1"]).await.unwrap();
        let request = format!("GET {PAGE} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        unread.push(stream);
    }
    let begun = Instant::now();
    // The connection by which the session was created ends with its client.
    while server.metric(&client, "nono_connections_open{port=\"http\"}").await > 0 {
        assert!(begun.elapsed() < TIMEOUT, "connections without a reader are open");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut pages = 0;
    for mut stream in unread {
        let mut received = Vec::new();
        let end = stream.read_to_end(&mut received).await;
        // On a busy machine some of the pages are rejected, by a response that is short enough to be sent.
        if received.starts_with(b"HTTP/1.1 429") {
            continue;
        }
        // A complete response ends with an alert that closes the connection.
        assert!(end.is_err(), "the response was sent completely: {} bytes", received.len());
        pages += 1;
    }
    assert!(pages > 0, "every page was rejected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_without_a_window_is_reset_and_its_connection_stays_usable() {
    let (server, client) = start().await;
    let stream = client.connect(server.address("http"), &["h2"]).await.unwrap();
    let mut builder = h2::client::Builder::new();
    let (sender, connection) = builder.initial_window_size(0).handshake::<_, Bytes>(stream).await.unwrap();
    tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let get = |sender: &mut SendRequest<Bytes>, path: &str| {
        let request = Request::get(server.url("http", path)).body(()).unwrap();
        sender.send_request(request, true).unwrap().0
    };
    let responses: Vec<_> = (0..20).map(|_| get(&mut sender, PAGE)).collect();
    let resetting = async {
        for response in responses {
            let mut body = response.await.unwrap().into_body();
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
    assert_eq!(get(&mut sender, "/api/session/a").await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_in_progress_finishes_when_the_program_stops() {
    let (authority, model) = (Authority::new("CA"), ModelServer::start().await);
    let mut server = Server::nono(&authority, &["--model-url", &model.url()]).await;
    let client = TlsClient::new(&authority.pem());
    for protocol in ["h2", "http/1.1"] {
        model.script(Behaviour::Gated(vec!["one".into(), "two".into()]));
        let http = client.http(&[protocol]);
        let create =
            http.post(server.url("http", "/api/session/create")).json(&json!({ "user_id": protocol }));
        assert_eq!(create.send().await.unwrap().status(), 200);
    }
    let mut replies = Vec::new();
    for protocol in ["h2", "http%2F1.1"] {
        let url = server.url("http", &format!("/api/session/{protocol}/chat"));
        let http = client.http(&[&protocol.replace("%2F", "/")]);
        let chat = http.post(url).json(&json!({ "message": "hi" })).header("accept", "text/event-stream");
        let mut reply = chat.send().await.unwrap();
        let first = reply.chunk().await.unwrap().unwrap();
        assert!(first.starts_with(b"event: accepted"), "{first:?}");
        replies.push(reply);
    }
    server.program.signal(Signal::SIGTERM);
    server.program.wait_for_log("stopping").await;
    for _ in 0..4 {
        model.release();
    }
    for reply in replies {
        let rest = reply.text().await.unwrap();
        assert!(rest.contains("two") && rest.contains("event: done"), "{rest}");
    }
    assert_eq!(server.program.exit_code().await, Some(0));
}
