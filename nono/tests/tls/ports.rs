//! TLS on every port: protocols, clients without TLS, deadlines and limits.

use super::{Server, TlsClient};
use nix::sys::signal::Signal;
use reqwest::Version;
use std::time::{Duration, Instant};
use testkit::Authority;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_protocol_is_negotiated_on_every_port() {
    let authority = Authority::new("CA");
    let (server, client) = (Server::nono(&authority, &[]).await, TlsClient::new(&authority.pem()));
    for (protocols, version) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["h2"], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let response = client.http(protocols).get(server.url("http", "/api/config")).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, version), "{protocols:?}");
    }
    let admin = client.http(&["h2", "http/1.1"]).get(server.url("admin", "/livez")).send().await.unwrap();
    assert_eq!((admin.status().as_u16(), admin.version()), (200, Version::HTTP_11));
    assert!(client.is_served(server.address("grpc")).await);
    let refused = client.connect(server.address("grpc"), &["http/1.1"]).await.unwrap_err();
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
    let stranger = TlsClient::new(&Authority::new("Other").pem());
    let refused = stranger.connect(server.address("http"), &[]).await.unwrap_err();
    assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_tls_gets_an_alert_on_every_port() {
    let authority = Authority::new("CA");
    let (server, client) = (Server::nono(&authority, &[]).await, TlsClient::new(&authority.pem()));
    for port in ["http", "grpc", "admin"] {
        let mut stream = TcpStream::connect(server.address(port)).await.unwrap();
        let start = Instant::now();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.unwrap();
        // A fatal alert of TLS: type 21, version, length 2, level 2.
        assert!(received.len() == 7 && received[0] == 21 && received[5] == 2, "{port}: {received:?}");
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        let metric = format!("nono_connections_rejected_total{{port=\"{port}\",reason=\"tls_handshake\"}}");
        assert_eq!(server.metric(&client, &metric).await, 1, "{port}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_is_incomplete_is_closed_after_ten_seconds() {
    let authority = Authority::new("CA");
    let (server, client) = (Server::nono(&authority, &[]).await, TlsClient::new(&authority.pem()));
    let mut closings = JoinSet::new();
    for port in ["http", "grpc", "admin"] {
        // Nothing, the beginning of a record, and a handshake without a request.
        for sent in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
            let address = server.address(port).to_owned();
            closings.spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(sent).await.unwrap();
                time_to_close(stream).await
            });
        }
        let (address, client) = (server.address(port).to_owned(), client.clone());
        closings.spawn(async move { time_to_close(client.connect(&address, &[]).await.unwrap()).await });
    }
    let times = closings.join_all().await;
    let (least, most) = (Duration::from_secs(9), Duration::from_secs(12));
    assert!(times.iter().all(|time| *time > least && *time < most), "{times:?}");
    for port in ["http", "grpc", "admin"] {
        let metric =
            format!("nono_connections_rejected_total{{port=\"{port}\",reason=\"first_request_timeout\"}}");
        assert_eq!(server.metric(&client, &metric).await, 3, "{port}");
    }
}

/// Waits until the server closes a connection.
async fn time_to_close(mut stream: impl AsyncReadExt + Unpin) -> Duration {
    let start = Instant::now();
    let mut received = Vec::new();
    let closing = stream.read_to_end(&mut received);
    // TLS reports the end of a connection that was closed without an alert as an error.
    drop(tokio::time::timeout(Duration::from_secs(30), closing).await.expect("the server closes"));
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_count_as_connections_and_give_way_to_newer_ones() {
    let authority = Authority::new("CA");
    let server = Server::nono(&authority, &["--max-connections-per-peer", "3"]).await;
    let client = TlsClient::new(&authority.pem());
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(server.address("http")).await.unwrap());
    }
    let url = server.url("http", "/api/config");
    let mut open = Vec::new();
    for _ in 0..3 {
        let http = client.http(&["http/1.1"]);
        assert_eq!(http.get(&url).send().await.unwrap().status(), 200);
        open.push(http);
    }
    for stream in &mut silent {
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "a newer connection replaces it");
    }
    assert!(client.http(&["http/1.1"]).get(&url).send().await.is_err(), "three connections are open");
    for (reason, count) in [("evicted", 3), ("peer_limit", 1)] {
        let metric = format!("nono_connections_rejected_total{{port=\"http\",reason=\"{reason}\"}}");
        assert_eq!(server.metric(&client, &metric).await, count, "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incomplete_handshakes_do_not_delay_a_stop() {
    let authority = Authority::new("CA");
    let mut server = Server::nono(&authority, &[]).await;
    let mut silent = Vec::new();
    for port in ["http", "grpc"] {
        silent.push(TcpStream::connect(server.address(port)).await.unwrap());
    }
    let start = Instant::now();
    server.program.signal(Signal::SIGTERM);
    assert_eq!(server.program.exit_code().await, Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
