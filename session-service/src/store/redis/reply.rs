//! Replies of the scripts: a status, then values.

use super::{
    client::{corrupt, read},
    scripts::IMPLICIT_TTL_MILLISECONDS,
};
use crate::{
    domain::{Message, PersonaKey, Preview, Session, Timestamp, UserId, limits::TIME_MAX_MILLISECONDS},
    store::{StoreError, metadata, record},
};
use bb8_redis::redis::{FromRedisValue, Value};
use std::time::Duration;

/// Fields of a session, in the order of `render` in scripts/session.lua.
pub(super) const SESSION_FIELDS: [&str; 7] =
    ["persona", "created_at", "last_activity", "ttl", "message_count", "metadata", "preview"];
/// Maximum number of digits of a number in a record, as in scripts/prelude.lua.
const NUMBER_MAX_DIGITS: usize = 15;

/// Status of a turn that was not acquired because only a stored reply was requested.
pub(super) const NO_REPLY: &str = "no_reply";
/// Status of a turn that was not acquired because the turn of this request is running.
pub(super) const RUNNING: &str = "running";

/// Reply of a script, read from its beginning.
pub(super) struct Reply(std::vec::IntoIter<Value>);

impl Reply {
    pub(super) fn new(value: Value) -> Result<Self, StoreError> {
        Ok(Self(read::<Vec<Value>>(value)?.into_iter()))
    }

    /// Returns the next value.
    pub(super) fn next<T: FromRedisValue>(&mut self) -> Result<T, StoreError> {
        read(self.0.next().unwrap_or(Value::Nil))
    }

    /// Returns the status. A status that stands for an error is returned as one.
    pub(super) fn status(&mut self) -> Result<String, StoreError> {
        let status: String = self.next()?;
        match status.as_str() {
            "not_found" => Err(StoreError::NotFound),
            "already_exists" => Err(StoreError::AlreadyExists),
            "session_full" => Err(StoreError::SessionFull),
            "too_many_sessions" => Err(StoreError::TooManySessions),
            "request_id_reused" => Err(StoreError::RequestIdReused),
            "turn_in_progress" => Err(StoreError::TurnInProgress(Duration::from_millis(self.next()?))),
            "turn_lost" => Err(StoreError::TurnLost),
            "turn_cancelled" => Err(StoreError::TurnCancelled),
            "listing_expired" => Err(StoreError::ListingExpired),
            _ => Ok(status),
        }
    }

    /// Peeks at the status and returns `true` if the script changed nothing.
    pub(super) fn is_rejection(&self) -> bool {
        let status = self.0.as_slice().iter().take(1).cloned().collect::<Vec<_>>();
        Self(status.into_iter())
            .status()
            .map_or(true, |status| [NO_REPLY, RUNNING].contains(&status.as_str()))
    }

    pub(super) fn timestamp(&mut self) -> Result<Timestamp, StoreError> {
        self.next().map(Timestamp::from_millis)
    }

    pub(super) fn session(&mut self, user_id: &UserId) -> Result<Session, StoreError> {
        session(user_id, self.next()?)?.ok_or_else(|| corrupt("the session has no record"))
    }

    /// Returns a message with this seq, which is a list of one.
    pub(super) fn message(&mut self, seq: u32) -> Result<Message, StoreError> {
        self.messages(seq)?.pop().ok_or_else(|| corrupt(format!("message {seq} is missing")))
    }

    /// Returns messages with seqs from `first_seq` on.
    pub(super) fn messages(&mut self, first_seq: u32) -> Result<Vec<Message>, StoreError> {
        messages(first_seq, self.next()?)
    }
}

/// Decodes messages with seqs from `first_seq` on.
pub(super) fn messages(first_seq: u32, stored: Vec<String>) -> Result<Vec<Message>, StoreError> {
    stored
        .into_iter()
        .zip(first_seq..)
        .map(|(json, seq)| record::decode(&json, seq).map_err(corrupt))
        .collect()
}

/// Decodes [`SESSION_FIELDS`]; `None` if all of them are absent.
pub(super) fn session(user_id: &UserId, fields: Value) -> Result<Option<Session>, StoreError> {
    let mut fields = Reply::new(fields)?;
    if fields.0.as_slice().iter().all(|field| *field == Value::Nil) {
        return Ok(None);
    }
    let persona = text(fields.0.next(), "persona")?;
    let created_at = number(fields.0.next(), "created_at")?;
    let last_activity = number(fields.0.next(), "last_activity")?;
    let ttl = match fields.0.next() {
        None | Some(Value::Nil) => IMPLICIT_TTL_MILLISECONDS,
        ttl => number(ttl, "ttl")?,
    };
    let message_count = number(fields.0.next(), "message_count")?;
    let metadata = text(fields.0.next(), "metadata")?;
    let preview = preview(fields.0.next(), message_count);
    if created_at.max(last_activity + ttl) > TIME_MAX_MILLISECONDS {
        return Err(corrupt("a time of the record is after the year 9999"));
    }
    let last_activity = Timestamp::from_millis(last_activity);
    Ok(Some(Session {
        user_id: user_id.clone(),
        persona: PersonaKey::new(&persona),
        created_at: Timestamp::from_millis(created_at),
        last_activity,
        expires_at: last_activity.after(Duration::from_millis(ttl)),
        message_count: u32::try_from(message_count).map_err(|_| corrupt("message_count is too large"))?,
        metadata: metadata::stored(&metadata).map_err(corrupt)?,
        preview,
    }))
}

/// Decodes the field `preview`: the seq of the message, a space, and the beginning of the message. A preview of an earlier
/// message is ignored, because an older version that stores messages leaves the field unchanged.
fn preview(value: Option<Value>, message_count: u64) -> Preview {
    let Some(Value::BulkString(bytes)) = value else { return Preview::default() };
    let text = String::from_utf8(bytes).unwrap_or_default();
    let text = text.split_once(' ').filter(|(seq, _)| seq.parse() == Ok(message_count)).map(|(_, text)| text);
    text.map(|text| Preview::stored(text.to_owned())).unwrap_or_default()
}

/// Decodes a whole number of a record.
pub(super) fn number(value: Option<Value>, field: &str) -> Result<u64, StoreError> {
    let number = match value {
        None | Some(Value::Nil) => return Err(corrupt(format!("the record lacks {field}"))),
        Some(Value::Int(number)) => u64::try_from(number).ok(),
        Some(Value::BulkString(digits)) if (1..=NUMBER_MAX_DIGITS).contains(&digits.len()) => {
            digits.iter().try_fold(0, |number, digit| {
                digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
            })
        }
        Some(_) => None,
    };
    number.ok_or_else(|| corrupt(format!("{field} is not a whole number")))
}

/// Decodes a text of a record.
fn text(value: Option<Value>, field: &str) -> Result<String, StoreError> {
    match value {
        None | Some(Value::Nil) => Err(corrupt(format!("the record lacks {field}"))),
        Some(Value::BulkString(bytes)) => {
            String::from_utf8(bytes).map_err(|_| corrupt(format!("{field} is not UTF-8")))
        }
        Some(_) => Err(corrupt(format!("{field} is not text"))),
    }
}

/// Decodes the reply to `TIME`.
pub(super) fn timestamp(reply: Value) -> Result<Timestamp, StoreError> {
    let (seconds, micros): (u64, u64) = read(reply)?;
    Ok(Timestamp::from_millis(seconds * 1000 + micros / 1000))
}
