//! Heads of sessions: the fields of a record by which watchers detect changes.

use super::{
    RedisStore, client::read, context::read_record, reply::number, scripts::IMPLICIT_TTL_MILLISECONDS,
};
use crate::{
    domain::{Incarnation, Owner, Timestamp, UserId},
    store::{EndedTurn, Head, HeadVersion, RunningTurn, StoreError, TurnOutcome, TurnTag},
};
use bb8_redis::redis::Value;
use std::time::Duration;

/// Fields of a head, in the order of scripts/changes.lua.
const HEAD_FIELDS: [&str; 11] = [
    "incarnation",
    "revision",
    "created_at",
    "last_activity",
    "ttl",
    "message_count",
    "turn_token",
    "turn_until",
    "turn_seq",
    "turn_request",
    "turn_ended",
];
/// Fields of the version of a head.
const VERSION_FIELDS: [&str; 3] = ["incarnation", "revision", "last_activity"];
/// Number of heads that are read in one round trip, to bound the time for which others wait.
const HEADS_PER_REQUEST: usize = 500;

impl RedisStore {
    pub(super) async fn read_heads(
        &self,
        sessions: &[(Owner, UserId)],
    ) -> Result<Vec<Option<Head>>, StoreError> {
        let now = self.server_time().await?;
        self.read_fields(sessions, &HEAD_FIELDS, |fields| head(fields, now).unwrap_or_default()).await
    }

    pub(super) async fn read_head_versions(
        &self,
        sessions: &[(Owner, UserId)],
    ) -> Result<Vec<Option<HeadVersion>>, StoreError> {
        self.read_fields(sessions, &VERSION_FIELDS, version).await
    }

    /// Reads fields of records. A record that cannot be read has none.
    async fn read_fields<T>(
        &self,
        sessions: &[(Owner, UserId)],
        fields: &[&str],
        decode: impl Fn(Value) -> Option<T>,
    ) -> Result<Vec<Option<T>>, StoreError> {
        let mut decoded = Vec::with_capacity(sessions.len());
        for part in sessions.chunks(HEADS_PER_REQUEST) {
            let commands = part.iter().map(|(owner, user_id)| read_record(owner, user_id, fields)).collect();
            for values in self.bulk.query_many(commands).await? {
                decoded.push(values.ok().and_then(&decode));
            }
        }
        Ok(decoded)
    }
}

/// Decodes [`VERSION_FIELDS`]; `None` if a field is missing, as in records of older versions.
fn version(fields: Value) -> Option<HeadVersion> {
    let [incarnation, revision, last_activity] = read::<Vec<Value>>(fields).ok()?.try_into().ok()?;
    Some(HeadVersion {
        incarnation: Incarnation::stored(&text(incarnation)?),
        revision: lenient(revision),
        last_activity: Timestamp::from_millis(number(Some(last_activity), "last_activity").ok()?),
    })
}

/// Decodes [`HEAD_FIELDS`]; `None` if the session is not live.
pub(super) fn head(fields: Value, now: Timestamp) -> Result<Option<Head>, StoreError> {
    let fields: [Value; HEAD_FIELDS.len()] = match read::<Vec<Value>>(fields)?.try_into() {
        Ok(fields) => fields,
        Err(_) => return Ok(None),
    };
    let [incarnation, revision, created_at, last_activity, ttl, count, token, until, seq, request, ended] =
        fields;
    if created_at == Value::Nil {
        return Ok(None);
    }
    // A record of an older version has none.
    let incarnation = text(incarnation).or_else(|| text(created_at)).unwrap_or_default();
    let last_activity = number(Some(last_activity), "last_activity")?;
    let ttl = optional(ttl, "ttl")?.unwrap_or(IMPLICIT_TTL_MILLISECONDS);
    let last_activity = Timestamp::from_millis(last_activity);
    let is_running = lenient(until) > now.as_millis();
    let token = text(token).filter(|_| is_running);
    Ok(Some(Head {
        incarnation: Incarnation::stored(&incarnation),
        revision: lenient(revision),
        message_count: count_of(number(Some(count), "message_count")?),
        last_activity,
        expires_at: last_activity.after(Duration::from_millis(ttl)),
        turn: token.map(|token| RunningTurn {
            tag: TurnTag::new(&token),
            reply_seq: count_of(lenient(seq)),
            request_id: text(request).unwrap_or_default(),
        }),
        ended_turn: text(ended).as_deref().and_then(ended_turn),
    }))
}

/// Parses the field `turn_ended`: token, outcome, seq and request id.
fn ended_turn(text: &str) -> Option<EndedTurn> {
    let mut parts = text.splitn(4, ' ');
    let (token, outcome, reply_seq) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
    let request_id = parts.next().unwrap_or_default().to_owned();
    Some(EndedTurn { tag: TurnTag::new(token), outcome: TurnOutcome::stored(outcome), reply_seq, request_id })
}

/// Decodes a text that no call depends on.
fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        _ => None,
    }
}

/// Decodes a number that no call depends on. Foreign data counts as zero.
fn lenient(value: Value) -> u64 {
    number(Some(value), "").unwrap_or_default()
}

fn optional(value: Value, field: &str) -> Result<Option<u64>, StoreError> {
    if value == Value::Nil { Ok(None) } else { number(Some(value), field).map(Some) }
}

fn count_of(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_turn_is_parsed_with_a_request_id_that_contains_spaces() {
        let turn = ended_turn("0123456789ab cancelled 7 my request").unwrap();
        assert_eq!(turn.tag.as_str(), "01234567");
        assert_eq!((turn.outcome, turn.reply_seq), (TurnOutcome::Cancelled, 7));
        assert_eq!(turn.request_id, "my request");
        assert_eq!(ended_turn("0123 done 1 ").unwrap().request_id, "");
        for foreign in ["", "0123", "0123 done", "0123 done x r"] {
            assert_eq!(ended_turn(foreign), None, "{foreign:?}");
        }
    }
}
