//! Settings of authentication, origins, proxies and rate limits.

use super::oidc::OidcSettings;
use crate::auth::{Access, AccessMetrics, ClientLimits, CookieKeys, Cookies, Kind, TrustedProxies};
use clap::{Args, ValueEnum};
use http::{HeaderValue, Uri};
use ipnet::IpNet;
use prometheus_client::registry::Registry;
use runtime::{
    ParsedFile,
    rate_limit::Rate,
    reload::{Current, ReloadSignal},
    settings::plain_url,
};
use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
};

/// Settings of authentication, origins, proxies and rate limits of the HTTP port.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access")]
#[group(id = "http_access")]
pub struct AccessSettings {
    /// Authentication over HTTP: none (all clients share all sessions), cookie (each browser has sessions of its own) or
    /// oidc (each person of an identity provider has sessions of their own).
    #[arg(long, env = "NONO_GATEWAY_AUTH", value_name = "KIND", value_enum, default_value = "none")]
    pub auth: AuthKind,

    /// File with the keys that sign cookies, one per line, each of at least 32 characters. The first signs, and all are
    /// accepted [default: a random key, so that cookies end with the process].
    #[arg(long, env = "NONO_COOKIE_KEYS_FILE", value_name = "FILE", value_parser = |path: &str| {
        ParsedFile::read("--cookie-keys-file", path, CookieKeys::parse)
    })]
    pub(crate) cookie_keys_file: Option<ParsedFile<CookieKeys>>,

    /// Networks of the proxies in front of this server, such as 10.0.0.0/8. Their headers Forwarded, X-Forwarded-For and
    /// X-Forwarded-Proto are believed.
    #[arg(long, env = "NONO_TRUSTED_PROXIES", value_name = "NETWORK", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,

    /// Origins of other web pages that may use the API, such as https://localhost:3000 [default: none].
    #[arg(long, env = "NONO_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',', value_parser = origin)]
    pub cors_origin: Vec<HeaderValue>,

    /// Rate limit of requests for each owner, such as 20/s or 600/m [default: no limit].
    #[arg(long, env = "NONO_GATEWAY_RATE_LIMIT", value_name = "RATE")]
    pub rate_limit: Option<Rate>,

    /// Number of requests that may exceed the rate limit at once [default: the requests of two seconds, and at least 10].
    #[arg(long, env = "NONO_GATEWAY_RATE_LIMIT_BURST", value_name = "NUMBER", requires = "rate_limit")]
    pub rate_limit_burst: Option<NonZeroU32>,

    /// Rate limit of requests for each client address [default: four times --rate-limit].
    #[arg(long, env = "NONO_GATEWAY_RATE_LIMIT_PER_ADDRESS", value_name = "RATE", requires = "rate_limit")]
    pub rate_limit_per_address: Option<Rate>,

    /// Settings of `--auth oidc`.
    #[command(flatten)]
    pub oidc: OidcSettings,
}

/// Kind of authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuthKind {
    /// No authentication.
    None,
    /// A cookie for each browser.
    Cookie,
    /// Tokens of an identity provider, or the header of an authenticating proxy.
    Oidc,
}

impl AccessSettings {
    /// Validates the settings for a server that listens on `address`. The error is one sentence.
    pub(super) fn check(&self, address: SocketAddr, is_insecure: bool) -> Result<(), String> {
        if self.cookie_keys_file.is_some() && self.auth != AuthKind::Cookie {
            return Err("--cookie-keys-file needs --auth cookie".into());
        }
        self.oidc.check(self.auth == AuthKind::Oidc, !self.trusted_proxies.is_empty())?;
        if self.auth != AuthKind::None || is_insecure || address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        Err(format!(
            "--http-listen {address} can be reached from other machines, and without authentication all of them could access \
             all sessions: give each browser its own (--auth cookie), let people sign in (--auth oidc), or accept that \
             (--insecure-no-auth)"
        ))
    }

    /// Creates the access rules of the port, and watches the files of keys.
    pub(crate) fn build(&self, reload: &ReloadSignal, registry: &mut Registry) -> Access {
        let oidc = self.oidc.build(reload, registry);
        Access {
            kind: match self.auth {
                AuthKind::None => Kind::None,
                AuthKind::Cookie => Kind::Cookie(Cookies(self.cookie_keys(reload))),
                AuthKind::Oidc => Kind::Oidc(oidc.expect("incomplete settings have been refused")),
            },
            proxies: TrustedProxies::new(&self.trusted_proxies),
            limits: self
                .rate_limit
                .map(|rate| ClientLimits::new(rate, self.rate_limit_burst, self.rate_limit_per_address)),
            metrics: AccessMetrics::register(registry),
        }
    }

    fn cookie_keys(&self, reload: &ReloadSignal) -> Current<CookieKeys> {
        if let Some(file) = self.cookie_keys_file.clone() {
            return file.watch(reload);
        }
        let advice = "give all gateways the same keys by --cookie-keys-file";
        tracing::warn!(
            advice,
            "cookies are valid until this process ends: browsers lose their sessions then"
        );
        Current::new(CookieKeys::random())
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| "it must be an address or a network such as 10.0.0.0/8".into())
}

/// Parses an origin as browsers send it (RFC 6454): without a path, and not `*`.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let rule = || "it must be an origin such as https://app.example.org, without a path".to_owned();
    let uri: Uri = plain_url(text, &["http", "https"]).ok_or_else(rule)?;
    let is_origin = !text.ends_with('/') && uri.path() == "/" && !text.contains(char::is_uppercase);
    HeaderValue::from_str(text).ok().filter(|_| is_origin).ok_or_else(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_addresses_or_prefixes() {
        for text in ["10.0.0.0/8", "192.0.2.1", "fd00::/8", "::1"] {
            assert!(network(text).is_ok(), "{text}");
        }
        for text in ["", "10.0.0.0/33", "proxy.example.org", "*"] {
            assert!(network(text).is_err(), "{text}");
        }
    }

    #[test]
    fn origins_have_no_path_and_no_wildcard() {
        for text in ["https://app.example.org", "http://localhost:3000", "https://[::1]:8443"] {
            assert!(origin(text).is_ok(), "{text}");
        }
        for text in
            ["*", "null", "app.example.org", "https://a.example/", "https://A.example", "https://a.example/x"]
        {
            assert!(origin(text).is_err(), "{text}");
        }
    }
}
