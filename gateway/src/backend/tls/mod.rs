//! TLS to the session service. The files are read again when they change; new connections use the new ones.

mod failure;

pub(super) use failure::TlsFailure;

use runtime::{
    reload::{Current, ReloadSignal, SettingFile},
    tls::{Identity, PairNames, PemFile, Side, TlsMetrics, authorities, provider},
};
use rustls::{ClientConfig, pki_types::ServerName};
use rustls_platform_verifier::BuilderVerifierExt;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

const CA: &str = "--backend-ca";
const CLIENT: PairNames = PairNames { cert: "--backend-client-cert", key: "--backend-client-key" };
/// The only protocol of gRPC.
const ALPN: &[u8] = b"h2";

/// TLS to the session service. Clones share the configuration.
#[derive(Clone, Debug)]
pub struct BackendTls {
    config: Current<Config>,
    files: Arc<BackendFiles>,
}

/// Files with the certificates for the session service.
#[derive(Clone, Debug, Default)]
pub struct BackendFiles {
    /// Authorities of the session service; `None` for those of the system.
    pub ca: Option<PemFile>,
    /// Client certificate and its key.
    pub client: Option<(PemFile, PemFile)>,
}

#[derive(Debug)]
struct Config {
    client: Arc<ClientConfig>,
    not_after: Option<i64>,
}

impl BackendFiles {
    /// Returns the files, in the order of [`Config::parse`].
    fn all(&self) -> Vec<&PemFile> {
        let client = self.client.iter().flat_map(|(cert, key)| [cert, key]);
        self.ca.iter().chain(client).collect()
    }
}

impl BackendTls {
    /// Creates the configuration. The error is one sentence.
    pub fn new(files: BackendFiles) -> Result<Self, String> {
        let contents: Vec<_> = files.all().into_iter().map(PemFile::bytes).collect();
        let config = Config::parse(files.ca.is_some(), &contents)?;
        Ok(Self { config: Current::new(config), files: Arc::new(files) })
    }

    /// Applies changes of the files until the program ends.
    pub fn watch(&self, reload: &ReloadSignal, metrics: &TlsMetrics) {
        metrics.start(Side::Backend, self.config.get().not_after);
        let (config, expiry, outcomes) = (self.config.clone(), metrics.clone(), metrics.clone());
        let has_ca = self.files.ca.is_some();
        let files: Vec<SettingFile> = self.files.all().into_iter().map(|pem| pem.file.clone()).collect();
        reload.watch_counted(
            files,
            move |contents| {
                let contents: Vec<_> = contents.iter().map(Vec::as_slice).collect();
                let changed = Config::parse(has_ca, &contents)?;
                expiry.set_not_after(Side::Backend, changed.not_after);
                config.set(changed);
                Ok(())
            },
            move |is_used| outcomes.reloaded(Side::Backend, is_used),
        );
    }

    /// Runs the handshake as a client of the server `name`.
    pub(super) async fn connect(
        &self,
        name: ServerName<'static>,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, TlsFailure> {
        let connector = TlsConnector::from(self.config.get().client.clone());
        let stream =
            connector.connect(name, stream).await.map_err(|error| TlsFailure::of_handshake(&error))?;
        let is_grpc = stream.get_ref().1.alpn_protocol() == Some(ALPN);
        if is_grpc { Ok(stream) } else { Err(TlsFailure::no_http2()) }
    }
}

impl Config {
    /// Parses the contents of the authorities, if there are any, and of a client certificate and its key, if there are any.
    fn parse(has_ca: bool, contents: &[&[u8]]) -> Result<Self, String> {
        let (ca, pair) = contents.split_at(usize::from(has_ca));
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("ring has the ciphers of the default versions");
        let builder = match ca.first() {
            Some(pem) => builder.with_root_certificates(authorities(CA, pem)?),
            None => builder
                .with_platform_verifier()
                .map_err(|error| format!("the system's certificates cannot be used: {error}; set {CA}"))?,
        };
        let (mut client, not_after) = match pair {
            [cert, key] => {
                let identity = Identity::parse(CLIENT, cert, key)?;
                (builder.with_client_cert_resolver(identity.resolver()), Some(identity.not_after))
            }
            _ => (builder.with_no_client_auth(), None),
        };
        client.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self { client: Arc::new(client), not_after })
    }
}
