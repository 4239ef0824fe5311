//! The proxy passes on what it is to pass on, when it is to.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};
use testkit::{Proxy, RedisServer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(10);
const LATENCY: Duration = Duration::from_millis(500);

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.expect("the proxy listens")
}

async fn ask(stream: &mut TcpStream, text: &str) {
    stream.write_all(format!("ECHO {text}\r\n").as_bytes()).await.expect("the proxy reads");
}

/// Reads the answer to [`ask`]; false when the connection ends instead.
async fn is_told(stream: &mut TcpStream, text: &str) -> bool {
    let wanted = format!("${}\r\n{text}\r\n", text.len());
    let mut answer = vec![0; wanted.len()];
    let read = timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("it answers or ends");
    read.is_ok_and(|_| answer == wanted.as_bytes())
}

#[tokio::test]
async fn answers_are_late_and_no_later_for_being_many() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let mut stream = connect(&proxy).await;
    proxy.delay(LATENCY);
    let started = Instant::now();
    // Each question goes alone, so that the answers do not come as one.
    for number in 0..10 {
        let asked = server.calls("echo");
        ask(&mut stream, &number.to_string()).await;
        while server.calls("echo") == asked {
            tokio::task::yield_now().await;
        }
    }
    assert!(proxy.is_busy());
    for number in 0..10 {
        assert!(is_told(&mut stream, &number.to_string()).await);
    }
    assert!((LATENCY..5 * LATENCY).contains(&started.elapsed()), "{:?}", started.elapsed());
    proxy.delay(Duration::ZERO);
    let started = Instant::now();
    ask(&mut stream, "soon").await;
    assert!(is_told(&mut stream, "soon").await);
    assert!(started.elapsed() < LATENCY);
}

#[tokio::test]
async fn all_connections_are_cut_and_new_ones_are_not() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let (mut idle, mut busy) = (connect(&proxy).await, connect(&proxy).await);
    ask(&mut idle, "a").await;
    assert!(is_told(&mut idle, "a").await);
    proxy.hold_answer_to("b");
    ask(&mut busy, "b").await;
    proxy.holds().await;
    proxy.cut_all();
    assert!(!is_told(&mut idle, "a").await);
    assert!(!is_told(&mut busy, "b").await);
    assert_eq!(proxy.connections(), 0);
    assert!(!proxy.is_busy());
    let mut stream = connect(&proxy).await;
    ask(&mut stream, "c").await;
    assert!(is_told(&mut stream, "c").await);
}

#[tokio::test]
async fn connections_are_refused_for_a_while() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let mut early = connect(&proxy).await;
    ask(&mut early, "a").await;
    assert!(is_told(&mut early, "a").await);
    proxy.refuse(true);
    let mut refused = connect(&proxy).await;
    // The proxy may be gone before this is written, or after.
    let _ = refused.write_all(b"ECHO b\r\n").await;
    assert!(!is_told(&mut refused, "b").await);
    ask(&mut early, "c").await;
    assert!(is_told(&mut early, "c").await);
    proxy.refuse(false);
    let mut late = connect(&proxy).await;
    ask(&mut late, "d").await;
    assert!(is_told(&mut late, "d").await);
}
