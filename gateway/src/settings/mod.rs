//! Settings of the gateway.

mod access;
mod backend;
mod oidc;

use crate::{origin::HostSettings, page};
use clap::Args;
use std::{net::SocketAddr, path::PathBuf};

pub use access::{AccessSettings, AuthKind};
pub use backend::{BackendSettings, ResolvedBackend};
pub use oidc::OidcSettings;

/// Settings of the gateway besides its addresses and its backend.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Page")]
pub struct GatewaySettings {
    /// Name of the bot on the page.
    #[arg(long, env = "NONO_TITLE", value_name = "TEXT", default_value = "Nono Chat Bot")]
    pub title: String,

    /// Folder to serve the page from, instead of the files in the program.
    #[arg(long, env = "NONO_PUBLIC_DIR", value_name = "FOLDER", value_parser = folder)]
    pub public_dir: Option<PathBuf>,

    /// Host names under which browsers reach this server, besides IP addresses and localhost. Requests for other names are
    /// rejected if the server listens on a loopback address or if any name is given here.
    #[arg(long, env = "NONO_ALLOWED_HOSTS", value_name = "HOST", value_delimiter = ',', value_parser = host)]
    pub allowed_hosts: Vec<String>,

    /// Settings of authentication, origins, proxies and rate limits.
    #[command(flatten)]
    pub access: AccessSettings,
}

impl GatewaySettings {
    /// Validates the settings for a server that listens on `address`. The error is one sentence.
    pub fn check(&self, address: SocketAddr, is_insecure: bool) -> Result<(), String> {
        self.access.check(address, is_insecure)
    }

    /// Returns the host settings of a server that listens on `address`.
    pub fn hosts(&self, address: SocketAddr) -> HostSettings {
        HostSettings {
            allowed: self.allowed_hosts.clone(),
            origins: self.access.cors_origin.clone(),
            is_loopback: address.ip().to_canonical().is_loopback(),
        }
    }
}

fn host(text: &str) -> Result<String, String> {
    let is_name = |text: &str| text.split('.').all(|label| !label.is_empty() && label.len() <= 63);
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    if is_plain && is_name(text) {
        Ok(text.to_owned())
    } else {
        Err("it must be a host name without scheme and port".into())
    }
}

fn folder(path: &str) -> Result<PathBuf, String> {
    let folder = PathBuf::from(path);
    if page::folder::has(&folder, "index.html") {
        Ok(folder)
    } else {
        Err("there is no index.html in it that can be served".into())
    }
}
