//! The proxy forwards, delays and drops as configured.

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

const TIMEOUT: Duration = Duration::from_secs(10);
const LATENCY: Duration = Duration::from_millis(500);

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.expect("the proxy listens")
}

async fn ask(stream: &mut TcpStream, text: &str) {
    stream.write_all(format!("ECHO {text}\r\n").as_bytes()).await.expect("the proxy reads");
}

/// Reads the response to [`ask`]. Returns `false` if the connection ends instead.
async fn receives(stream: &mut TcpStream, text: &str) -> bool {
    let wanted = format!("${}\r\n{text}\r\n", text.len());
    let mut response = vec![0; wanted.len()];
    let read = timeout(TIMEOUT, stream.read_exact(&mut response))
        .await
        .expect("the server responds or closes the connection");
    read.is_ok_and(|_| response == wanted.as_bytes())
}

#[tokio::test]
async fn responses_are_delayed_and_delays_do_not_add_up() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let mut stream = connect(&proxy).await;
    proxy.delay(LATENCY);
    let started = Instant::now();
    // Requests are sent one by one, so that their responses arrive separately.
    for number in 0..10 {
        let asked = server.calls("echo");
        ask(&mut stream, &number.to_string()).await;
        while server.calls("echo") == asked {
            tokio::task::yield_now().await;
        }
    }
    assert!(proxy.is_busy());
    for number in 0..10 {
        assert!(receives(&mut stream, &number.to_string()).await);
    }
    assert!((LATENCY..5 * LATENCY).contains(&started.elapsed()), "{:?}", started.elapsed());
    proxy.delay(Duration::ZERO);
    let started = Instant::now();
    ask(&mut stream, "soon").await;
    assert!(receives(&mut stream, "soon").await);
    assert!(started.elapsed() < LATENCY);
}

#[tokio::test]
async fn all_open_connections_are_closed_and_new_ones_work() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let (mut idle, mut busy) = (connect(&proxy).await, connect(&proxy).await);
    ask(&mut idle, "a").await;
    assert!(receives(&mut idle, "a").await);
    proxy.hold_response_to("b");
    ask(&mut busy, "b").await;
    proxy.wait_until_held().await;
    proxy.cut_all();
    assert!(!receives(&mut idle, "a").await);
    assert!(!receives(&mut busy, "b").await);
    assert_eq!(proxy.connections(), 0);
    assert!(!proxy.is_busy());
    let mut stream = connect(&proxy).await;
    ask(&mut stream, "c").await;
    assert!(receives(&mut stream, "c").await);
}

#[tokio::test]
async fn new_connections_are_rejected_until_it_is_switched_off() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let mut early = connect(&proxy).await;
    ask(&mut early, "a").await;
    assert!(receives(&mut early, "a").await);
    proxy.refuse(true);
    let mut refused = connect(&proxy).await;
    // The proxy may close the connection before this is written, or after.
    let _ = refused.write_all(b"ECHO b\r\n").await;
    assert!(!receives(&mut refused, "b").await);
    ask(&mut early, "c").await;
    assert!(receives(&mut early, "c").await);
    proxy.refuse(false);
    let mut late = connect(&proxy).await;
    ask(&mut late, "d").await;
    assert!(receives(&mut late, "d").await);
}
