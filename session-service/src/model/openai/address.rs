//! Address and API key of a model.

use reqwest::{Url, header::HeaderValue};
use runtime::settings::plain_url;
use secrecy::{ExposeSecret, SecretString};
use std::{fmt, net::IpAddr, str::FromStr};

/// Base URL of an OpenAI-compatible endpoint, such as `http://localhost:11434/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelUrl(Url);

impl ModelUrl {
    pub(super) fn endpoint(&self) -> String {
        format!("{}/chat/completions", self.0.as_str().trim_end_matches('/'))
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Returns `true` if the model runs on this machine, so that no proxy is used.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    }
}

impl FromStr for ModelUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The error does not quote the text, which may contain a password.
        plain_url(text, &["http", "https"]).and_then(|_| text.parse().ok()).map(Self).ok_or_else(|| {
            "it must be an http:// or https:// URL without user, query and fragment, such as \
             http://localhost:11434/v1"
                .into()
        })
    }
}

impl fmt::Display for ModelUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// API key of a model.
#[derive(Clone, Debug)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// Returns the header with the key, marked as sensitive.
    pub(super) fn as_header(&self) -> HeaderValue {
        let header = format!("Bearer {}", self.0.expose_secret());
        let mut header = HeaderValue::from_str(&header).expect("the key is printable ASCII");
        header.set_sensitive(true);
        header
    }

    /// Replaces the key in a text.
    pub(super) fn redact(&self, text: &str) -> String {
        text.replace(self.0.expose_secret(), "[redacted]")
    }
}

impl FromStr for ApiKey {
    type Err = String;

    /// Ignores white space around the key, such as the line end of a file.
    fn from_str(text: &str) -> Result<Self, String> {
        let key = text.trim();
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_graphic()) {
            return Err("it must be one word of printable ASCII".into());
        }
        Ok(Self(key.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_below_the_base_url() {
        for base in ["http://localhost:11434/v1", "http://localhost:11434/v1/"] {
            let url: ModelUrl = base.parse().unwrap();
            assert_eq!(url.endpoint(), "http://localhost:11434/v1/chat/completions");
        }
        assert_eq!(
            "https://api.example".parse::<ModelUrl>().unwrap().endpoint(),
            "https://api.example/chat/completions"
        );
    }

    #[test]
    fn invalid_urls_are_rejected_without_being_quoted() {
        for text in [
            "",
            "localhost:11434",
            "ftp://x/v1",
            "http://",
            "http://u:pw@h/v1",
            "http://u@h/v1",
            "http://h/?k=pw",
            "http://h/#pw",
            "http://@h/v1",
            "http://h:0/v1",
            "http://h:/v1",
            "http:h/v1",
            " http://h/v1",
            "http://h/v1\n",
            "http:\\\\h/v1",
        ] {
            let error = text.parse::<ModelUrl>().unwrap_err();
            assert!(error.starts_with("it must be an http:// or https:// URL"), "{error}");
            assert!(!error.contains("pw"), "{error}");
        }
    }

    #[test]
    fn local_addresses_are_recognized() {
        for (text, expected) in [
            ("http://localhost:1/v1", true),
            ("http://127.0.0.2/v1", true),
            ("http://[::1]:1/v1", true),
            ("http://ollama:11434/v1", false),
        ] {
            assert_eq!(text.parse::<ModelUrl>().unwrap().is_loopback(), expected, "{text}");
        }
    }

    #[test]
    fn api_keys_are_one_word_and_hidden_by_debug() {
        let key: ApiKey = " sk-123\n".parse().unwrap();
        assert_eq!(key.as_header(), "Bearer sk-123");
        assert!(!format!("{key:?} {:?}", key.as_header()).contains("123"));
        assert_eq!(key.redact("wrong key sk-123: sk-123"), "wrong key [redacted]: [redacted]");
        for text in ["", " \n", "a b", "a\nb", "schlüssel"] {
            assert!(text.parse::<ApiKey>().is_err(), "{text:?}");
        }
    }
}
