//! Settings of the connections to the session service.

use super::access::AuthKind;
use crate::backend::{BackendFiles, BackendTls, is_https, parse_key, server_name};
use clap::Args;
use http::{HeaderValue, Uri};
use runtime::{ParsedFile, settings::plain_url, tls::PemFile};

/// Settings of the connections to the session service.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Session service")]
pub struct BackendSettings {
    /// Address of the session service: http://host:port, or https://host:port for TLS. Calls are balanced over several
    /// addresses, or over all addresses of a name.
    #[arg(
        long, env = "NONO_BACKEND", value_name = "URL", value_delimiter = ',', value_parser = backend,
        default_value = "http://127.0.0.1:50051"
    )]
    pub backend: Vec<Uri>,

    /// PEM file with the certificate authorities of the session service [default: the system's]. Read again when it changes.
    #[arg(
        long, env = "NONO_BACKEND_CA", value_name = "FILE",
        value_parser = |path: &str| PemFile::read("--backend-ca", path)
    )]
    pub backend_ca: Option<PemFile>,

    /// PEM file with the client certificate for a session service that requires one. Read again when it changes.
    #[arg(
        long, env = "NONO_BACKEND_CLIENT_CERT", value_name = "FILE", requires = "backend_client_key",
        value_parser = |path: &str| PemFile::read("--backend-client-cert", path)
    )]
    pub backend_client_cert: Option<PemFile>,

    /// PEM file with the key of the client certificate. Read again when it changes.
    #[arg(
        long, env = "NONO_BACKEND_CLIENT_KEY", value_name = "FILE", requires = "backend_client_cert",
        value_parser = |path: &str| PemFile::read("--backend-client-key", path)
    )]
    pub backend_client_key: Option<PemFile>,

    /// File that contains the key by which the session service recognizes this gateway, and nothing else. Read again when it
    /// changes.
    #[arg(long, env = "NONO_BACKEND_KEY_FILE", value_name = "FILE", value_parser = |path: &str| {
        ParsedFile::read("--backend-key-file", path, parse_key)
    })]
    pub backend_key_file: Option<ParsedFile<HeaderValue>>,
}

/// Valid settings of the connections to the session service.
#[derive(Clone, Debug)]
pub struct ResolvedBackend {
    /// Addresses of the session service.
    pub addresses: Vec<Uri>,
    /// TLS of the addresses with `https`; `None` if there are none.
    pub tls: Option<BackendTls>,
    /// Key of the gateway.
    pub key: Option<ParsedFile<HeaderValue>>,
    /// `true` if the gateway has a client certificate.
    pub has_certificate: bool,
}

impl BackendSettings {
    /// Validates the settings together. The error is one sentence.
    pub fn resolve(self, auth: AuthKind) -> Result<ResolvedBackend, String> {
        if auth != AuthKind::None && self.backend_key_file.is_none() && self.backend_client_cert.is_none() {
            return Err(
                "--auth needs --backend-key-file or --backend-client-cert: the service accepts owners only from callers that \
                 it knows"
                    .into(),
            );
        }
        let client = self.backend_client_cert.zip(self.backend_client_key);
        let has_certificate = client.is_some();
        let files = BackendFiles { ca: self.backend_ca, client };
        let is_secure = self.backend.iter().any(is_https);
        if !is_secure && (files.ca.is_some() || files.client.is_some()) {
            return Err(
                "--backend-ca and --backend-client-cert are for TLS, and --backend has no https address"
                    .into(),
            );
        }
        let tls = is_secure.then(|| BackendTls::new(files)).transpose()?;
        Ok(ResolvedBackend { addresses: self.backend, tls, key: self.backend_key_file, has_certificate })
    }
}

/// Parses the address of a session service. Rejects an address with a part that would be ignored.
fn backend(text: &str) -> Result<Uri, String> {
    let address = plain_url(text, &["http", "https"]).filter(|address| matches!(address.path(), "" | "/"));
    let address = address.ok_or("it must be of the form http://host:port or https://host:port")?;
    if is_https(&address) && address.host().and_then(server_name).is_none() {
        return Err(
            "the host of https://host:port must be a name or an address that a certificate can have".into()
        );
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_is_used_whole_or_refused() {
        for text in ["http://h:50051", "http://h", "http://[::1]:1/", "https://h", "https://127.0.0.1:1"] {
            assert!(backend(text).is_ok(), "{text}");
        }
        for text in [
            "h:1",
            "ftp://h:1",
            "http://h:1/path",
            "http://h:1?",
            "http://h:1/?a",
            "http://h:1#f",
            "http://h:0",
            "http://h:",
            "http://h:99999",
            "http://u:secret@h:1",
            "http://@h:1",
            " http://h:1",
        ] {
            assert!(backend(text).is_err_and(|error| error.contains("https://host:port")), "{text:?}");
        }
    }
}
