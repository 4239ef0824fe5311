//! Properties of cookies and of the headers of proxies for arbitrary input.

use super::{
    cookie::{CookieKeys, Cookies},
    proxies::TrustedProxies,
};
use axum::http::{
    Extensions, HeaderMap, HeaderName, HeaderValue,
    header::{COOKIE, FORWARDED},
};
use ipnet::IpNet;
use runtime::{reload::Current, server::PeerAddress};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const KEYS: &str = "new-key-new-key-new-key-new-key-new-key\nold-key-old-key-old-key-old-key-old-key";
const FOREIGN_KEY: &str = "foreign-key-foreign-key-foreign-key-00";

fn cookies(keys: &str) -> Cookies {
    Cookies(Current::new(CookieKeys::parse(keys).expect("the keys are valid")))
}

/// Checks that only a cookie which one of the keys has signed is accepted, and not a changed one. Input: the value of a header,
/// whose first two bytes are the change of a valid cookie.
pub fn cookie(input: &[u8]) {
    let (own, foreign) = (cookies(KEYS), cookies(FOREIGN_KEY));
    let Ok(header) = HeaderValue::from_bytes(input) else { return };
    let request = HeaderMap::from_iter([(COOKIE, header)]);
    for is_secure in [false, true] {
        // Only this function knows the keys, so no input is valid, and neither is a cookie of another deployment.
        assert!(own.owner(&request, is_secure).is_none(), "a cookie was accepted that no key has signed");
        let valid = pair(&own.renew(&request, is_secure));
        let with = |cookie: &str| {
            let text = [input, b"; ", cookie.as_bytes()].concat();
            HeaderValue::from_bytes(&text).map(|header| HeaderMap::from_iter([(COOKIE, header)]))
        };
        let accepted = |cookie: &str| {
            let mut headers = with(cookie).expect("the input is a header value");
            let alone = HeaderValue::from_str(cookie).expect("a cookie is a header value");
            headers.append(COOKIE, alone);
            own.owner(&headers, is_secure).is_some()
        };
        assert!(accepted(&valid), "a valid cookie was not found");
        assert!(!accepted(&pair(&foreign.renew(&request, is_secure))), "a foreign cookie was accepted");
        let start = valid.find('=').map_or(0, |at| at + 1);
        let mut changed = valid.clone().into_bytes();
        let at = start + usize::from(input.first().copied().unwrap_or_default()) % (changed.len() - start);
        changed[at] = input.get(1).copied().filter(u8::is_ascii_alphanumeric).unwrap_or(b'.');
        let changed = String::from_utf8(changed).expect("it is ASCII");
        assert_eq!(accepted(&changed), changed == valid, "a changed cookie");
    }
    if let Err(error) = CookieKeys::parse(&String::from_utf8_lossy(input)) {
        let rule = error.strip_prefix("line ").and_then(|rest| Some(rest.split_once(": ")?.1));
        assert!(
            error == "it has no key" || rule == Some("a key must have at least 32 characters"),
            "an error contains something of the file"
        );
    }
}

/// Returns the pair of name and value in a `set-cookie` header.
fn pair(cookie: &HeaderValue) -> String {
    let text = cookie.to_str().unwrap_or_default();
    text.split(';').next().unwrap_or_default().to_owned()
}

const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// Checks that headers of untrusted peers are ignored, and that nothing which a client sends changes the address and the scheme
/// that a trusted proxy adds. Input: the client's value of a header.
pub fn forwarded(input: &[u8]) {
    let networks: Vec<IpNet> = vec!["10.0.0.0/8".parse().expect("it is a network")];
    let proxies = TrustedProxies::new(&networks);
    let x_forwarded = HeaderName::from_static("x-forwarded-for");
    let peer = |address: IpAddr| {
        let mut extensions = Extensions::new();
        extensions.insert(PeerAddress(SocketAddr::new(address, 1)));
        extensions
    };
    for (name, hop, is_secure) in [
        (&FORWARDED, "for=203.0.113.7;proto=https", true),
        (&FORWARDED, "proto=http; for=\"203.0.113.7:99\"", false),
        (&FORWARDED, "for=203.0.113.7;host=\"a,;for=6.6.6.6;\\\"\"", false),
        (&x_forwarded, "203.0.113.7", false),
    ] {
        let Ok(sent) = HeaderValue::from_bytes(input) else { return };
        let alone = HeaderMap::from_iter([(name.clone(), sent.clone())]);
        let ignored = proxies.client(&alone, &peer(CLIENT));
        assert!(ignored.address == CLIENT && !ignored.is_secure && !ignored.is_proxied);
        assert!(proxies.client(&alone, &peer(PROXY)).is_proxied);
        let joined = HeaderValue::from_bytes(&[input, b", ", hop.as_bytes()].concat());
        let mut separate = alone.clone();
        separate.append(name.clone(), HeaderValue::from_static(hop));
        let joined = HeaderMap::from_iter([(name.clone(), joined.expect("its parts are header values"))]);
        for headers in [joined, separate] {
            let client = proxies.client(&headers, &peer(PROXY));
            assert_eq!((client.address, client.is_secure), (CLIENT, is_secure), "{headers:?}");
        }
    }
}
