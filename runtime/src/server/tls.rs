//! TLS configuration of the ports, which is replaced when a file changes. Open connections keep theirs.

use super::protocol::Protocol;
use crate::{
    reload::{Current, ReloadSignal, SettingFile},
    tls::{Identity, PairNames, Side, TlsMetrics, TlsSettings, authorities, provider},
};
use rustls::{
    RootCertStore, ServerConfig,
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};
use std::sync::Arc;

const NAMES: PairNames = PairNames { cert: "--tls-cert", key: "--tls-key" };
const CLIENT_CA: &str = "--tls-client-ca";

/// TLS of all ports. Clones share the configuration.
#[derive(Clone, Debug)]
pub struct ServerTls {
    configs: Current<Configs>,
    /// Certificate, key and, if clients need certificates, their authorities.
    files: Vec<SettingFile>,
}

/// TLS of one port.
#[derive(Clone, Debug)]
pub struct PortTls {
    configs: Current<Configs>,
    protocol: Protocol,
    requires_certificate: bool,
}

impl PortTls {
    /// Returns the configuration for a new connection.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let configs = self.configs.get();
        let mutual = configs.mutual.as_ref().filter(|_| self.requires_certificate);
        mutual.unwrap_or(&configs.anonymous).of(self.protocol).clone()
    }

    /// Makes the port require a client certificate if there are authorities for them.
    pub(crate) fn require_certificate(&mut self) {
        self.requires_certificate = true;
    }
}

impl ServerTls {
    /// Creates the configuration from valid settings. Returns `None` without a certificate. The error is one sentence.
    pub(crate) fn new(settings: &TlsSettings) -> Result<Option<Self>, String> {
        let TlsSettings { tls_cert: Some(cert), tls_key: Some(key), tls_client_ca } = settings else {
            return Ok(None);
        };
        let files = [Some(cert), Some(key), tls_client_ca.as_ref()].into_iter().flatten();
        let (files, contents): (Vec<_>, Vec<_>) = files.map(|pem| (pem.file.clone(), pem.bytes())).unzip();
        Ok(Some(Self { configs: Current::new(Configs::parse(&contents)?), files }))
    }

    /// Returns the TLS of a port. The gRPC port requires client certificates if there are authorities for them.
    pub(crate) fn port(&self, protocol: Protocol) -> PortTls {
        PortTls { configs: self.configs.clone(), protocol, requires_certificate: protocol == Protocol::Grpc }
    }

    /// Applies changes of the files until the program ends. New connections use them.
    pub(crate) fn watch(&self, reload: &ReloadSignal, metrics: &TlsMetrics) {
        metrics.start(Side::Server, Some(self.configs.get().not_after));
        let (configs, expiry, outcomes) = (self.configs.clone(), metrics.clone(), metrics.clone());
        reload.watch_counted(
            self.files.clone(),
            move |contents| {
                let contents: Vec<_> = contents.iter().map(Vec::as_slice).collect();
                let changed = Configs::parse(&contents)?;
                expiry.set_not_after(Side::Server, Some(changed.not_after));
                configs.set(changed);
                Ok(())
            },
            move |is_used| outcomes.reloaded(Side::Server, is_used),
        );
    }
}

/// The configurations for one content of the files.
#[derive(Debug)]
struct Configs {
    anonymous: ProtocolConfigs,
    /// For ports that require client certificates; `None` without authorities for them.
    mutual: Option<ProtocolConfigs>,
    not_after: i64,
}

/// A configuration for each protocol: they differ in the protocols that are negotiated (ALPN).
#[derive(Debug)]
struct ProtocolConfigs {
    http: Arc<ServerConfig>,
    grpc: Arc<ServerConfig>,
    admin: Arc<ServerConfig>,
}

impl Configs {
    /// Parses the contents of the certificate, the key and, if there is a third one, of the authorities of clients.
    fn parse(contents: &[&[u8]]) -> Result<Self, String> {
        let [cert, key, client_ca @ ..] = contents else { return Err("a certificate needs its key".into()) };
        let identity = Identity::parse(NAMES, cert, key)?;
        let clients = client_ca.first().map(|pem| authorities(CLIENT_CA, pem)).transpose()?;
        Ok(Self {
            anonymous: ProtocolConfigs::new(&identity, None)?,
            mutual: clients.map(|clients| ProtocolConfigs::new(&identity, Some(clients))).transpose()?,
            not_after: identity.not_after,
        })
    }
}

impl ProtocolConfigs {
    fn new(identity: &Identity, clients: Option<Arc<RootCertStore>>) -> Result<Self, String> {
        let config = |protocol: Protocol| {
            let mut config = config(identity, clients.clone())?;
            config.alpn_protocols = alpn(protocol);
            Ok::<_, String>(Arc::new(config))
        };
        Ok(Self {
            http: config(Protocol::Http)?,
            grpc: config(Protocol::Grpc)?,
            admin: config(Protocol::Admin)?,
        })
    }

    fn of(&self, protocol: Protocol) -> &Arc<ServerConfig> {
        match protocol {
            Protocol::Http => &self.http,
            Protocol::Grpc => &self.grpc,
            Protocol::Admin => &self.admin,
        }
    }
}

fn config(identity: &Identity, clients: Option<Arc<RootCertStore>>) -> Result<ServerConfig, String> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of the default versions");
    let Some(clients) = clients else {
        return Ok(builder.with_no_client_auth().with_cert_resolver(identity.resolver()));
    };
    let verifier = WebPkiClientVerifier::builder_with_provider(clients, provider()).build();
    let verifier = verifier.map_err(|_| format!("{CLIENT_CA}: the certificates cannot be used"))?;
    let mut config = builder.with_client_cert_verifier(verifier).with_cert_resolver(identity.resolver());
    // A resumed session is not verified again: the client's certificate may have expired since.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn alpn(protocol: Protocol) -> Vec<Vec<u8>> {
    let names: &[&str] = match protocol {
        Protocol::Http => &["h2", "http/1.1"],
        Protocol::Grpc => &["h2"],
        Protocol::Admin => &["http/1.1"],
    };
    names.iter().map(|name| name.as_bytes().to_vec()).collect()
}
