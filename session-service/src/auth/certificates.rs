//! Names in client certificates that identify callers. The certificates themselves are verified by the port.

use super::callers::{self, Caller};
use std::sync::Arc;

/// Name in a certificate (RFC 5280, section 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
enum SubjectName {
    Uri(String),
    Dns(String),
}

/// The names of certificates that callers may present.
#[derive(Debug)]
pub struct Certificates(Vec<(SubjectName, Arc<Caller>)>);

impl Certificates {
    /// Parses a file of callers whose credentials are `uri:URI` or `dns:NAME`.
    pub fn parse(text: &str) -> Result<Self, String> {
        callers::parse(text, parse_name).map(Self)
    }

    /// Returns the first caller that a certificate with these names identifies.
    pub(super) fn caller(&self, uris: &[String], dns_names: &[String]) -> Option<&Arc<Caller>> {
        let is_named = |name: &SubjectName| match name {
            SubjectName::Uri(uri) => uris.contains(uri),
            SubjectName::Dns(name) => dns_names.iter().any(|known| known.eq_ignore_ascii_case(name)),
        };
        self.0.iter().find(|(name, _)| is_named(name)).map(|(_, caller)| caller)
    }
}

fn parse_name(text: &str) -> Result<SubjectName, &'static str> {
    let rule = "the credential must be uri: and a URI, or dns: and a name without wildcard";
    match text.split_once(':') {
        Some(("uri", uri)) if uri.contains(':') => Ok(SubjectName::Uri(uri.to_owned())),
        Some(("dns", name)) if runtime::settings::is_host(name) => {
            Ok(SubjectName::Dns(name.to_ascii_lowercase()))
        }
        _ => Err(rule),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_recognized_by_any_of_its_names() {
        let text = "gateway service uri:spiffe://example.org/gateway\nops admin dns:Ops.example.org";
        let certificates = Certificates::parse(text).unwrap();
        let name = |uris: &[&str], names: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            certificates.caller(&owned(uris), &owned(names)).map(|caller| caller.name.to_string())
        };
        assert_eq!(name(&["spiffe://example.org/gateway"], &[]).as_deref(), Some("gateway"));
        assert_eq!(name(&["spiffe://x"], &["a", "OPS.example.org"]).as_deref(), Some("ops"));
        for (uris, names) in [
            (&[][..], &[][..]),
            (&["spiffe://example.org/gateway/x"], &["example.org"]),
            (&["ops.example.org"], &["spiffe://example.org/gateway"]),
            (&["SPIFFE://example.org/gateway"], &["*.example.org"]),
        ] {
            assert_eq!(name(uris, names), None, "{uris:?} {names:?}");
        }
    }

    #[test]
    fn other_names_are_refused() {
        for credential in
            ["gateway", "uri:", "uri:gateway", "dns:", "dns:*.example.org", "email:a@b", "dns:a/b"]
        {
            assert!(Certificates::parse(&format!("a service {credential}")).is_err(), "{credential}");
        }
    }
}
