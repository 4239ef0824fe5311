//! Cursors of watchers as text: incarnation, seq and offset, and within a running reply the tag of its turn.

use crate::{
    domain::Incarnation,
    store::{Position, TurnTag},
};
use std::fmt;

/// Maximum number of characters of an incarnation.
const INCARNATION_MAX_CHARS: usize = 32;
/// Maximum number of characters of a tag.
const TAG_MAX_CHARS: usize = 8;

/// Start of a watcher.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    /// The present state.
    Now,
    /// The state after a position in the present life of the session.
    After(Position),
    /// The state after the last event of an earlier watcher.
    Cursor(WatchCursor),
}

impl Start {
    pub(super) fn position(&self) -> Option<&Position> {
        match self {
            Self::Now => None,
            Self::After(position) => Some(position),
            Self::Cursor(cursor) => Some(&cursor.position),
        }
    }
}

/// Position of a watcher in one life of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WatchCursor {
    pub(crate) incarnation: Incarnation,
    pub(crate) position: Position,
}

impl fmt::Display for WatchCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.", self.incarnation.as_str(), self.position.seq)?;
        match &self.position.text {
            Some((tag, bytes)) => write!(f, "{bytes}~{}", tag.as_str()),
            None => f.write_str("0"),
        }
    }
}

impl TryFrom<&str> for WatchCursor {
    type Error = &'static str;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        parse(text).ok_or("is malformed: pass the cursor of an event unchanged, or none")
    }
}

fn parse(text: &str) -> Option<WatchCursor> {
    let mut parts = text.split('.');
    let (incarnation, seq, text) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !is_name(incarnation, INCARNATION_MAX_CHARS) {
        return None;
    }
    let text = match text.split_once('~') {
        Some((bytes, tag)) if is_name(tag, TAG_MAX_CHARS) => Some((TurnTag::new(tag), number(bytes)?)),
        Some(_) => return None,
        // Without the tag it is unknown of which turn the bytes are.
        None => number(text).map(|_| None)?,
    };
    let position = Position { seq: number(seq)?, text };
    Some(WatchCursor { incarnation: Incarnation::stored(incarnation), position })
}

fn is_name(text: &str, max_chars: usize) -> bool {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=max_chars).contains(&text.len()) && text.bytes().all(is_valid)
}

/// Parses digits. Signs, which the standard parser accepts, are malformed.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_parsed_as_it_was_written() {
        for text in [None, Some((TurnTag::new("0f9d-1_a"), 17)), Some((TurnTag::new("a"), 0))] {
            let position = Position { seq: 10_000, text };
            let cursor = WatchCursor { incarnation: Incarnation::random(), position };
            assert_eq!(WatchCursor::try_from(cursor.to_string().as_str()), Ok(cursor));
        }
    }

    #[test]
    fn a_malformed_cursor_is_rejected() {
        for text in [
            "a.1",
            "a.1.0.0",
            "..",
            ".1.0",
            "a..0",
            "a.1.",
            "a.-1.0",
            "a.+1.0",
            "a.1.x",
            "a.1.0~",
            "a.1.~b",
            "a.1.0~123456789",
            "a b.1.0",
            "é.1.0",
            "a.4294967296.0",
            "a.1.4294967296",
        ] {
            assert!(WatchCursor::try_from(text).is_err(), "{text:?}");
        }
        assert!(WatchCursor::try_from(format!("{}.1.0", "a".repeat(33)).as_str()).is_err());
    }

    #[test]
    fn bytes_without_a_tag_are_not_known() {
        assert_eq!(WatchCursor::try_from("a.1.7").unwrap().position.text, None);
    }
}
