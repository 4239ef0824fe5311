//! Client certificates.

use super::{Files, LOCAL, Server, TlsClient};
use testkit::{Authority, CertificatePair};

/// Starts a program that requires client certificates of an authority.
async fn start(program: &str, authority: &Authority, clients: &Authority, arguments: &[&str]) -> Server {
    let files = Files::new();
    files.write_pair("server", &authority.issue(&LOCAL));
    files.write("clients.pem", &clients.pem());
    Server::start(program, files, arguments).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_requires_a_client_certificate_of_the_authority() {
    let (authority, clients) = (Authority::new("CA"), Authority::new("Clients"));
    let stranger = Authority::new("Other").issue(&["client"]);
    let client = |pair: &CertificatePair| TlsClient::with_certificate(&authority.pem(), pair);
    for (program, arguments) in [("nono", &[][..]), ("session-service", &["--store", "memory:"])] {
        let server = start(program, &authority, &clients, arguments).await;
        let grpc = server.address("grpc");
        assert!(client(&clients.issue(&["client"])).is_served(grpc).await);
        assert!(client(&clients.issue_client(&["spiffe://example.org/gateway"])).is_served(grpc).await);
        let anonymous = TlsClient::new(&authority.pem());
        assert!(!anonymous.is_served(grpc).await);
        assert!(!client(&stranger).is_served(grpc).await);
        assert!(!client(&clients.issue_until(2020, &["client"])).is_served(grpc).await);
        let metric = "nono_connections_rejected_total{port=\"grpc\",reason=\"tls_handshake\"}";
        assert!(server.metric(&anonymous, metric).await >= 3, "and the admin port requires none");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_requires_a_client_certificate_in_the_program_gateway_only() {
    let (authority, clients) = (Authority::new("CA"), Authority::new("Clients"));
    let anonymous = TlsClient::new(&authority.pem());
    let known = TlsClient::with_certificate(&authority.pem(), &clients.issue(&["client"]));
    let get = async |client: &TlsClient, url: &str| client.http(&["h2"]).get(url).send().await;
    let nono = start("nono", &authority, &clients, &[]).await;
    assert_eq!(get(&anonymous, &nono.url("http", "/")).await.unwrap().status(), 200);
    let gateway = start("gateway", &authority, &clients, &[]).await;
    assert_eq!(get(&known, &gateway.url("page", "/")).await.unwrap().status(), 200);
    assert!(get(&anonymous, &gateway.url("page", "/")).await.is_err());
    let admin = anonymous.http(&[]).get(gateway.url("admin", "/livez")).send().await.unwrap();
    assert_eq!(admin.status(), 200);
}
