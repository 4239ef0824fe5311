//! Client certificates.

use super::{Server, TlsClient};
use nono_proto::session::v1::{self as pb, session_service_client::SessionServiceClient};
use testkit::{Authority, CertificatePair};
use tonic::Code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_requires_a_client_certificate_of_the_authority() {
    let (authority, clients) = (Authority::new("CA"), Authority::new("Clients"));
    let stranger = Authority::new("Other").issue(&["client"]);
    let client = |pair: &CertificatePair| TlsClient::with_certificate(&authority.pem(), pair);
    for (program, arguments) in [("nono", &[][..]), ("session-service", &["--store", "memory:"])] {
        let server = Server::requiring_certificates(program, &authority, &clients, arguments).await;
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
    let nono = Server::requiring_certificates("nono", &authority, &clients, &[]).await;
    assert_eq!(get(&anonymous, &nono.url("http", "/")).await.unwrap().status(), 200);
    let gateway = Server::requiring_certificates("gateway", &authority, &clients, &[]).await;
    assert_eq!(get(&known, &gateway.url("page", "/")).await.unwrap().status(), 200);
    assert!(get(&anonymous, &gateway.url("page", "/")).await.is_err());
    let admin = anonymous.http(&[]).get(gateway.url("admin", "/livez")).send().await.unwrap();
    assert_eq!(admin.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_in_a_client_certificate_identifies_the_caller() {
    let (authority, clients) = (Authority::new("CA"), Authority::new("Clients"));
    let callers = tempfile::NamedTempFile::new().unwrap();
    let lines = "gateway service uri:spiffe://example.org/gateway\nops admin dns:ops.example.org\n";
    std::fs::write(callers.path(), lines).unwrap();
    let path = callers.path().to_str().unwrap();
    let arguments = ["--store", "memory:", "--auth", "mtls", "--auth-clients-file", path];
    let server = Server::requiring_certificates("session-service", &authority, &clients, &arguments).await;
    let call = async |pair: &CertificatePair, owner: Option<&'static str>| {
        let channel = TlsClient::with_certificate(&authority.pem(), pair).channel(server.address("grpc"));
        let mut request = tonic::Request::new(pb::ListRequest::default());
        if let Some(owner) = owner {
            request.metadata_mut().insert("nono-owner", owner.parse().unwrap());
        }
        SessionServiceClient::new(channel)
            .list(request)
            .await
            .map_or_else(|status| status.code(), |_| Code::Ok)
    };
    let gateway = clients.issue_client(&["spiffe://example.org/gateway"]);
    assert_eq!(call(&gateway, Some("ann")).await, Code::Ok);
    assert_eq!(call(&gateway, None).await, Code::PermissionDenied);
    let ops = clients.issue(&["ops.example.org"]);
    assert_eq!(call(&ops, None).await, Code::Ok);
    for name in ["spiffe://example.org/other", "gateway.example.org", "x.ops.example.org"] {
        let stranger = clients.issue_client(&[name]);
        assert_eq!(call(&stranger, Some("ann")).await, Code::Unauthenticated, "{name}");
    }
}
