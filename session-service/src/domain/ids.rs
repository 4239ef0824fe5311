//! Identifiers of owners, sessions, personas and requests.

use super::limits::{OWNER_MAX_BYTES, REQUEST_ID_MAX_BYTES, USER_ID_MAX_BYTES};
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// Owner of sessions, derived from a credential and never from a field of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(Option<Arc<str>>);

impl Owner {
    /// Returns the only owner of a service without authentication.
    pub const fn open() -> Self {
        Self(None)
    }

    /// Returns the owner with this name; the empty name is the open owner.
    pub fn named(name: &str) -> Self {
        Self((!name.is_empty()).then(|| name.into()))
    }

    /// Returns the name of the owner, empty for the open one.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl TryFrom<&str> for Owner {
    type Error = String;

    /// Parses the name that a caller gives. It is sent as a header, so it is printable ASCII.
    fn try_from(text: &str) -> Result<Self, String> {
        let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if (1..=OWNER_MAX_BYTES).contains(&text.len()) && is_printable && text.trim() == text {
            Ok(Self::named(text))
        } else {
            Err(format!("must have 1 to {OWNER_MAX_BYTES} printable ASCII characters and no outer spaces"))
        }
    }
}

/// Name of a session, chosen by the caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// Returns a name that is stored. Foreign data may contain one that no request can use.
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for UserId {
    type Error = String;

    fn try_from(text: &str) -> Result<Self, String> {
        plain_text(text, USER_ID_MAX_BYTES)?;
        if text.trim() != text {
            return Err("must not begin or end with white space".into());
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Key of a persona. Not validated here; see `Personas::resolve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonaKey(Arc<str>);

impl PersonaKey {
    /// Returns the key of a persona.
    pub fn new(key: &str) -> Self {
        Self(key.into())
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Idempotency key: retries with the same id are the same request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for RequestId {
    type Error = String;

    fn try_from(text: &str) -> Result<Self, String> {
        plain_text(text, REQUEST_ID_MAX_BYTES)?;
        Ok(Self(text.into()))
    }
}

/// Identifier of one life of a session's name: a session that is deleted and created again has another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Incarnation(Arc<str>);

impl Incarnation {
    /// Number of characters of a random incarnation.
    const LEN: usize = 12;

    /// Returns a new one.
    pub fn random() -> Self {
        Self(Uuid::new_v4().simple().to_string()[..Self::LEN].into())
    }

    /// Returns one that is stored, or that a caller names.
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn plain_text(text: &str, max_bytes: usize) -> Result<(), String> {
    if text.is_empty() {
        return Err(format!("is required: 1 to {max_bytes} bytes"));
    }
    if text.len() > max_bytes {
        return Err(format!("must be at most {max_bytes} bytes of UTF-8; it has {}", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_printable_ascii() {
        for text in ["a", "https://id.example#a b", &"x".repeat(512)] {
            assert_eq!(Owner::try_from(text).unwrap().as_str(), text);
        }
        for text in ["", " a", "a ", "é", "a\n", "a\u{7f}", &"x".repeat(513)] {
            assert!(Owner::try_from(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn user_ids_have_1_to_128_bytes() {
        assert!(UserId::try_from("").is_err());
        assert!(UserId::try_from("a").is_ok());
        assert!(UserId::try_from("é".repeat(64).as_str()).is_ok());
        assert!(UserId::try_from(format!("{}a", "é".repeat(64)).as_str()).is_err());
    }

    #[test]
    fn user_ids_with_control_characters_or_outer_white_space_are_rejected() {
        for text in ["a\nb", "a\u{7f}", "\u{85}a", "a\0", " a", "a ", "\u{3000}a", "\t"] {
            assert!(UserId::try_from(text).is_err(), "{text:?}");
        }
        for text in ["John Doe", "}x", "a{b}c", "a:b", "%2F", "🤖", "../..", "*"] {
            assert!(UserId::try_from(text).is_ok(), "{text:?}");
        }
    }
}
