//! What the scripts answer: a word, then values.

use crate::{
    domain::{Message, Metadata, PersonaKey, Session, Timestamp, UserId},
    store::{StoreError, record},
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

    /// Returns the next value, which is a field of a session.
    fn field<T: FromRedisValue>(&mut self, name: &str) -> Result<T, StoreError> {
        let value = self.0.next().unwrap_or(Value::Nil);
        parse(value)
            .map_err(|category| broken(format!("the field {name} of a session is corrupt: {category}")))
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
    let persona = PersonaKey::new(&fields.field::<String>("persona")?);
    let created_at = Timestamp::from_millis(fields.field("created_at")?);
    let last_activity = Timestamp::from_millis(fields.field("last_activity")?);
    let ttl = fields.field::<Option<u64>>("ttl")?.unwrap_or(HOUR);
    Ok(Some(Session {
        user_id: user_id.clone(),
        persona,
        created_at,
        last_activity,
        expires_at: last_activity.after(Duration::from_millis(ttl)),
        message_count: fields.field("message_count")?,
        metadata: Metadata::stored(&fields.field::<String>("metadata")?),
    }))
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
