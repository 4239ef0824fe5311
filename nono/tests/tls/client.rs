//! Clients over TLS.

use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use std::{io, sync::Arc};
use testkit::CertificatePair;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::service_fn;

/// A client that trusts some authorities and may have a certificate.
#[derive(Clone)]
pub struct TlsClient(ClientConfig);

impl TlsClient {
    /// Creates a client that trusts the authorities of a PEM.
    pub fn new(authorities: &str) -> Self {
        Self::build(authorities, None)
    }

    /// Creates a client with a certificate.
    pub fn with_certificate(authorities: &str, pair: &CertificatePair) -> Self {
        Self::build(authorities, Some(pair))
    }

    fn build(authorities: &str, pair: Option<&CertificatePair>) -> Self {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
            roots.add(authority.unwrap()).unwrap();
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        Self(match pair {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = CertificateDer::pem_slice_iter(pair.cert.as_bytes()).map(Result::unwrap);
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain.collect(), key).unwrap()
            }
        })
    }

    /// Returns an HTTP client that offers protocols by ALPN.
    pub fn http(&self, protocols: &[&str]) -> reqwest::Client {
        reqwest::Client::builder().use_preconfigured_tls(self.config(protocols)).build().unwrap()
    }

    fn config(&self, protocols: &[&str]) -> ClientConfig {
        let mut config = self.0.clone();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }

    /// Connects to an address as `localhost`, and offers protocols by ALPN.
    pub async fn connect(&self, address: &str, protocols: &[&str]) -> io::Result<TlsStream<TcpStream>> {
        self.handshake(TcpStream::connect(address).await?, protocols).await
    }

    /// Runs the handshake over a connection.
    pub async fn handshake(&self, stream: TcpStream, protocols: &[&str]) -> io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::new(self.config(protocols)));
        connector.connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    /// Returns a gRPC channel to an address, which connects when it is used.
    pub fn channel(&self, address: &str) -> Channel {
        let (client, target) = (self.clone(), address.to_owned());
        let connector = service_fn(move |_| {
            let (client, target) = (client.clone(), target.clone());
            async move { client.connect(&target, &["h2"]).await.map(TokioIo::new) }
        });
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        endpoint.connect_with_connector_lazy(connector)
    }

    /// Returns `true` if the server reports its health over gRPC.
    pub async fn is_served(&self, address: &str) -> bool {
        let mut client = HealthClient::new(self.channel(address));
        client.check(HealthCheckRequest::default()).await.is_ok()
    }
}
