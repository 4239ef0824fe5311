//! TLS on the ports of the programs, and between the gateway and the service. Certificates are generated for each test.

mod backend;
mod client;
mod deployment;
mod health;
mod mutual;
mod ports;
mod rotation;
mod settings;
mod streams;

use crate::app::Program;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use testkit::{Authority, CertificatePair};

pub use client::TlsClient;

/// Names in the certificates of servers.
const LOCAL: [&str; 2] = ["localhost", "127.0.0.1"];
const FREE_PORTS: [&str; 6] =
    ["--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

/// Files with certificates and keys in a folder of their own.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Replaces a file as a whole.
    fn write(&self, name: &str, content: &str) {
        let (next, path) = (self.0.path().join("next"), PathBuf::from(self.path(name)));
        fs::write(&next, content).unwrap();
        fs::rename(next, path).unwrap();
    }

    /// Replaces `NAME.pem` and `NAME.key`.
    fn write_pair(&self, name: &str, pair: &CertificatePair) {
        self.write(&format!("{name}.pem"), &pair.cert);
        self.write(&format!("{name}.key"), &pair.key);
    }

    /// Returns the flags for the pair `server` and for the authorities of clients, as far as the files exist.
    fn flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        if !Path::new(&self.path("server.pem")).exists() {
            return flags;
        }
        flags.extend(["--tls-cert".into(), self.path("server.pem")]);
        flags.extend(["--tls-key".into(), self.path("server.key")]);
        if Path::new(&self.path("clients.pem")).exists() {
            flags.extend(["--tls-client-ca".into(), self.path("clients.pem")]);
        }
        flags
    }
}

/// The addresses of a running program, by the name of the port.
pub struct Server {
    program: Program,
    addresses: Value,
    /// They must outlive the program.
    files: Files,
}

impl Server {
    /// Starts `nono` with a certificate of an authority and further flags.
    pub async fn nono(authority: &Authority, arguments: &[&str]) -> Self {
        let files = Files::new();
        files.write_pair("server", &authority.issue(&LOCAL));
        Self::start("nono", files, arguments).await
    }

    /// Starts a program that requires client certificates of an authority.
    pub async fn requiring_certificates(
        program: &str,
        authority: &Authority,
        clients: &Authority,
        arguments: &[&str],
    ) -> Self {
        let files = Files::new();
        files.write_pair("server", &authority.issue(&LOCAL));
        files.write("clients.pem", &clients.pem());
        Self::start(program, files, arguments).await
    }

    /// Starts a program with the certificates of the files, on free ports.
    async fn start(name: &str, files: Files, arguments: &[&str]) -> Self {
        let ports = match name {
            "session-service" => &FREE_PORTS[2..],
            "gateway" => &[FREE_PORTS[0], FREE_PORTS[1], FREE_PORTS[4], FREE_PORTS[5]],
            _ => &FREE_PORTS[..],
        };
        let flags = files.flags();
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let environment = [("RUST_LOG", "info,nono=debug,runtime=debug"), ("NONO_LOG_FORMAT", "json")];
        let mut program = Program::start(name, &[ports, &flags, arguments].concat(), &environment);
        let line = program.wait_for_log("\"message\":\"listening\"").await;
        let addresses = serde_json::from_str(&line).unwrap();
        Self { program, addresses, files }
    }

    fn address(&self, port: &str) -> &str {
        let address = self.addresses[port].as_str().unwrap();
        address.trim_start_matches("https://")
    }

    pub fn url(&self, port: &str, path: &str) -> String {
        format!("https://{}{path}", self.address(port))
    }

    /// Reads a metric, given with its labels.
    async fn metric(&self, client: &TlsClient, name: &str) -> i64 {
        let request = client.http(&["http/1.1"]).get(self.url("admin", "/metrics"));
        let text = request.send().await.unwrap().text().await.unwrap();
        value(&text, name)
    }
}

/// Returns the value of a metric, given with its labels.
fn value(metrics: &str, name: &str) -> i64 {
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name}: {metrics}")).parse().unwrap()
}
