//! Protection of browsers against other web pages: which hosts and origins requests may name.
//!
//! A page of another site can send requests to this server, and can read the responses if it makes its own name resolve
//! to this server's address (DNS rebinding). On a laptop there is no other barrier.

use crate::error::Problem;
use axum::{
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Method,
        header::{HOST, ORIGIN},
        uri::Authority,
    },
};
use runtime::server::is_local_name;
use std::sync::Arc;

/// Host names under which browsers reach the gateway.
#[derive(Clone, Debug, Default)]
pub struct HostSettings {
    /// Names besides IP addresses and `localhost`.
    pub allowed: Vec<String>,
    /// Origins of other web pages that may use the API.
    pub origins: Vec<HeaderValue>,
    /// `true` if the port is bound to a loopback address. Other names are then rejected even if none is given.
    pub is_loopback: bool,
}

/// Hosts that requests may name.
#[derive(Clone)]
pub(crate) struct AllowedHosts {
    hosts: Arc<[String]>,
    origins: Arc<[HeaderValue]>,
    /// `true` if requests for other hosts are rejected.
    is_enforced: bool,
}

impl AllowedHosts {
    pub(crate) fn new(settings: &HostSettings) -> Self {
        Self {
            hosts: settings.allowed.as_slice().into(),
            origins: settings.origins.as_slice().into(),
            is_enforced: settings.is_loopback || !settings.allowed.is_empty(),
        }
    }

    /// Returns `true` if a request may name the host.
    fn allows(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        is_local_name(host) || self.is_listed(host)
    }

    fn is_listed(&self, host: &str) -> bool {
        self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }
}

/// Rejects requests for other hosts, and writes that another web page has caused.
pub(crate) fn check(hosts: &AllowedHosts, request: &Request) -> Result<(), Problem> {
    if request.headers().get_all(HOST).iter().count() > 1 {
        return Err(Problem::invalid_field("host", "must be given once"));
    }
    let authority = authority(request);
    if hosts.is_enforced && authority.as_ref().is_some_and(|authority| !hosts.allows(authority.host())) {
        return Err(Problem::misdirected());
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if is_read || is_own(request.headers(), authority.as_ref(), hosts) {
        return Ok(());
    }
    Err(Problem::cross_site())
}

/// Returns the host that the request is for. Without one it was not sent by a browser.
fn authority(request: &Request) -> Option<Authority> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.clone());
    }
    // A malformed host is not one of ours.
    let host = request.headers().get(HOST)?;
    Some(
        host.to_str()
            .ok()
            .and_then(|host| host.parse().ok())
            .unwrap_or(Authority::from_static("malformed.invalid")),
    )
}

/// Returns `true` unless a page of another origin caused the request. Pages cannot forge `Sec-Fetch-Site`; clients that
/// are no browsers send neither header.
fn is_own(headers: &HeaderMap, authority: Option<&Authority>, hosts: &AllowedHosts) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    let origin = origins.next();
    let is_only = origins.next().is_none();
    if is_only && origin.is_some_and(|origin| hosts.origins.contains(origin)) {
        return true;
    }
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    match site {
        Some(b"same-origin" | b"none") => return true,
        Some(b"cross-site") => return false,
        _ => {}
    }
    let Some(origin) = origin else { return true };
    let origin = origin.to_str().ok().filter(|_| is_only);
    let Some((scheme, origin)) = origin.and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    let Ok(origin) = origin.parse::<Authority>() else { return false };
    let port =
        |authority: &Authority| authority.port_u16().or(if scheme == "https" { Some(443) } else { Some(80) });
    // Proxies often strip the port from Host. A browser that sends `same-site` has compared the origins itself.
    let may_lack_port = site.is_none();
    let is_same = |authority: &Authority| {
        authority.host().eq_ignore_ascii_case(origin.host())
            && (port(authority) == port(&origin) || may_lack_port && authority.port().is_none())
    };
    authority.is_some_and(is_same) || hosts.is_listed(origin.host())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn hosts(is_loopback: bool, allowed: &[&str]) -> AllowedHosts {
        let allowed = allowed.iter().map(|host| (*host).to_owned()).collect();
        let origins = vec![HeaderValue::from_static("https://app.example")];
        AllowedHosts::new(&HostSettings { is_loopback, allowed, origins })
    }

    fn request(method: Method, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri("/api/sessions");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn on_loopback_only_addresses_localhost_and_allowed_hosts_are_served() {
        let status = |hosts: &AllowedHosts, host: &str| {
            check(hosts, &request(Method::GET, &[("host", host)]))
                .err()
                .map(|problem| problem.status().as_u16())
        };
        let loopback = hosts(true, &["nono.example"]);
        for host in
            ["127.0.0.1:8000", "localhost", "LocalHost:1", "[::1]:8000", "10.1.2.3", "nono.example:8000"]
        {
            assert_eq!(status(&loopback, host), None, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8000",
            "nono.example.org",
            "a b",
        ] {
            assert_eq!(status(&loopback, host), Some(421), "{host}");
        }
        assert_eq!(status(&hosts(false, &[]), "anything.example"), None);
        assert_eq!(status(&hosts(false, &["nono.example"]), "anything.example"), Some(421));
        assert!(check(&loopback, &request(Method::GET, &[])).is_ok());
    }

    #[test]
    fn writes_from_pages_of_other_origins_are_rejected() {
        let hosts = hosts(true, &["chat.example"]);
        let accepts = |method: Method, headers: &[(&str, &str)]| {
            let headers = [&[("host", "localhost:8000")], headers].concat();
            check(&hosts, &request(method, &headers)).is_ok()
        };
        for headers in [
            &[][..],
            &[("origin", "http://localhost:8000")],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://chat.example")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-site"), ("origin", "https://chat.example")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://app.example")],
        ] {
            assert!(accepts(Method::POST, headers), "{headers:?}");
        }
        for headers in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "cross-site"), ("origin", "http://localhost:8000")],
            &[("origin", "http://localhost:8001")],
            &[("origin", "http://localhost")],
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://app.example:444")],
            &[("sec-fetch-site", "cross-site"), ("origin", "http://app.example")],
            &[("origin", "https://app.example"), ("origin", "https://evil.example")],
            &[("sec-fetch-site", "same-site"), ("origin", "https://evil.localhost:8000")],
            &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:3000")],
            &[("origin", "http://localhost:8000"), ("origin", "http://localhost:8000")],
        ] {
            assert!(!accepts(Method::POST, headers), "{headers:?}");
            assert!(!accepts(Method::DELETE, headers), "{headers:?}");
            assert!(accepts(Method::GET, headers), "{headers:?}");
        }
    }
}
