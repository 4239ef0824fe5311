//! Certificates and credentials. `Debug` shows none of them.

use bb8_redis::redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, RedisConnectionInfo, TlsCertificates,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// TLS certificates as PEM. By default the system's authorities and no client certificate are used.
#[derive(Clone, Default)]
pub struct RedisTls {
    /// Certificate authorities of the server.
    pub ca: Option<Vec<u8>>,
    /// Client certificate and its key.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for RedisTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisTls {{ ca: {}, client: {} }}", self.ca.is_some(), self.client.is_some())
    }
}

impl RedisTls {
    fn is_set(&self) -> bool {
        self.ca.is_some() || self.client.is_some()
    }

    /// Returns the certificates for the driver, if any are set.
    pub(in crate::store::redis) fn certificates(&self) -> Option<TlsCertificates> {
        let client_tls = self.client.clone();
        self.is_set().then(|| TlsCertificates {
            client_tls: client_tls
                .map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key }),
            root_cert: self.ca.clone(),
        })
    }

    /// Returns the connection with these certificates. Fails unless it uses TLS.
    pub(super) fn apply(&self, info: ConnectionInfo) -> Result<ConnectionInfo, String> {
        let Some(certificates) = self.certificates() else { return Ok(info) };
        if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            return Err("certificates are given and --store is not of a rediss form".into());
        }
        // The driver accepts a file without certificates and then rejects every server.
        let authorities = self.ca.iter().flat_map(|pem| CertificateDer::pem_slice_iter(pem));
        if self.ca.is_some() && !authorities.fold(false, |_, authority| authority.is_ok()) {
            return Err("the certificate authorities of the store are not PEM certificates".into());
        }
        let client = Client::build_with_tls(info, certificates);
        let client = client.map_err(|_| "the certificates for the store are not usable PEM")?;
        Ok(client.get_connection_info().clone())
    }
}

/// Credentials for the Sentinels, which are separate from those of Redis.
#[derive(Clone, Debug, Default)]
pub struct SentinelCredentials {
    /// User name; `None` for the default user.
    pub user: Option<String>,
    /// Password; `None` if the Sentinels require none.
    pub password: Option<SecretString>,
}

impl SentinelCredentials {
    /// Returns the connection with these credentials.
    pub(super) fn apply(&self, info: ConnectionInfo) -> ConnectionInfo {
        let mut settings = RedisConnectionInfo::default();
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password.expose_secret());
        }
        info.set_redis_settings(settings)
    }
}
