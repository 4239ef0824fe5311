//! Addresses of the session service, with the names that their certificates must have.

use super::tls::BackendTls;
use http::Uri;
use rustls::pki_types::ServerName;
use std::sync::Arc;

/// Port of an address without one.
const DEFAULT_PORT: u16 = 80;
const DEFAULT_TLS_PORT: u16 = 443;

/// An address to connect to.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Host or IP address, and port.
    pub(super) address: Arc<str>,
    /// TLS of the connection; `None` for a plain one.
    pub(super) tls: Option<TlsTarget>,
}

/// TLS of a connection.
#[derive(Clone, Debug)]
pub(super) struct TlsTarget {
    pub(super) tls: BackendTls,
    /// Name that the certificate must have.
    pub(super) name: ServerName<'static>,
    /// Host and port of the setting. Proxies compare it with the name.
    pub(super) authority: Arc<str>,
}

/// An address of the settings. Its host may have several addresses.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) host: String,
    pub(super) port: u16,
    tls: Option<TlsTarget>,
}

impl Host {
    /// Creates the host of a URL. One with `https` needs TLS.
    pub(super) fn new(url: &Uri, tls: Option<&BackendTls>) -> Self {
        let host = url.host().unwrap_or_default().to_owned();
        if !is_https(url) {
            return Self { host, port: url.port_u16().unwrap_or(DEFAULT_PORT), tls: None };
        }
        let port = url.port_u16().unwrap_or(DEFAULT_TLS_PORT);
        let tls = TlsTarget {
            tls: tls.expect("the settings have TLS for an https address").clone(),
            name: server_name(&host).expect("the settings checked the host"),
            authority: format!("{host}:{port}").into(),
        };
        Self { host, port, tls: Some(tls) }
    }

    /// Returns the target at the host itself, or at one of its addresses.
    pub(super) fn target(&self, address: String) -> Target {
        Target { address: address.into(), tls: self.tls.clone() }
    }
}

/// Returns `true` for a URL of a service with TLS.
pub(crate) fn is_https(url: &Uri) -> bool {
    url.scheme_str() == Some("https")
}

/// Returns the name that a certificate for the host must have; `None` if no certificate can have it.
pub(crate) fn server_name(host: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).ok()
}
