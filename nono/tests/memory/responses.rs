//! Responses that clients do not read.

use super::{PAGE, Server, TIMEOUT};
use crate::app::{App, load_factor};
use axum::body::Bytes;
use futures_util::future::join_all;
use h2::client::SendRequest;
use http::Request;
use nono_proto::session::v1::HistoryRequest;
use prost::Message;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tonic::{Code, Status};

/// Number of streams on an HTTP/2 connection.
const STREAMS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_pages_are_rejected_beyond_the_budget() {
    assert_unread_pages_are_rejected(Server::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_pages_of_redis_are_rejected_beyond_the_budget() {
    assert_unread_pages_are_rejected(Server::start_over_redis().await).await;
}

async fn assert_unread_pages_are_rejected(server: Server) {
    let unread = request_unread(&server, PAGE, 200 * load_factor()).await;
    server.assert_serves_others().await;
    let rejected = server.app.get(PAGE).await;
    assert_eq!(rejected.headers.get("retry-after").unwrap(), "1");
    assert_eq!(rejected.problem(429)["reason"], "OVERLOADED");
    drop(unread);
    server.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_exports_of_redis_wait_for_memory() {
    let server = Server::start_over_redis().await;
    let unread = request_unread(&server, "/api/session/large/export?format=json", 200 * load_factor()).await;
    server.assert_serves_others().await;
    drop(unread);
    server.assert_recovers().await;
}

/// Sends requests on a connection each, and reads no response.
async fn request_unread(server: &Server, path: &str, count: u32) -> Vec<TcpStream> {
    let mut unread = Vec::new();
    for _ in 0..count {
        let mut stream = server.connect().await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        unread.push(stream);
    }
    unread
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_redis_for_400_readers_stay_within_the_limit() {
    let server = Server::start_over_redis().await;
    let readers = (0..400 * load_factor()).map(|_| async {
        let reader = App::at(&server.app.http);
        let response = reader.get(PAGE).await;
        assert!(matches!(response.status.as_u16(), 200 | 429), "{response:?}");
        response.status == 200
    });
    let (are_read, ()) = tokio::join!(join_all(readers), server.assert_serves_others());
    assert!(are_read.contains(&true));
    server.assert_recovers().await;
}

/// Connects with HTTP/2 and a window of 0 for each stream.
async fn connect(address: &str) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) =
        h2::client::Builder::new().initial_window_size(0).handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender.ready().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_without_a_window_are_rejected_beyond_the_budget() {
    let server = Server::start().await;
    let mut sender = connect(&server.http).await;
    let mut unread = Vec::new();
    let mut rejected = 0;
    for _ in 0..STREAMS {
        let request = Request::get(format!("http://{}{PAGE}", server.http)).body(()).unwrap();
        let response = sender.send_request(request, true).unwrap().0;
        let response = timeout(TIMEOUT, response).await.unwrap().unwrap();
        if response.status() == 429 {
            assert_eq!(response.headers()["retry-after"], "1");
            rejected += 1;
        }
        unread.push(response);
    }
    assert!((80..STREAMS).contains(&rejected), "{rejected} were rejected");
    server.assert_serves_others().await;
    drop((unread, sender));
    server.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_streams_without_a_window_are_rejected_beyond_the_budget() {
    assert_grpc_streams_are_rejected(Server::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_streams_without_a_window_over_redis_are_rejected_beyond_the_budget() {
    assert_grpc_streams_are_rejected(Server::start_over_redis().await).await;
}

async fn assert_grpc_streams_are_rejected(server: Server) {
    let mut sender = connect(&server.grpc).await;
    let request =
        HistoryRequest { user_id: "large".into(), limit: 1000, ..Default::default() }.encode_to_vec();
    let length = u32::try_from(request.len()).unwrap().to_be_bytes();
    let message: Bytes = [&[0], &length[..], &request].concat().into();
    let mut unread = Vec::new();
    let mut rejected = 0;
    for _ in 0..STREAMS {
        let uri = format!("http://{}/nono.session.v1.SessionService/History", server.grpc);
        let request = Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
        let (response, mut stream) = sender.send_request(request.body(()).unwrap(), false).unwrap();
        // A call that is rejected at once needs no message.
        let _ = stream.send_data(message.clone(), true);
        let response = timeout(TIMEOUT, response).await.unwrap().unwrap();
        if let Some(status) = Status::from_header_map(response.headers()) {
            assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
            rejected += 1;
        }
        unread.push(response);
    }
    assert!((80..STREAMS).contains(&rejected), "{rejected} were rejected");
    server.assert_serves_others().await;
    drop((unread, sender));
    server.assert_recovers().await;
}
