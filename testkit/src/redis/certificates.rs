//! TLS certificates, generated for a test.

use crate::authority::{Authority, CertificatePair};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Policy of a server for client certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Clients must have a certificate signed by the CA.
    Required,
    /// Clients need no certificate, but if they send one, the CA must have signed it.
    Optional,
    /// Certificates are not requested.
    Ignored,
}

/// A CA and certificates signed by it, in a temporary folder. Servers read the files at their start, so this must outlive
/// them.
pub struct Certificates {
    folder: TempDir,
    ca: PathBuf,
    server_cert: PathBuf,
    server_key: PathBuf,
    client_cert: PathBuf,
    client_key: PathBuf,
    other_ca: PathBuf,
}

impl Certificates {
    /// Generates a CA and certificates.
    pub fn make() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let path = |name| folder.path().join(name);
        let certificates = Self {
            ca: path("ca.pem"),
            server_cert: path("server.pem"),
            server_key: path("server.key"),
            client_cert: path("client.pem"),
            client_key: path("client.key"),
            other_ca: path("other-ca.pem"),
            folder,
        };
        let ca = Authority::new("Test CA");
        write(&certificates.ca, &ca.pem());
        write(&certificates.other_ca, &Authority::new("Other CA").pem());
        // Nodes of a cluster use their certificates as servers and as clients of each other.
        let server = ca.issue(&["localhost", "127.0.0.1"]);
        write_pair(&server, &certificates.server_cert, &certificates.server_key);
        write_pair(&ca.issue_client(&["client"]), &certificates.client_cert, &certificates.client_key);
        certificates
    }

    /// Returns the certificate of the CA that signed the others.
    pub fn ca(&self) -> &Path {
        &self.ca
    }

    /// Returns the certificate for `localhost` and `127.0.0.1`.
    pub fn server_cert(&self) -> &Path {
        &self.server_cert
    }

    /// Returns the key of [`Certificates::server_cert`].
    pub fn server_key(&self) -> &Path {
        &self.server_key
    }

    /// Returns the certificate of a client.
    pub fn client_cert(&self) -> &Path {
        &self.client_cert
    }

    /// Returns the key of [`Certificates::client_cert`].
    pub fn client_key(&self) -> &Path {
        &self.client_key
    }

    /// Returns the certificate of a CA that signed nothing.
    pub fn other_ca(&self) -> &Path {
        &self.other_ca
    }

    /// Returns the options of a server that uses these certificates.
    pub(super) fn options(&self, clients: ClientCertificates) -> Vec<String> {
        let path = |path: &Path| path.to_str().expect("the path is UTF-8").to_owned();
        let clients = match clients {
            ClientCertificates::Required => "yes",
            ClientCertificates::Optional => "optional",
            ClientCertificates::Ignored => "no",
        };
        let options = [
            ("--tls-cert-file", path(self.server_cert())),
            ("--tls-key-file", path(self.server_key())),
            ("--tls-ca-cert-file", path(self.ca())),
            ("--tls-auth-clients", clients.to_owned()),
        ];
        options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }

    /// Returns the folder of the files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn write_pair(pair: &CertificatePair, cert: &Path, key: &Path) {
    write(cert, &pair.cert);
    write(key, &pair.key);
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("the folder is writable");
}
