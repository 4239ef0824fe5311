//! Owners of people, named so that two people never have the same owner.
//!
//! A name has 1 to 512 printable characters without a space, because it is sent to the service as a header.

use crate::caller::Owner;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Maximum length of the name of an owner, which is that of the service.
const OWNER_MAX_BYTES: usize = 512;
/// Prefix of the owners that a proxy has authenticated. No issuer starts with it: an issuer is a URL.
const PROXY_PREFIX: &str = "proxy:";
/// Bytes that are encoded besides those outside ASCII. The percent sign is one of them, so that the encoding is injective.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Owner of a valid token.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) owner: Owner,
    /// End of the token, in seconds since 1970.
    pub(super) expires_at: f64,
}

/// Returns the owner of a subject; `None` if its name is too long. An issuer has no fragment, so the first `#` ends it.
pub(super) fn subject_owner(issuer: &str, subject: &str) -> Option<Owner> {
    owner(&format!("{issuer}#"), subject)
}

/// Returns the owner of a user name that a proxy has authenticated; `None` if its name is too long.
pub(super) fn proxy_owner(user: &str) -> Option<Owner> {
    owner(PROXY_PREFIX, user)
}

fn owner(prefix: &str, name: &str) -> Option<Owner> {
    let name = format!("{prefix}{}", utf8_percent_encode(name, ENCODED));
    (name.len() <= OWNER_MAX_BYTES).then(|| Owner::named(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_printable_and_injective() {
        assert!(
            subject_owner("https://idp.example", "a b%").as_ref()
                == Some(&Owner::named("https://idp.example#a%20b%25"))
        );
        assert!(proxy_owner("ann@example.org").as_ref() == Some(&Owner::named("proxy:ann@example.org")));
        assert!(
            subject_owner("https://idp.example", "\u{e4}\n").as_ref()
                == Some(&Owner::named("https://idp.example#%C3%A4%0A"))
        );
        let issuers = ["https://a", "https://a/b", "http://a"];
        let subjects = ["b", "B", "%62", "#b", "a#b", " b", "b ", "\u{e4}", "%C3%A4", "a\u{308}", "b\0"];
        let pairs = issuers.iter().flat_map(|issuer| subjects.map(|subject| (issuer, subject)));
        let names: BTreeSet<_> = pairs
            .map(|(issuer, subject)| format!("{issuer}#{}", utf8_percent_encode(subject, ENCODED)))
            .collect();
        assert_eq!(names.len(), issuers.len() * subjects.len());
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_graphic())), "{names:?}");
    }

    #[test]
    fn long_names_have_no_owner() {
        let rest = OWNER_MAX_BYTES - "https://a#".len();
        assert!(subject_owner("https://a", &"x".repeat(rest)).is_some());
        assert!(subject_owner("https://a", &"x".repeat(rest + 1)).is_none());
        assert!(subject_owner("https://a", &"\u{e4}".repeat(rest / 6 + 1)).is_none());
    }
}
