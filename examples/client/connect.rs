//! Connection to the service, with or without TLS. The feature `tls-ring` of tonic does the same with less code; without it
//! tonic takes any connector.

use clap::Args;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use std::{error::Error, path::PathBuf, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

/// Files for TLS.
#[derive(Args)]
pub(super) struct Tls {
    /// File with the authority that issued the certificate of the service, for https.
    #[arg(long)]
    ca: Option<PathBuf>,

    /// File with a client certificate, for a service with --tls-client-ca.
    #[arg(long, requires = "client_key")]
    client_cert: Option<PathBuf>,

    /// File with its private key.
    #[arg(long, requires = "client_cert")]
    client_key: Option<PathBuf>,
}

/// Connects to the service.
pub(super) async fn connect(address: Uri, tls: &Tls) -> Result<Channel, Box<dyn Error>> {
    if address.scheme_str() != Some("https") {
        return Ok(Endpoint::from(address).connect().await?);
    }
    let host = address.host().ok_or("the address has no host")?.trim_matches(['[', ']']).to_owned();
    let port = address.port_u16().ok_or("the address has no port")?;
    let name = ServerName::try_from(host.clone())?;
    let connector = TlsConnector::from(Arc::new(config(tls)?));
    let connector = service_fn(move |_: Uri| {
        let (connector, name, host) = (connector.clone(), name.clone(), host.clone());
        async move { connector.connect(name, TcpStream::connect((host, port)).await?).await.map(TokioIo::new) }
    });
    Ok(Endpoint::from(address).connect_with_connector(connector).await?)
}

fn config(tls: &Tls) -> Result<ClientConfig, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_file_iter(tls.ca.as_ref().ok_or("https needs --ca")?)? {
        roots.add(authority?)?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match (&tls.client_cert, &tls.client_key) {
        (Some(cert), Some(key)) => {
            let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<_, _>>()?;
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key)?)?
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
