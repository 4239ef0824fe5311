//! Finds corrupt data in a session's record and messages: everything that would fail a call.

use crate::{
    domain::{Owner, UserId, limits::SESSION_MAX_MESSAGES},
    store::{
        StoreError,
        redis::{
            client::read,
            context::{RedisStore, read_record},
            keys,
            reply::{SESSION_FIELDS, messages, session},
        },
    },
};
use bb8_redis::redis::{Value, cmd};

/// Number of messages to read at a time.
const CHUNK: u32 = 100;
/// Width of an entry of recent_requests, as in scripts/requests.lua.
const REQUEST_WIDTH: usize = 34;
/// Width of the digits at its end.
const REQUEST_DIGITS: usize = 10;

impl RedisStore {
    /// Returns the key with corrupt data and the reason; `None` if the session is readable or absent.
    pub(super) async fn find_corruption(
        &self,
        owner: &Owner,
        user_id: &UserId,
    ) -> Result<Option<(String, String)>, StoreError> {
        let [record, history] = keys::session(owner, user_id);
        let mut requests = cmd("HGET");
        requests.arg(&record).arg("recent_requests");
        let replies =
            self.client.query_many(vec![read_record(owner, user_id, &SESSION_FIELDS), requests]).await?;
        let mut replies = replies.into_iter();
        let mut next = || replies.next().unwrap_or(Ok(Value::Nil));
        let is_live = match (next(), next()) {
            (Ok(fields), Ok(requests)) => check_record(user_id, fields, requests),
            _ => Err("it is not a hash".to_owned()),
        };
        match is_live {
            Err(cause) => Ok(Some((record, cause))),
            Ok(false) => Ok(None),
            Ok(true) => Ok(self.find_corrupt_message(&history).await?.map(|cause| (history, cause))),
        }
    }

    /// Reads all messages of a session. Returns the reason if they are corrupt.
    async fn find_corrupt_message(&self, history: &str) -> Result<Option<String>, StoreError> {
        for first in (0..SESSION_MAX_MESSAGES).step_by(CHUNK as usize) {
            let mut range = cmd("LRANGE");
            range.arg(history).arg(first).arg(first + CHUNK - 1);
            let Some(Ok(stored)) = self.client.query_many(vec![range]).await?.pop() else {
                return Ok(Some("it is not a list".into()));
            };
            let stored: Vec<Vec<u8>> = read(stored)?;
            let is_last = stored.len() < CHUNK as usize;
            let texts: Result<Vec<_>, _> = stored.into_iter().map(String::from_utf8).collect();
            let Ok(texts) = texts else { return Ok(Some("a message is not UTF-8".into())) };
            if let Err(StoreError::Corrupt(cause)) = messages(first + 1, texts) {
                return Ok(Some(cause.to_string()));
            }
            if is_last {
                break;
            }
        }
        Ok(None)
    }
}

/// Returns `true` if there is a record. The error is the reason why it is corrupt.
fn check_record(user_id: &UserId, fields: Value, requests: Value) -> Result<bool, String> {
    match session(user_id, fields) {
        Ok(None) => return Ok(false),
        Ok(Some(_)) => {}
        Err(StoreError::Corrupt(cause)) => return Err(cause.to_string()),
        Err(error) => return Err(error.to_string()),
    }
    match requests {
        Value::BulkString(requests) if !requests.chunks(REQUEST_WIDTH).all(is_request) => {
            Err("recent_requests has corrupt entries".into())
        }
        _ => Ok(true),
    }
}

/// Returns whether this is an entry of recent_requests.
fn is_request(entry: &[u8]) -> bool {
    let is_digest = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let parts = entry.split_last_chunk::<REQUEST_DIGITS>();
    parts.is_some_and(|(digests, digits)| {
        entry.len() == REQUEST_WIDTH
            && digests.iter().all(is_digest)
            && digits.iter().all(u8::is_ascii_hexdigit)
    })
}
