//! Settings of the gateway.

mod access;

use crate::{origin::HostSettings, page};
use clap::Args;
use http::Uri;
use runtime::settings::plain_url;
use std::{net::SocketAddr, path::PathBuf};

pub use access::{AccessSettings, AuthKind};

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

/// Parses the address of a session service. Rejects an address with a part that would be ignored.
pub fn backend(text: &str) -> Result<Uri, String> {
    let address = plain_url(text, &["http"]).filter(|address| matches!(address.path(), "" | "/"));
    address.ok_or_else(|| "it must be of the form http://host:port".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_is_used_whole_or_refused() {
        for text in ["http://h:50051", "http://h", "http://[::1]:1/"] {
            assert!(backend(text).is_ok(), "{text}");
        }
        for text in [
            "h:1",
            "https://h:1",
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
            assert_eq!(backend(text), Err("it must be of the form http://host:port".into()), "{text:?}");
        }
    }
}
