//! The names of things: whose session, which session, which persona, which request.

use super::limits::{REQUEST_ID_MAX_BYTES, USER_ID_MAX_BYTES};
use std::{fmt, sync::Arc};

/// Whose sessions these are. It comes from a credential, never from a field of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(Option<Arc<str>>);

impl Owner {
    /// The one owner of an open service.
    pub const fn open() -> Self {
        Self(None)
    }

    /// The owner of this name; the empty name is the open one.
    pub fn named(name: &str) -> Self {
        Self((!name.is_empty()).then(|| name.into()))
    }

    /// The owner's name, empty for the open one.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

/// A session's handle, chosen by the caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// Returns a handle that the store holds. Foreign data may have put one there that no request can name.
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The handle as text.
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

/// The key of a persona. Whether it is configured is for the catalogue of personas to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonaKey(Arc<str>);

impl PersonaKey {
    /// The persona called `key`.
    pub fn new(key: &str) -> Self {
        Self(key.into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What makes the retries of one request one request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id as text.
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
    fn a_user_id_has_1_to_128_bytes() {
        assert!(UserId::try_from("").is_err());
        assert!(UserId::try_from("a").is_ok());
        assert!(UserId::try_from("é".repeat(64).as_str()).is_ok());
        assert!(UserId::try_from(format!("{}a", "é".repeat(64)).as_str()).is_err());
    }

    #[test]
    fn a_user_id_has_no_control_characters_and_no_space_at_its_ends() {
        for text in ["a\nb", "a\u{7f}", "\u{85}a", "a\0", " a", "a ", "\u{3000}a", "\t"] {
            assert!(UserId::try_from(text).is_err(), "{text:?}");
        }
        for text in ["John Doe", "}x", "a{b}c", "a:b", "%2F", "🤖", "../..", "*"] {
            assert!(UserId::try_from(text).is_ok(), "{text:?}");
        }
    }
}
