//! API keys, which are kept as digests.

use super::callers::{self, Caller};
use sha2::{Digest, Sha256};
use std::{fmt, sync::Arc};
use subtle::{Choice, ConstantTimeEq};

/// Prefix of a key that is given as its digest.
const DIGEST_PREFIX: &str = "sha256:";
/// Minimum length of a key.
const KEY_MIN_CHARS: usize = 32;

/// SHA-256 digest of a key.
type KeyDigest = [u8; 32];

/// The keys that callers may present.
pub struct Keys(Vec<(KeyDigest, Arc<Caller>)>);

impl Keys {
    /// Parses a keys file. The error contains nothing of the file.
    pub fn parse(text: &str) -> Result<Self, String> {
        callers::parse(text, parse_key).map(Self)
    }

    /// Returns the caller with this key. The duration does not depend on which entry matches, or on whether one does.
    pub(super) fn caller(&self, key: &[u8]) -> Option<&Arc<Caller>> {
        let digest = digest(key);
        let mut found = None;
        for (known, caller) in &self.0 {
            let is_equal: Choice = known[..].ct_eq(&digest[..]);
            if bool::from(is_equal) {
                found = Some(caller);
            }
        }
        found
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(_, caller)| caller)).finish()
    }
}

fn digest(key: &[u8]) -> KeyDigest {
    Sha256::digest(key).into()
}

fn parse_key(text: &str) -> Result<KeyDigest, &'static str> {
    if let Some(hex) = text.strip_prefix(DIGEST_PREFIX) {
        return parse_hex(hex).ok_or("sha256: must be followed by 64 hexadecimal digits");
    }
    if text.len() >= KEY_MIN_CHARS && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(digest(text.as_bytes()))
    } else {
        Err("the key must have at least 32 characters, all of them printable ASCII")
    }
}

fn parse_hex(text: &str) -> Option<KeyDigest> {
    let digits: Vec<_> = text.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let bytes: Vec<_> = digits.chunks_exact(2).map(|pair| pair[0] * 16 + pair[1]).collect();
    let bytes: Vec<_> = bytes.into_iter().map(u8::try_from).collect::<Result<_, _>>().ok()?;
    (digits.len() == 64).then(|| bytes.try_into().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn name<'a>(keys: &'a Keys, key: &str) -> Option<&'a str> {
        keys.caller(key.as_bytes()).map(|caller| &*caller.name)
    }

    #[test]
    fn a_key_is_accepted_whole_and_as_its_digest() {
        let hex: String =
            digest(b"the other key of this test, long").iter().map(|byte| format!("{byte:02X}")).collect();
        let keys = Keys::parse(&format!("one service {KEY}\ntwo admin sha256:{hex}")).unwrap();
        assert_eq!(name(&keys, KEY), Some("one"));
        assert_eq!(name(&keys, "the other key of this test, long"), Some("two"));
        for wrong in ["", &KEY[1..], &format!("{KEY}0"), &KEY.to_uppercase(), &format!("sha256:{hex}"), &hex]
        {
            assert_eq!(name(&keys, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn short_keys_and_malformed_digests_are_refused() {
        let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
        let long = format!("{digest}f0");
        let other = format!("{digest}g");
        for (key, rule) in [
            (&KEY[1..], "the key must have at least 32 characters, all of them printable ASCII"),
            (
                "ééééééééééééééééééééééééééééééééé",
                "the key must have at least 32 characters, all of them printable ASCII",
            ),
            (digest, "sha256: must be followed by 64 hexadecimal digits"),
            (&long, "sha256: must be followed by 64 hexadecimal digits"),
            (&other, "sha256: must be followed by 64 hexadecimal digits"),
        ] {
            let refused = Keys::parse(&format!("a service {key}")).unwrap_err();
            assert_eq!(refused, format!("line 1: {rule}"));
        }
    }

    #[test]
    fn no_key_is_printed() {
        let keys = Keys::parse(&format!("one service {KEY}")).unwrap();
        let digest = format!("{:?}", digest(KEY.as_bytes()));
        let printed = format!("{keys:?}");
        assert!(printed.contains("one") && !printed.contains(KEY) && !printed.contains(&digest), "{printed}");
    }
}
