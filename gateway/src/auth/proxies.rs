//! The client behind trusted proxies: its address, and the scheme that it used (RFC 7239).
//!
//! Headers are read only if the connection comes from a trusted proxy. A proxy writes one of the headers, and a client can
//! forge the other; if both are present and differ, neither is believed.

use super::hops::{Hop, forwarded, x_forwarded, x_forwarded_proto};
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;
use runtime::server::{PeerAddress, Secure};
use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

/// Networks of the trusted proxies. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies(Arc<[IpNet]>);

/// The client of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address, as far as it is known.
    pub(crate) address: IpAddr,
    /// `true` if it used TLS.
    pub(crate) is_secure: bool,
    /// `true` if the connection comes from a trusted proxy.
    pub(crate) is_proxied: bool,
}

impl Client {
    /// Returns the address with which clients are told apart: an IPv6 client has a whole /64 network.
    pub(crate) fn network(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        }
    }
}

impl TrustedProxies {
    pub(crate) fn new(networks: &[IpNet]) -> Self {
        Self(networks.into())
    }

    /// Returns the client of a request.
    pub(crate) fn client(&self, headers: &HeaderMap, extensions: &Extensions) -> Client {
        let peer = extensions.get::<PeerAddress>().map_or(IpAddr::from([0; 4]), |peer| peer.0.ip());
        let (peer, is_secure) = (peer.to_canonical(), extensions.get::<Secure>().is_some());
        if !self.trusts(peer) {
            return Client { address: peer, is_secure, is_proxied: false };
        }
        let (forwarded, x_forwarded) = (forwarded(headers), x_forwarded(headers));
        let hops = match (forwarded.is_empty(), x_forwarded.is_empty()) {
            (false, true) => forwarded,
            (true, _) => x_forwarded,
            (false, false) if self.address(peer, &forwarded) == self.address(peer, &x_forwarded) => forwarded,
            (false, false) => Vec::new(),
        };
        let last = hops.last().and_then(|hop| hop.is_secure);
        let proto = last.or_else(|| x_forwarded_proto(headers));
        let address = self.address(peer, &hops);
        Client { address, is_secure: is_secure || proto == Some(true), is_proxied: true }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns the last address that is not a trusted proxy. Addresses before it were sent by that client.
    fn address(&self, peer: IpAddr, hops: &[Hop]) -> IpAddr {
        let mut address = peer;
        for hop in hops.iter().rev() {
            let Some(next) = hop.address else { return address };
            address = next;
            if !self.trusts(address) {
                return address;
            }
        }
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use std::net::SocketAddr;

    fn client(peer: &str, headers: &[(&str, &str)]) -> Client {
        let networks: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).into();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            // Each character is a byte: U+00FF is the byte 255.
            let bytes: Vec<_> = value.chars().map(|character| u8::try_from(character).unwrap()).collect();
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(&bytes).unwrap());
        }
        let mut extensions = Extensions::new();
        extensions.insert(PeerAddress(SocketAddr::new(peer.parse().unwrap(), 1)));
        TrustedProxies::new(&networks).client(&map, &extensions)
    }

    #[test]
    fn the_client_is_the_last_address_before_the_trusted_proxies() {
        for (peer, headers, address) in [
            ("10.1.1.1", &[("x-forwarded-for", "203.0.113.7")][..], "203.0.113.7"),
            ("10.1.1.1", &[("x-forwarded-for", "6.6.6.6, 203.0.113.7, 10.2.2.2")], "203.0.113.7"),
            (
                "10.1.1.1",
                &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "203.0.113.7")],
                "203.0.113.7",
            ),
            (
                "10.1.1.1",
                &[("forwarded", "for=6.6.6.6, for=\"203.0.113.7:5000\";proto=https")],
                "203.0.113.7",
            ),
            ("10.1.1.1", &[("forwarded", "For=\"[2001:db8::1]:99\";by=x")], "2001:db8::1"),
            ("10.1.1.1", &[("x-forwarded-for", "[2001:db8::1]")], "2001:db8::1"),
            ("10.1.1.1", &[("x-forwarded-for", "203.0.113.7:80")], "203.0.113.7"),
            ("::ffff:10.1.1.1", &[("x-forwarded-for", "::ffff:203.0.113.7")], "203.0.113.7"),
            ("fd00::1", &[("x-forwarded-for", "203.0.113.7")], "203.0.113.7"),
            ("10.1.1.1", &[("x-forwarded-for", "10.3.3.3, 10.2.2.2")], "10.3.3.3"),
            (
                "10.1.1.1",
                &[("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.7")],
                "203.0.113.7",
            ),
        ] {
            assert_eq!(client(peer, headers).address.to_string(), address, "{peer} {headers:?}");
        }
    }

    #[test]
    fn forged_headers_are_not_believed() {
        for (peer, headers, address) in [
            (
                "203.0.113.7",
                &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-proto", "https")][..],
                "203.0.113.7",
            ),
            ("203.0.113.7", &[("forwarded", "for=6.6.6.6;proto=https")], "203.0.113.7"),
            ("10.1.1.1", &[("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=6.6.6.6")], "10.1.1.1"),
            ("10.1.1.1", &[("x-forwarded-for", "6.6.6.6, unknown")], "10.1.1.1"),
            ("10.1.1.1", &[("forwarded", "for=6.6.6.6, for=_hidden")], "10.1.1.1"),
            ("10.1.1.1", &[], "10.1.1.1"),
        ] {
            let client = client(peer, headers);
            assert_eq!(client.address.to_string(), address, "{peer} {headers:?}");
            assert!(!client.is_secure, "{peer} {headers:?}");
        }
    }

    #[test]
    fn a_malformed_value_does_not_hide_the_addresses_after_it() {
        for (name, hop) in [
            ("x-forwarded-for", "203.0.113.7"),
            ("forwarded", "for=203.0.113.7"),
            ("forwarded", "for=\"203.0.113.7:80\";host=\"a,;for=6.6.6.6;\\\"\""),
        ] {
            for sent in ["\"", "for=\"6.6.6.6", "\u{ff}", "\"\\", "\\", ",;=\"a\";"] {
                let joined = [(name, &*format!("{sent}, {hop}"))];
                assert_eq!(client("10.1.1.1", &joined).address.to_string(), "203.0.113.7", "{joined:?}");
                let separate = [(name, sent), (name, hop)];
                assert_eq!(client("10.1.1.1", &separate).address.to_string(), "203.0.113.7", "{separate:?}");
            }
        }
    }

    #[test]
    fn the_nearest_proxy_tells_the_scheme() {
        for (headers, is_secure) in [
            (&[("x-forwarded-proto", "https")][..], true),
            (&[("x-forwarded-proto", "http, HTTPS")], true),
            (&[("x-forwarded-proto", "https, http")], false),
            (&[("forwarded", "for=1.1.1.1;proto=http, for=2.2.2.2;Proto=HTTPS")], true),
            (&[("forwarded", "for=1.1.1.1;proto=https, for=2.2.2.2;proto=http")], false),
            (&[], false),
        ] {
            assert_eq!(client("10.1.1.1", headers).is_secure, is_secure, "{headers:?}");
        }
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one_client() {
        let network = |address: &str| client(address, &[]).network().to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("203.0.113.7"), "203.0.113.7");
    }
}
