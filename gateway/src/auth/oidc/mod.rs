//! Authentication by an identity provider: tokens (OpenID Connect), or the header of a proxy that authenticates people.

mod identity;
mod jwks;
mod jwks_url;
mod keys;
mod metrics;
mod refresh;
mod signature;
mod snapshot;
mod token;

pub(crate) use jwks::Jwks;
pub(crate) use metrics::RefreshMetrics;
pub(crate) use token::TokenRules;

use super::proxies::Client;
use crate::caller::Owner;
use axum::http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use identity::proxy_owner;
use jsonwebtoken::Algorithm;
use jwks::{KeySource, NoOwner};
use runtime::reload::ReloadSignal;
use std::sync::Arc;
use token::TokenError;

/// Authentication by an identity provider. Clones share the keys.
#[derive(Clone, Debug)]
pub(crate) struct Oidc {
    rules: Arc<TokenRules>,
    keys: KeySource,
    proxy_header: Option<HeaderName>,
    login_url: Option<Arc<str>>,
}

/// Settings of [`Oidc`].
#[derive(Debug)]
pub(crate) struct OidcParts {
    pub(crate) rules: TokenRules,
    pub(crate) jwks: Jwks,
    /// Header in which a trusted proxy sends the user.
    pub(crate) proxy_header: Option<HeaderName>,
    /// Page on which people sign in.
    pub(crate) login_url: Option<String>,
}

/// Reason why a request has no owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unidentified {
    NoCredential,
    /// The credential is not valid, with a sentence that contains nothing of it.
    Invalid(&'static str),
    Expired,
    /// There are no keys yet, so no token can be checked.
    NoKeys,
}

/// Parses the name of an algorithm (RFC 7518, section 3.1). Only asymmetric ones are accepted: a public key is no secret.
pub(crate) fn algorithm(text: &str) -> Result<Algorithm, String> {
    let supported = signature::supported();
    let algorithm = text.parse().ok().filter(|algorithm| supported.contains(algorithm));
    algorithm.ok_or_else(|| {
        let names = supported.map(|algorithm| format!("{algorithm:?}")).join(", ");
        format!("it must be one of {names}: symmetric algorithms and none are not accepted")
    })
}

impl Oidc {
    /// Starts to keep the keys current.
    pub(crate) fn start(parts: OidcParts, reload: &ReloadSignal, metrics: RefreshMetrics) -> Self {
        signature::install();
        Self {
            rules: Arc::new(parts.rules),
            keys: parts.jwks.watch(reload, metrics),
            proxy_header: parts.proxy_header,
            login_url: parts.login_url.map(Into::into),
        }
    }

    /// Returns the page on which people sign in.
    pub(crate) fn login_url(&self) -> Option<&str> {
        self.login_url.as_deref()
    }

    /// Returns the owner of a request. If it has a token, the token decides alone.
    pub(crate) async fn owner(&self, headers: &HeaderMap, client: Client) -> Result<Owner, Unidentified> {
        match bearer(headers)? {
            Some(token) => self.keys.authenticate(token, &self.rules).await.map_err(|error| match error {
                NoOwner::Token(TokenError::Invalid(sentence)) => Unidentified::Invalid(sentence),
                NoOwner::Token(TokenError::UnknownKey) => Unidentified::Invalid(
                    "the token is signed by a key that the identity provider does not have",
                ),
                NoOwner::Token(TokenError::Expired) => Unidentified::Expired,
                NoOwner::NoKeys => Unidentified::NoKeys,
            }),
            None => self.proxied_owner(headers, client),
        }
    }

    /// Returns the owner that a trusted proxy has authenticated. The header of another client is ignored.
    fn proxied_owner(&self, headers: &HeaderMap, client: Client) -> Result<Owner, Unidentified> {
        let header =
            self.proxy_header.as_ref().filter(|_| client.is_proxied).ok_or(Unidentified::NoCredential)?;
        let mut values = headers.get_all(header).iter();
        let value = values.next().ok_or(Unidentified::NoCredential)?;
        let user = value.to_str().ok().filter(|user| is_user(user) && values.next().is_none());
        let user =
            user.ok_or(Unidentified::Invalid("the proxy must send one user of printable ASCII characters"))?;
        proxy_owner(user).ok_or(Unidentified::Invalid("the user that the proxy sends is too long"))
    }
}

fn is_user(user: &str) -> bool {
    !user.trim().is_empty() && user.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

/// Returns the token of a request; `None` if it has no credential in the header of tokens.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Unidentified> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let rule = Unidentified::Invalid("the header authorization must be one token of the form Bearer TOKEN");
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(rule)?;
    let is_valid = scheme.eq_ignore_ascii_case("bearer") && values.next().is_none();
    is_valid.then(|| Some(token.trim())).ok_or(rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_token_is_the_whole_value_of_one_header() {
        assert_eq!(bearer(&headers(&[])), Ok(None));
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c"] {
            assert_eq!(bearer(&headers(&[value])), Ok(Some("a.b.c")), "{value}");
        }
        for values in
            [&["a.b.c"][..], &["Basic a.b.c"], &[""], &["Bearer"], &["Bearer a.b.c", "Bearer a.b.c"]]
        {
            assert!(matches!(bearer(&headers(values)), Err(Unidentified::Invalid(_))), "{values:?}");
        }
    }
}
