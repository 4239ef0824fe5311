//! The hops of a request, as the headers of its proxies list them: first the one that is nearest to the client.
//!
//! A client can put anything in front of the elements that proxies append. So elements are read from the end, and an open
//! quote or a byte that is not ASCII affects no element after it.

use axum::http::{HeaderMap, HeaderName, header::FORWARDED};
use std::net::{IpAddr, SocketAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What a proxy says about its client.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hop {
    /// `None` if the client is hidden or unknown.
    pub(super) address: Option<IpAddr>,
    pub(super) is_secure: Option<bool>,
}

/// Returns the hops in `X-Forwarded-For`, which has no quotes.
pub(super) fn x_forwarded(headers: &HeaderMap) -> Vec<Hop> {
    elements(headers, X_FORWARDED_FOR, |value| value.split(',').collect())
        .iter()
        .map(|text| Hop { address: parse_address(text), is_secure: None })
        .collect()
}

/// Returns `true` if the last element of `X-Forwarded-Proto` is HTTPS.
pub(super) fn x_forwarded_proto(headers: &HeaderMap) -> Option<bool> {
    let elements = elements(headers, X_FORWARDED_PROTO, |value| value.split(',').collect());
    elements.last().map(|proto| proto.eq_ignore_ascii_case("https"))
}

/// Returns the hops in `Forwarded` (RFC 7239).
pub(super) fn forwarded(headers: &HeaderMap) -> Vec<Hop> {
    elements(headers, FORWARDED, |value| split_from_end(value, ','))
        .iter()
        .map(|text| parse_hop(text))
        .collect()
}

fn parse_hop(element: &str) -> Hop {
    let mut hop = Hop::default();
    for pair in split_from_end(element, ';') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.address = parse_address(value),
            "proto" => hop.is_secure = Some(value.eq_ignore_ascii_case("https")),
            _ => {}
        }
    }
    hop
}

/// Returns the elements of all headers of this name that are not empty, in order.
fn elements(headers: &HeaderMap, name: HeaderName, split: impl Fn(&str) -> Vec<&str>) -> Vec<String> {
    let mut elements = Vec::new();
    for value in headers.get_all(name) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let found = split(&value).into_iter().map(str::trim).filter(|element| !element.is_empty());
        elements.extend(found.map(str::to_owned));
    }
    elements
}

/// Splits at a separator outside of quoted strings, which are recognized from the end. The parts are in order.
fn split_from_end(text: &str, separator: char) -> Vec<&str> {
    let (mut is_quoted, mut parts, mut end) = (false, Vec::new(), text.len());
    for (at, character) in text.char_indices().rev() {
        if character == '"' {
            let is_escaped = (at - text[..at].trim_end_matches('\\').len()) % 2 == 1;
            is_quoted ^= !(is_quoted && is_escaped);
        } else if character == separator && !is_quoted {
            parts.push(&text[at + 1..end]);
            end = at;
        }
    }
    parts.push(&text[..end]);
    parts.reverse();
    parts
}

/// Parses an address with or without a port; IPv6 may be in brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bracketed.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_quoted_strings_do_not_split() {
        for (text, parts) in [
            ("", &[""][..]),
            ("a,b", &["a", "b"]),
            (r#"a="1,2",b="\",c=",\"","#, &[r#"a="1,2""#, r#"b="\""#, r#"c=",\"""#, ""]),
            (r#"","b=",""#, &[r#"","b=",""#]),
            (r#"a=",b="c,d""#, &[r#"a=""#, r#"b="c,d""#]),
        ] {
            assert_eq!(split_from_end(text, ','), parts, "{text}");
        }
    }
}
