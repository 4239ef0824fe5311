//! JWKS at a URL.

use reqwest::{Client, StatusCode, Url, redirect};
use runtime::tls::provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use std::{error::Error, time::Duration};

/// Timeout for a whole response.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum size of a JWKS.
const JWKS_MAX_BYTES: usize = 1024 * 1024;

/// Client of a JWKS at a URL. Clones share its connections.
#[derive(Clone, Debug)]
pub(crate) struct JwksUrl {
    client: Client,
    url: Url,
}

impl JwksUrl {
    /// Creates a client. The error is half a sentence that follows the name of the setting.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let rule = "it must be a path, or a URL of the form https://host[:port]/path[?query]";
        let url = Url::parse(text).ok().filter(is_plain).ok_or(rule)?;
        let builder = Client::builder()
            .user_agent(concat!("nono/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .timeout(FETCH_TIMEOUT)
            .pool_max_idle_per_host(0)
            .tls_backend_preconfigured(tls(&url)?);
        let builder = if is_loopback(&url) { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| format!("there can be no client for it: {error}"))?;
        Ok(Self { client, url })
    }

    /// Returns `true` if the network can replace the keys.
    pub(super) fn is_forgeable(&self) -> bool {
        self.url.scheme() == "http" && !is_loopback(&self.url)
    }

    /// Fetches the document. The error is a part of a sentence without the URL and the content.
    pub(super) async fn fetch(&self) -> Result<Vec<u8>, String> {
        let mut response = self.client.get(self.url.clone()).send().await.map_err(causes)?;
        match response.status() {
            StatusCode::OK => {}
            status if status.is_redirection() => return Err("a redirect, which is not followed".into()),
            status => return Err(format!("HTTP status {}", status.as_u16())),
        }
        let mut document = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(causes)? {
            if document.len() + bytes.len() > JWKS_MAX_BYTES {
                return Err("the response is larger than 1 MiB".into());
            }
            document.extend_from_slice(&bytes);
        }
        Ok(document)
    }
}

/// Returns `true` for an address without a user, a fragment and port 0, none of which has a use here.
fn is_plain(url: &Url) -> bool {
    let has_user = !url.username().is_empty() || url.password().is_some();
    let is_http = matches!(url.scheme(), "http" | "https");
    is_http && url.has_host() && !has_user && url.fragment().is_none() && url.port() != Some(0)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Certificates are checked against those of the system, which are looked for only if they are needed.
fn tls(url: &Url) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of the default versions");
    if url.scheme() == "http" {
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let verified = builder.with_platform_verifier();
    let builder = verified.map_err(|error| format!("the system's certificates cannot be used: {error}"))?;
    Ok(builder.with_no_client_auth())
}

/// Returns an error and its causes without the URL.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let causes = std::iter::successors(Some(&error as &dyn Error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_used_whole_or_refused() {
        for text in ["https://idp.example/keys", "http://127.0.0.1:1/keys?p=policy", "https://[::1]/keys"] {
            assert!(JwksUrl::new(text).is_ok(), "{text}");
        }
        for text in [
            "https://",
            "https://u:canary@idp.example/keys",
            "https://idp.example/#keys",
            "http://h:0/",
            "https://h:x",
        ] {
            let error = JwksUrl::new(text).unwrap_err();
            assert!(
                error.starts_with("it must be a path, or a URL") && !error.contains("canary"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn keys_without_tls_are_forgeable_except_on_this_machine() {
        for (text, is_forgeable) in [
            ("http://idp.example/keys", true),
            ("https://idp.example/keys", false),
            ("http://localhost/keys", false),
            ("http://127.0.0.1/keys", false),
            ("http://[::1]/keys", false),
        ] {
            assert_eq!(JwksUrl::new(text).unwrap().is_forgeable(), is_forgeable, "{text}");
        }
    }
}
