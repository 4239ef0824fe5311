//! Authentication of HTTP clients: the owner of a request comes from its credential, never from a field.

mod access;
mod cookie;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod hops;
mod limits;
mod metrics;
mod oidc;
mod proxies;

pub(crate) use access::{Access, Kind};
pub(crate) use cookie::{CookieKeys, Cookies, NAME, SECURE_NAME};
pub(crate) use limits::ClientLimits;
pub(crate) use metrics::AccessMetrics;
pub(crate) use oidc::{Jwks, Oidc, OidcParts, RefreshMetrics, TokenRules, algorithm};
pub(crate) use proxies::TrustedProxies;
