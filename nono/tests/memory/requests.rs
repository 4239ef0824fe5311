//! Requests that never complete.

use super::{Server, TIMEOUT, is_rejected, send};
use crate::app::load_factor;
use futures_util::future::join_all;
use http::Request;
use std::time::Duration;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

/// Number of connections and of streams on each, whose headers together exceed the budget by a quarter.
const CONNECTIONS: u32 = 4;
const STREAMS: u32 = 80;

/// Sends the beginning of an append with a body of this length, and returns the connection.
async fn begin(server: &Server, length: &str) -> TcpStream {
    let mut stream = server.connect().await;
    let head = format!(
        "POST /api/session/small/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{length}\r\n\r\n"
    );
    send(&mut stream, head.as_bytes()).await;
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incomplete_bodies_are_rejected_beyond_the_budget() {
    let server = Server::start().await;
    let count = 300 * load_factor();
    let part = [b"{\"messages\":[".as_slice(), &[b' '; 1_200_000]].concat();
    let mut streams = join_all((0..count).map(|_| begin(&server, "content-length: 1300000"))).await;
    let sending = join_all(streams.iter_mut().map(|stream| is_rejected(stream, &part)));
    let (rejected, ()) = tokio::join!(sending, server.assert_serves_others());
    server.assert_serves_others().await;
    let rejected = rejected.into_iter().filter(|is_rejected| *is_rejected).count();
    assert!((count as usize - 100..count as usize).contains(&rejected), "{rejected} were rejected");
    assert!(server.rejected("requests").await >= rejected as u64);
    drop(streams);
    server.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_in_chunks_of_one_byte_take_no_more_memory_than_others() {
    let server = Server::start().await;
    server.assert_serves_others().await;
    let before = server.peak_bytes();
    let chunks = b"1\r\n \r\n".repeat(100_000);
    let sending = (0..2).map(|_| async {
        let mut stream = begin(&server, "transfer-encoding: chunked").await;
        send(&mut stream, &chunks).await;
        stream
    });
    let streams = join_all(sending).await;
    let grown = server.peak_bytes().saturating_sub(before);
    assert!(grown < 4 << 20, "{} KiB were used", grown >> 10);
    drop(streams);
    server.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_that_grows_when_it_is_parsed_is_rejected_before() {
    let server = Server::start().await;
    let empty_objects = format!("{{\"messages\":[{}1]}}", "{},".repeat(400_000));
    let response = server.app.post_text("/api/session/small/messages", empty_objects).await;
    assert_eq!(response.problem(429)["reason"], "OVERLOADED");
    assert_eq!(server.rejected("requests").await, 1);
    server.assert_serves_others().await;
    server.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incomplete_headers_are_limited() {
    let server = Server::start().await;
    let head = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\n{}",
        format!("x: {}\r\n", "x".repeat(4000)).repeat(100)
    );
    let sending = (0..1000 * load_factor()).map(|_| async {
        let mut stream = server.connect().await;
        // Beyond its limit the server does not read.
        let _ = timeout(Duration::from_millis(500), send(&mut stream, head.as_bytes())).await;
        stream
    });
    let (streams, ()) = tokio::join!(join_all(sending), server.assert_serves_others());
    server.assert_serves_others().await;
    drop(streams);
    server.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_just_below_their_limit_are_rejected_beyond_the_budget() {
    let server = Server::start().await;
    let head = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}", "x".repeat(60_000));
    let sending = (0..1000 * load_factor()).map(|_| async {
        let mut stream = server.connect().await;
        send(&mut stream, head.as_bytes()).await;
        stream
    });
    let (streams, ()) = tokio::join!(join_all(sending), server.assert_serves_others());
    server.assert_serves_others().await;
    let start = Instant::now();
    while server.rejected("headers").await < 500 {
        assert!(start.elapsed() < TIMEOUT, "{} were rejected", server.rejected("headers").await);
        sleep(Duration::from_millis(20)).await;
    }
    drop(streams);
    server.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_with_long_headers_are_rejected_beyond_the_budget() {
    let server = Server::start().await;
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        let (sender, connection) = h2::client::handshake(server.connect().await).await.unwrap();
        tokio::spawn(connection);
        let mut sender = sender.ready().await.unwrap();
        for _ in 0..STREAMS {
            let request = Request::post(format!("http://{}/api/session/small/messages", server.http));
            let request = request.header("content-type", "application/json");
            // All but the first refer to the table of the connection, and take few bytes on it.
            let request = (0..15).fold(request, |request, _| request.header("x", "x".repeat(3900)));
            sender = sender.ready().await.unwrap();
            // The body never ends.
            open.push(sender.send_request(request.body(()).unwrap(), false).unwrap());
        }
    }
    server.assert_serves_others().await;
    let start = Instant::now();
    while server.rejected("requests").await < 50 {
        assert!(start.elapsed() < TIMEOUT, "{} were rejected", server.rejected("requests").await);
        sleep(Duration::from_millis(20)).await;
    }
    drop(open);
    server.assert_recovers().await;
}
