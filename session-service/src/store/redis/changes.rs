//! Changes of a session since a position, read by one script.

use super::{
    RedisStore,
    client::{Idempotency, corrupt, read},
    head::head,
    keys,
    reply::{Reply, session},
    scripts,
};
use crate::{
    domain::{Owner, UserId, limits::HISTORY_PAGE_MAX_BYTES},
    store::{Changes, Position, RunningTurn, StoreError, TurnTag, live::CHANGES_MAX_MESSAGES},
};
use bb8_redis::redis::{Cmd, Value};

impl RedisStore {
    pub(super) async fn read_changes(
        &self,
        owner: &Owner,
        user_id: &UserId,
        since: &Position,
    ) -> Result<Changes, StoreError> {
        match self.try_read_changes(owner, user_id, since).await? {
            Some(changes) => Ok(changes),
            // The offset is within a character, so the caller made it up.
            None => {
                let since = Position { seq: since.seq, text: None };
                let changes = self.try_read_changes(owner, user_id, &since).await?;
                changes.ok_or_else(|| corrupt("the text of the turn is not UTF-8"))
            }
        }
    }

    /// Returns `None` if the text is not UTF-8 from the offset on.
    async fn try_read_changes(
        &self,
        owner: &Owner,
        user_id: &UserId,
        since: &Position,
    ) -> Result<Option<Changes>, StoreError> {
        let mut keys = Vec::from(keys::session(owner, user_id));
        if !self.client.is_cluster() {
            keys.push(keys::turn_text(owner, user_id));
        }
        let mut call = self.prepare(&scripts::CHANGES, &keys);
        let (tag, bytes) = since.text.as_ref().map_or(("", 0), |(tag, bytes)| (tag.as_str(), *bytes));
        call.arg(since.seq).arg(tag).arg(bytes).arg(CHANGES_MAX_MESSAGES).arg(HISTORY_PAGE_MAX_BYTES);
        let mut reply = Reply::new(self.bulk.eval_read(&call, Idempotency::Idempotent).await?)?;
        let now = reply.timestamp()?;
        let session = session(user_id, reply.next::<Value>()?)?.ok_or(StoreError::NotFound)?;
        let head = head(reply.next::<Value>()?, now)?.ok_or(StoreError::NotFound)?;
        let messages = reply.messages(since.seq.saturating_add(1))?;
        let text_offset = reply.next()?;
        let text = match reply.next::<Option<Vec<u8>>>()? {
            Some(text) => text,
            None => self.read_text(owner, user_id, text_offset, head.turn.as_ref()).await?,
        };
        let Ok(text) = String::from_utf8(text) else { return Ok(None) };
        let (text_offset, text) = if head.turn.is_some() { (text_offset, text) } else { (0, String::new()) };
        Ok(Some(Changes { now, session, head, messages, text_offset, text }))
    }

    /// Reads the text of a running turn from an offset on, empty if the turn ended in the meantime.
    async fn read_text(
        &self,
        owner: &Owner,
        user_id: &UserId,
        offset: u32,
        turn: Option<&RunningTurn>,
    ) -> Result<Vec<u8>, StoreError> {
        let Some(turn) = turn else { return Ok(Vec::new()) };
        let record = keys::record(owner, user_id);
        let text = Cmd::getrange(keys::turn_text(owner, user_id), offset as isize, -1);
        let text: Vec<u8> = read(self.bulk.query(&text, Idempotency::Idempotent).await?)?;
        // The turn was the running one before the text was read. If it still is, the text is its own.
        let token = self.bulk.query(&Cmd::hget(record, "turn_token"), Idempotency::Idempotent).await?;
        let token: Option<String> = read(token)?;
        let is_same = token.is_some_and(|token| TurnTag::new(&token) == turn.tag);
        Ok(if is_same { text } else { Vec::new() })
    }
}
