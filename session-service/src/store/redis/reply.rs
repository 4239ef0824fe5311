//! What the scripts answer: a word, then values.

use crate::{
    domain::{Message, PersonaKey, Session, Timestamp, UserId, limits::TIME_MAX_MILLISECONDS},
    store::{StoreError, metadata, record},
};
use bb8_redis::redis::{FromRedisValue, Value, from_redis_value};
use std::time::Duration;

/// The fields of a session, in the order of `session()` in scripts/session.lua.
pub(super) const SESSION_FIELDS: [&str; 6] =
    ["persona", "created_at", "last_activity", "ttl", "message_count", "metadata"];

/// A script's answer, read from its beginning.
pub(super) struct Reply(std::vec::IntoIter<Value>);

impl Reply {
    pub(super) fn new(value: Value) -> Result<Self, StoreError> {
        Ok(Self(read::<Vec<Value>>(value)?.into_iter()))
    }

    pub(super) fn next<T: FromRedisValue>(&mut self) -> Result<T, StoreError> {
        read(self.0.next().unwrap_or(Value::Nil))
    }
    /// The word that says how it went; the words that mean an error become one.
    pub(super) fn word(&mut self) -> Result<String, StoreError> {
        let word: String = self.next()?;
        match word.as_str() {
            "not_found" => Err(StoreError::NotFound),
            "exists" => Err(StoreError::Exists),
            "full" => Err(StoreError::Full),
            "too_many_sessions" => Err(StoreError::TooManySessions),
            "request_id_reused" => Err(StoreError::RequestIdReused),
            "turn_in_progress" => Err(StoreError::TurnInProgress(Duration::from_millis(self.next()?))),
            "turn_lost" => Err(StoreError::TurnLost),
            "listing_expired" => Err(StoreError::ListingExpired),
            _ => Ok(word),
        }
    }

    /// Whether the word, which was not read yet, is one of those.
    pub(super) fn is_refusal(&self) -> bool {
        let mut word = Self(self.0.as_slice().iter().take(1).cloned().collect::<Vec<_>>().into_iter());
        word.word().is_err()
    }

    pub(super) fn timestamp(&mut self) -> Result<Timestamp, StoreError> {
        self.next().map(Timestamp::from_millis)
    }

    pub(super) fn session(&mut self, user_id: &UserId) -> Result<Session, StoreError> {
        session(user_id, self.next()?)?.ok_or_else(|| broken("a session lacks its record"))
    }

    /// One message, which has the seq `seq`.
    pub(super) fn message(&mut self, seq: u32) -> Result<Message, StoreError> {
        self.messages(seq)?.pop().ok_or_else(|| broken(format!("message {seq} is not there")))
    }

    /// Messages whose first has the seq `first`.
    pub(super) fn messages(&mut self, first: u32) -> Result<Vec<Message>, StoreError> {
        messages(first, self.next()?)
    }
}

/// The messages that are stored like this; the first has the seq `first`.
pub(super) fn messages(first: u32, stored: Vec<String>) -> Result<Vec<Message>, StoreError> {
    (first..).zip(stored).map(|(seq, json)| record::decode(&json, seq).map_err(broken)).collect()
}

/// The lifetime of a session whose record does not mention one, in milliseconds.
const HOUR: u64 = 60 * 60 * 1000;

/// The session of these fields; none when there are none.
pub(super) fn session(user_id: &UserId, fields: Value) -> Result<Option<Session>, StoreError> {
    let mut fields = Reply::new(fields)?;
    if fields.0.as_slice().iter().all(|field| *field == Value::Nil) {
        return Ok(None);
    }
    let persona = text(fields.0.next(), "persona")?;
    let created_at = number(fields.0.next(), "created_at")?;
    let last_activity = number(fields.0.next(), "last_activity")?;
    let ttl = match fields.0.next() {
        None | Some(Value::Nil) => HOUR,
        ttl => number(ttl, "ttl")?,
    };
    let message_count = number(fields.0.next(), "message_count")?;
    let metadata = text(fields.0.next(), "metadata")?;
    if created_at.max(last_activity + ttl) > TIME_MAX_MILLISECONDS {
        return Err(broken("a time of the record is after the year 9999"));
    }
    let last_activity = Timestamp::from_millis(last_activity);
    Ok(Some(Session {
        user_id: user_id.clone(),
        persona: PersonaKey::new(&persona),
        created_at: Timestamp::from_millis(created_at),
        last_activity,
        expires_at: last_activity.after(Duration::from_millis(ttl)),
        message_count: u32::try_from(message_count).map_err(|_| broken("message_count is too large"))?,
        metadata: metadata::stored(&metadata).map_err(broken)?,
    }))
}

/// The most digits of a number in a record, as in scripts/prelude.lua.
const NUMBER_MAX_DIGITS: usize = 15;

/// Returns a whole number of a record.
fn number(value: Option<Value>, field: &str) -> Result<u64, StoreError> {
    let number = match value {
        None | Some(Value::Nil) => return Err(broken(format!("the record lacks {field}"))),
        Some(Value::Int(number)) => u64::try_from(number).ok(),
        Some(Value::BulkString(digits)) => std::str::from_utf8(&digits)
            .ok()
            .filter(|text| text.len() <= NUMBER_MAX_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok()),
        Some(_) => None,
    };
    number.ok_or_else(|| broken(format!("{field} is not a whole number")))
}

/// Returns a text of a record.
fn text(value: Option<Value>, field: &str) -> Result<String, StoreError> {
    match value {
        None | Some(Value::Nil) => Err(broken(format!("the record lacks {field}"))),
        Some(Value::BulkString(bytes)) => {
            String::from_utf8(bytes).map_err(|_| broken(format!("{field} is not UTF-8")))
        }
        Some(_) => Err(broken(format!("{field} is not text"))),
    }
}

/// The answer to `TIME`.
pub(super) fn timestamp(answer: Value) -> Result<Timestamp, StoreError> {
    let (seconds, micros): (u64, u64) = read(answer)?;
    Ok(Timestamp::from_millis(seconds * 1000 + micros / 1000))
}

pub(super) fn read<T: FromRedisValue>(value: Value) -> Result<T, StoreError> {
    parse(value).map_err(|category| broken(format!("a value is corrupt: {category}")))
}

/// Parses a value. The error names the types and never the value, which the library's own message quotes.
fn parse<T: FromRedisValue>(value: Value) -> Result<T, String> {
    let found = match &value {
        Value::Nil => "nothing",
        Value::Int(_) => "an integer",
        Value::BulkString(_) | Value::SimpleString(_) => "a string",
        Value::Array(_) => "an array",
        _ => "a value of another type",
    };
    from_redis_value(value).map_err(|_| format!("{found} where {} is stored", std::any::type_name::<T>()))
}

pub(super) fn broken(cause: impl Into<crate::store::Cause>) -> StoreError {
    StoreError::Broken(cause.into())
}
