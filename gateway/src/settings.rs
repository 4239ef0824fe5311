//! The settings of the gateway.

use clap::Args;
use http::{Uri, uri::Scheme};
use std::path::PathBuf;

/// The settings of the gateway, beside its addresses and its backend.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Page")]
pub struct GatewaySettings {
    /// The bot's name.
    #[arg(long, env = "NONO_TITLE", value_name = "TEXT", default_value = "Nono Chat Bot")]
    pub title: String,

    /// A folder to serve the page from, instead of the files in the program.
    #[arg(long, env = "NONO_PUBLIC_DIR", value_name = "FOLDER", value_parser = folder)]
    pub public_dir: Option<PathBuf>,
}

fn folder(path: &str) -> Result<PathBuf, String> {
    let folder = PathBuf::from(path);
    if folder.join("index.html").is_file() { Ok(folder) } else { Err("there is no index.html in it".into()) }
}

/// Parses the address of a session service.
pub fn backend(text: &str) -> Result<Uri, String> {
    let address: Uri = text.parse().map_err(|_| "it must be of the form http://host:port".to_owned())?;
    let is_plain = address.scheme() == Some(&Scheme::HTTP) && matches!(address.path(), "" | "/");
    if is_plain && address.host().is_some_and(|host| !host.is_empty()) && address.query().is_none() {
        Ok(address)
    } else {
        Err("it must be of the form http://host:port".into())
    }
}
