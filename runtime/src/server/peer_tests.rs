//! Peers of connections, as handlers see them, and the memory of handshakes.

use super::{PeerAddress, PeerCertificate, Port, Protocol, Secure, ServerTls};
use crate::{
    Lifecycle,
    memory::{MemoryBudget, MemoryBudgets},
    tls::{PemFile, TlsSettings, provider},
};
use axum::{Extension, Router, routing::get};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};
use testkit::{Authority, CertificatePair};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsConnector;

/// Serves a description of the peer on a port.
async fn serve(tls: Option<&ServerTls>, headers: MemoryBudget) -> SocketAddr {
    // Here, IPv4 clients have addresses that are mapped to IPv6, if the system has IPv6.
    let listener = match TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap(),
    };
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), listener.local_addr().unwrap().port());
    let port = Port {
        name: "test",
        protocol: Protocol::Http,
        max_age: None,
        limits: Default::default(),
        metrics: Default::default(),
        headers,
        tls: tls.map(|tls| tls.port(Protocol::Http)),
    };
    let router = Router::new().route("/", get(describe));
    tokio::spawn(async move {
        port.with_client_certificates().serve(listener, router, &Lifecycle::default()).await;
    });
    address
}

async fn describe(
    Extension(PeerAddress(address)): Extension<PeerAddress>,
    secure: Option<Extension<Secure>>,
    certificate: Option<Extension<Arc<PeerCertificate>>>,
) -> String {
    let names = certificate.map(|Extension(names)| format!("{:?} {:?}", names.uris, names.dns_names));
    format!("{address} {} {names:?}", secure.is_some())
}

/// Returns the body of the response.
async fn request(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// Returns the TLS of a server, with authorities of clients if they are given.
fn server_tls(pair: &CertificatePair, clients: Option<&Authority>) -> ServerTls {
    let folder = tempfile::tempdir().unwrap();
    let file = |setting, content: &str| {
        let path = folder.path().join("file");
        fs::write(&path, content).unwrap();
        Some(PemFile::read(setting, path.to_str().unwrap()).unwrap())
    };
    let settings = TlsSettings {
        tls_cert: file("--tls-cert", &pair.cert),
        tls_key: file("--tls-key", &pair.key),
        tls_client_ca: clients.and_then(|clients| file("--tls-client-ca", &clients.pem())),
    };
    ServerTls::new(&settings).unwrap().unwrap()
}

fn connector(authority: &Authority, client: Option<&CertificatePair>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let chain = vec![CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    Arc::new(config).into()
}

#[tokio::test]
async fn a_plain_request_has_the_address_of_its_peer_only() {
    let server = serve(None, MemoryBudgets::default().headers).await;
    let stream = TcpStream::connect(server).await.unwrap();
    let address = stream.local_addr().unwrap();
    assert_eq!(request(stream).await, format!("{address} false None"));
}

#[tokio::test]
async fn a_request_over_tls_is_marked_and_has_the_names_of_the_client_certificate() {
    let (authority, clients) = (Authority::new("CA"), Authority::new("Clients"));
    let pair = authority.issue(&["localhost"]);
    let client =
        clients.issue_client(&["spiffe://example.org/a", "b.example.org", "10.0.0.1", "c.example.org"]);
    let names = "Some(\"[\\\"spiffe://example.org/a\\\"] [\\\"b.example.org\\\", \\\"c.example.org\\\"]\")";
    for (tls, client, expected) in
        [(server_tls(&pair, None), None, "None"), (server_tls(&pair, Some(&clients)), Some(&client), names)]
    {
        let server = serve(Some(&tls), MemoryBudgets::default().headers).await;
        let stream = TcpStream::connect(server).await.unwrap();
        let address = stream.local_addr().unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connector(&authority, client).connect(name, stream).await.unwrap();
        assert_eq!(request(stream).await, format!("{address} true {expected}"));
    }
}

#[tokio::test]
async fn an_incomplete_handshake_is_charged_until_its_connection_ends() {
    let headers = MemoryBudgets::new(64 << 20).headers;
    let tls = server_tls(&Authority::new("CA").issue(&["localhost"]), None);
    let server = serve(Some(&tls), headers.clone()).await;
    let mut stream = TcpStream::connect(server).await.unwrap();
    // A record of 16 KiB with the beginning of a ClientHello of 48 KiB.
    let record = [&[22, 3, 1, 0x40, 0, 1, 0, 0xc0, 0][..], &vec![0; 16 * 1024 - 4]].concat();
    stream.write_all(&record).await.unwrap();
    let reserved = async |expected| {
        while headers.reserved() != expected {
            tokio::task::yield_now().await;
        }
    };
    let timeout = std::time::Duration::from_secs(5);
    tokio::time::timeout(timeout, reserved(2 * record.len())).await.expect("it is charged");
    drop(stream);
    tokio::time::timeout(timeout, reserved(0)).await.expect("it is released");
}
