//! Settings of authentication by an identity provider.

use crate::auth::{Jwks, Oidc, OidcParts, RefreshMetrics, TokenRules, algorithm};
use clap::Args;
use http::{
    HeaderName,
    header::{AUTHORIZATION, COOKIE, FORWARDED, HOST},
};
use jsonwebtoken::Algorithm;
use prometheus_client::registry::Registry;
use runtime::{reload::ReloadSignal, settings::plain_url};

/// Maximum length of an issuer, so that there is room for subjects in the names of owners.
const ISSUER_MAX_BYTES: usize = 255;

/// Settings of authentication by an identity provider.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access")]
pub struct OidcSettings {
    /// Issuer of tokens, exactly as in their claim iss. Required by --auth oidc.
    #[arg(long, env = "NONO_OIDC_ISSUER", value_name = "URL", value_parser = issuer)]
    pub oidc_issuer: Option<String>,

    /// Audiences of this server: tokens are accepted if one of them is in their claim aud. Required by --auth oidc.
    #[arg(long, env = "NONO_OIDC_AUDIENCE", value_name = "AUDIENCE", value_delimiter = ',', value_parser = audience)]
    pub oidc_audience: Vec<String>,

    /// File or URL of the JSON Web Key Set with the public keys of the issuer. Required by --auth oidc. A file is read again
    /// when it changes, a URL every ten minutes and when a token has an unknown key.
    #[arg(long, env = "NONO_OIDC_JWKS", value_name = "FILE|URL", value_parser = Jwks::read)]
    pub(crate) oidc_jwks: Option<Jwks>,

    /// Algorithms with which tokens may be signed: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA.
    #[arg(
        long, env = "NONO_OIDC_ALGORITHMS", value_name = "ALGORITHM", value_delimiter = ',', value_parser = algorithm,
        default_value = "RS256,ES256"
    )]
    pub oidc_algorithms: Vec<Algorithm>,

    /// Page on which people sign in, which every response 401 names; with --auth oidc.
    #[arg(long, env = "NONO_LOGIN_URL", value_name = "URL", value_parser = login_url)]
    pub login_url: Option<String>,

    /// Header in which an authenticating proxy sends the user of a request without a token; with --auth oidc. It is believed
    /// only if the connection comes from one of --trusted-proxies.
    #[arg(long, env = "NONO_AUTH_PROXY_HEADER", value_name = "NAME", value_parser = proxy_header)]
    pub auth_proxy_header: Option<HeaderName>,
}

impl OidcSettings {
    /// Validates the settings together. The error is one sentence.
    pub(super) fn check(&self, is_used: bool, has_proxies: bool) -> Result<(), String> {
        let given = [
            ("--oidc-issuer", self.oidc_issuer.is_some()),
            ("--oidc-audience", !self.oidc_audience.is_empty()),
            ("--oidc-jwks", self.oidc_jwks.is_some()),
        ];
        let optional = [
            ("--login-url", self.login_url.is_some()),
            ("--auth-proxy-header", self.auth_proxy_header.is_some()),
        ];
        if is_used {
            if let Some((setting, _)) = given.iter().find(|(_, is_given)| !is_given) {
                return Err(format!("--auth oidc needs {setting}"));
            }
            if self.auth_proxy_header.is_some() && !has_proxies {
                return Err(
                    "--auth-proxy-header needs --trusted-proxies: any client could send the header otherwise"
                        .into(),
                );
            }
            return Ok(());
        }
        match given.iter().chain(&optional).find(|(_, is_given)| *is_given) {
            Some((setting, _)) => Err(format!("{setting} needs --auth oidc")),
            None => Ok(()),
        }
    }

    /// Starts to keep the keys current; `None` if the settings are not complete.
    pub(super) fn build(&self, reload: &ReloadSignal, registry: &mut Registry) -> Option<Oidc> {
        let metrics = RefreshMetrics::register(registry);
        let rules = TokenRules {
            issuer: self.oidc_issuer.clone()?,
            audiences: self.oidc_audience.clone(),
            algorithms: self.oidc_algorithms.clone(),
        };
        let parts = OidcParts {
            rules,
            jwks: self.oidc_jwks.clone()?,
            proxy_header: self.auth_proxy_header.clone(),
            login_url: self.login_url.clone(),
        };
        Some(Oidc::start(parts, reload, metrics))
    }
}

/// Accepts an issuer as OpenID Connect defines it: a URL without a query and a fragment. It is compared as a text.
fn issuer(text: &str) -> Result<String, String> {
    let is_issuer = plain_url(text, &["https", "http"]).is_some();
    if is_issuer && text.len() <= ISSUER_MAX_BYTES {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "it must be a URL of at most {ISSUER_MAX_BYTES} characters, without a query and without `#`"
        ))
    }
}

fn audience(text: &str) -> Result<String, String> {
    let is_plain = !text.is_empty() && text.trim() == text;
    is_plain
        .then(|| text.to_owned())
        .ok_or_else(|| "it must not be empty, and have no spaces at its ends".into())
}

fn login_url(text: &str) -> Result<String, String> {
    let (address, _) = text.split_once('?').unwrap_or((text, ""));
    let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_url = is_printable && plain_url(address, &["https", "http"]).is_some();
    is_url
        .then(|| text.to_owned())
        .ok_or_else(|| "it must be a URL of the form https://host[:port]/path[?query]".into())
}

fn proxy_header(text: &str) -> Result<HeaderName, String> {
    let name = text.parse().map_err(|_| "it must be the name of a header such as x-auth-request-user")?;
    if [AUTHORIZATION, COOKIE, FORWARDED, HOST].contains(&name) {
        return Err("it must be a header of its own, such as x-auth-request-user".into());
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        oidc: OidcSettings,
    }

    fn parse(arguments: &[&str]) -> Result<OidcSettings, String> {
        let arguments = [&["program"], arguments].concat();
        Program::try_parse_from(arguments).map(|program| program.oidc).map_err(|error| error.to_string())
    }

    #[test]
    fn algorithms_are_asymmetric() {
        assert_eq!(parse(&[]).unwrap().oidc_algorithms, [Algorithm::RS256, Algorithm::ES256]);
        let all = "RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,EdDSA";
        assert_eq!(parse(&["--oidc-algorithms", all]).unwrap().oidc_algorithms.len(), 9);
        for algorithm in ["HS256", "HS384", "HS512", "none", "None", "rs256", "ES256K", ""] {
            let error = parse(&["--oidc-algorithms", &format!("RS256,{algorithm}")]).unwrap_err();
            assert!(error.contains("symmetric algorithms and none are not accepted"), "{algorithm}: {error}");
        }
    }

    #[test]
    fn issuers_have_no_fragment() {
        for text in ["https://idp.example", "https://idp.example/realms/a/", "http://127.0.0.1:8080"] {
            assert_eq!(issuer(text).as_deref(), Ok(text));
        }
        let long = format!("https://idp.example/{}", "x".repeat(ISSUER_MAX_BYTES));
        for text in [
            "",
            "idp.example",
            "proxy:a",
            "https://a#b",
            "https://a/#",
            "https://a?b",
            "https://u:p@a",
            &long,
        ] {
            assert!(issuer(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_header_of_a_proxy_has_no_other_meaning() {
        assert_eq!(proxy_header("X-Auth-Request-User").unwrap(), "x-auth-request-user");
        for text in ["", "a b", "Authorization", "cookie", "host", "forwarded", "x:y"] {
            assert!(proxy_header(text).is_err(), "{text}");
        }
    }

    #[test]
    fn login_pages_are_urls() {
        for text in ["https://login.example/", "https://login.example/a?b=c&d=%20"] {
            assert_eq!(login_url(text).as_deref(), Ok(text));
        }
        for text in
            ["/login", "javascript:alert(1)", "https://u:p@login.example/", "https://login.example/a b"]
        {
            assert!(login_url(text).is_err(), "{text}");
        }
    }
}
