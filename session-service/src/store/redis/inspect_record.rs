//! A session's record and messages, as the doctor reads them: everything that a call would fail on.

use super::{
    RedisStore, keys, read_record,
    reply::{messages, read, session},
};
use crate::{
    domain::{Owner, UserId, limits::SESSION_MAX_MESSAGES},
    store::StoreError,
};
use bb8_redis::redis::{Value, cmd};

/// The number of messages that are read at a time.
const MESSAGES_AT_ONCE: u32 = 100;
/// The width of an entry of recent_requests, as in scripts/requests.lua.
const REQUEST_WIDTH: usize = 34;

impl RedisStore {
    /// Returns the key that holds what no call can use, and the reason; none when the session is sound or absent.
    pub(super) async fn corruption(
        &self,
        owner: &Owner,
        user_id: &UserId,
    ) -> Result<Option<(String, String)>, StoreError> {
        let [record, history] = keys::session(owner, user_id);
        let mut requests = cmd("HGET");
        requests.arg(&record).arg("recent_requests");
        let answers = self.link.ask_all(vec![read_record(owner, user_id), requests]).await?;
        let mut answers = answers.into_iter();
        let mut next = || answers.next().unwrap_or(Ok(Value::Nil));
        let is_live = match (next(), next()) {
            (Ok(fields), Ok(requests)) => check_record(user_id, fields, requests),
            _ => Err("it is not a hash".to_owned()),
        };
        match is_live {
            Err(cause) => Ok(Some((record, cause))),
            Ok(false) => Ok(None),
            Ok(true) => Ok(self.messages_cause(&history).await?.map(|cause| (history, cause))),
        }
    }

    /// Reads all messages of a session, and returns the reason why they cannot be used.
    async fn messages_cause(&self, history: &str) -> Result<Option<String>, StoreError> {
        for first in (0..SESSION_MAX_MESSAGES).step_by(MESSAGES_AT_ONCE as usize) {
            let mut range = cmd("LRANGE");
            range.arg(history).arg(first).arg(first + MESSAGES_AT_ONCE - 1);
            let Some(Ok(stored)) = self.link.ask_all(vec![range]).await?.pop() else {
                return Ok(Some("it is not a list".into()));
            };
            let stored: Vec<Vec<u8>> = read(stored)?;
            let is_last = stored.len() < MESSAGES_AT_ONCE as usize;
            let texts: Result<Vec<_>, _> = stored.into_iter().map(String::from_utf8).collect();
            let Ok(texts) = texts else { return Ok(Some("a message is not UTF-8".into())) };
            if let Err(StoreError::Broken(cause)) = messages(first + 1, texts) {
                return Ok(Some(cause.to_string()));
            }
            if is_last {
                break;
            }
        }
        Ok(None)
    }
}

/// Returns `true` if there is a record and `false` if there is none; the error is the reason why it cannot be used.
fn check_record(user_id: &UserId, fields: Value, requests: Value) -> Result<bool, String> {
    match session(user_id, fields) {
        Ok(None) => return Ok(false),
        Ok(Some(_)) => {}
        Err(StoreError::Broken(cause)) => return Err(cause.to_string()),
        Err(error) => return Err(error.to_string()),
    }
    match requests {
        Value::BulkString(requests) if requests.len() % REQUEST_WIDTH != 0 || !requests.is_ascii() => {
            Err("recent_requests is not made of whole entries".into())
        }
        _ => Ok(true),
    }
}
