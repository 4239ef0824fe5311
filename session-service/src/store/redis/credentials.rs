//! What a server, or Sentinels, want to see before they talk. None of it is ever shown.

use bb8_redis::redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, RedisConnectionInfo, TlsCertificates,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::fmt;

/// Certificates for TLS, as PEM; what is absent is the system's, or none.
#[derive(Clone, Default)]
pub struct RedisTls {
    /// Who may have signed the server's certificate.
    pub ca: Option<Vec<u8>>,
    /// Our certificate and its key, for servers that ask for one.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for RedisTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisTls {{ ca: {}, client: {} }}", self.ca.is_some(), self.client.is_some())
    }
}

impl RedisTls {
    fn is_given(&self) -> bool {
        self.ca.is_some() || self.client.is_some()
    }

    /// As the driver takes them.
    pub(super) fn certificates(&self) -> Option<TlsCertificates> {
        let client_tls = self.client.clone();
        self.is_given().then(|| TlsCertificates {
            client_tls: client_tls
                .map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key }),
            root_cert: self.ca.clone(),
        })
    }

    pub(super) fn apply(&self, info: ConnectionInfo) -> Result<ConnectionInfo, String> {
        let Some(certificates) = self.certificates() else { return Ok(info) };
        if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            return Err("certificates are given and --store is not of a rediss form".into());
        }
        // The driver takes a file without certificates, and then trusts nobody.
        let authorities = self.ca.iter().flat_map(|pem| CertificateDer::pem_slice_iter(pem));
        if self.ca.is_some() && !authorities.fold(false, |_, authority| authority.is_ok()) {
            return Err("the authorities for the store are no certificates in PEM".into());
        }
        let client = Client::build_with_tls(info, certificates);
        let client = client.map_err(|_| "the certificates for the store are not usable PEM")?;
        Ok(client.get_connection_info().clone())
    }
}

/// What Sentinels want to hear, which is not what Redis wants to hear.
#[derive(Clone, Default)]
pub struct SentinelLogin {
    /// Absent for the default user.
    pub user: Option<String>,
    /// Absent when they ask for none.
    pub password: Option<String>,
}

impl fmt::Debug for SentinelLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SentinelLogin {{ user: {:?}, password: {} }}", self.user, self.password.is_some())
    }
}

impl SentinelLogin {
    pub(super) fn apply(&self, info: ConnectionInfo) -> ConnectionInfo {
        let mut settings = RedisConnectionInfo::default();
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        info.set_redis_settings(settings)
    }
}
