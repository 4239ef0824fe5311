//! Settings of TLS on the ports of a program.

use super::PemFile;
use clap::Args;

/// Settings of TLS on the ports of a program.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub struct TlsSettings {
    /// PEM file with the certificate of this server and its chain. With it, every port serves TLS only. Read again when it
    /// changes.
    #[arg(
        long, env = "NONO_TLS_CERT", value_name = "FILE", requires = "tls_key",
        value_parser = |path: &str| PemFile::read("--tls-cert", path)
    )]
    pub tls_cert: Option<PemFile>,

    /// PEM file with the key of the certificate. Read again when it changes.
    #[arg(
        long, env = "NONO_TLS_KEY", value_name = "FILE", requires = "tls_cert",
        value_parser = |path: &str| PemFile::read("--tls-key", path)
    )]
    pub tls_key: Option<PemFile>,

    /// PEM file with the certificate authorities of clients. With it, the gRPC port requires a client certificate that one
    /// of them issued; in the program gateway the HTTP port does. Read again when it changes.
    #[arg(
        long, env = "NONO_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert",
        value_parser = |path: &str| PemFile::read("--tls-client-ca", path)
    )]
    pub tls_client_ca: Option<PemFile>,
}
