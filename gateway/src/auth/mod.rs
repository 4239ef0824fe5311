//! Authentication of HTTP clients: the owner of a request comes from its credential, never from a field.

mod access;
mod cookie;
mod limits;
mod proxies;

pub(crate) use access::{Access, AccessMetrics, Kind};
pub(crate) use cookie::{CookieKeys, Cookies};
pub(crate) use limits::ClientLimits;
pub(crate) use proxies::TrustedProxies;
