//! Pages of a session's messages.

use super::{
    RedisStore,
    client::{Idempotency, corrupt, read},
    context::read_record,
    keys,
    reply::{Reply, messages},
    scripts,
};
use crate::{
    domain::{HistoryPage, HistoryRange, Owner, UserId, limits::HISTORY_PAGE_MAX_BYTES},
    store::{History, StoreError},
};
use bb8_redis::redis::{Cmd, Value};

/// Maximum number of messages of a page that is read without the script and cut to its maximum size here.
///
/// The script does both on the server, which takes five times as long there (docs/performance.md), but many long
/// messages must not be sent in vain.
const PLAIN_PAGE_MAX_ITEMS: u32 = 100;

impl RedisStore {
    pub(super) async fn read_history(
        &self,
        owner: &Owner,
        user_id: &UserId,
        page: HistoryPage,
    ) -> Result<History, StoreError> {
        match self.read_plain_page(owner, user_id, page).await? {
            Some(history) => Ok(history),
            None => self.read_page_by_script(&keys::session(owner, user_id), page).await,
        }
    }

    /// Reads a page without the script, in one round trip. Returns `None` if that is not possible, or if the replies are
    /// not from one state of the session.
    ///
    /// `MULTI` would guarantee one state, but Redis rejects it while it is over `maxmemory`. So the record is read before
    /// and after the messages, and must be equal. Two sessions of the same name have equal fields only if both were
    /// created and last used in the same millisecond.
    async fn read_plain_page(
        &self,
        owner: &Owner,
        user_id: &UserId,
        page: HistoryPage,
    ) -> Result<Option<History>, StoreError> {
        let range = plain_range(page).filter(|_| !self.client.is_cluster());
        let permit = range.and_then(|_| self.plain_messages.try_acquire_many(page.size.items()).ok());
        let Some(((first, last), _permit)) = range.zip(permit) else { return Ok(None) };
        let state = read_record(owner, user_id, &["message_count", "created_at", "last_activity"]);
        let messages = Cmd::lrange(keys::messages(owner, user_id), first, last);
        let replies = self.bulk.query_many(vec![state.clone(), messages, state]).await?;
        let [before, messages, after] =
            <[_; 3]>::try_from(replies).map_err(|_| corrupt("not one reply per command"))?;
        let (before, messages) = (before?, messages?);
        if before != after? { Ok(None) } else { plain_page(before, messages, page) }
    }

    async fn read_page_by_script(&self, keys: &[String], page: HistoryPage) -> Result<History, StoreError> {
        let mut call = self.prepare(&scripts::HISTORY, keys);
        let (range, seq) = match page.range {
            HistoryRange::Latest => ("latest", 0),
            HistoryRange::Before(seq) => ("before", seq),
            HistoryRange::After(seq) => ("after", seq),
        };
        call.arg(range).arg(seq).arg(page.size.items()).arg(HISTORY_PAGE_MAX_BYTES);
        let mut reply = Reply::new(self.bulk.eval_read(&call, Idempotency::Idempotent).await?)?;
        reply.status()?;
        let message_count = reply.next()?;
        let first_seq = reply.next::<i64>()?;
        history(message_count, u32::try_from(first_seq).unwrap_or_default(), reply.next()?, page)
    }
}

/// Returns the first and last index of the page in the list if they do not depend on the number of messages. A negative
/// index is counted from the end.
fn plain_range(page: HistoryPage) -> Option<(isize, isize)> {
    let items = page.size.items();
    let size = isize::try_from(items).ok().filter(|_| items <= PLAIN_PAGE_MAX_ITEMS)?;
    match page.range {
        HistoryRange::Latest => Some((-size, -1)),
        HistoryRange::After(seq) => isize::try_from(seq).ok().map(|first| (first, first + size - 1)),
        HistoryRange::Before(_) => None,
    }
}

/// Returns the page of messages that were read by [`plain_range`]; `None` if they are not those of the record.
fn plain_page(record: Value, messages: Value, page: HistoryPage) -> Result<Option<History>, StoreError> {
    let (count, created_at, _): (Value, Value, Value) = read(record)?;
    if (&count, &created_at) == (&Value::Nil, &Value::Nil) {
        return Err(StoreError::NotFound);
    }
    let message_count = read::<u32>(count)?;
    let mut stored: Vec<String> = read(messages)?;
    let bounds = page.bounds(message_count);
    if stored.len() != bounds.map_or(0, |(first, last)| (last - first) as usize + 1) {
        return Ok(None);
    }
    let removed = page.trim(&mut stored, HISTORY_PAGE_MAX_BYTES, String::len);
    let first_seq = bounds.map_or(0, |(first, _)| first) + removed;
    history(message_count, first_seq, stored, page).map(Some)
}

fn history(
    message_count: u32,
    first_seq: u32,
    stored: Vec<String>,
    page: HistoryPage,
) -> Result<History, StoreError> {
    let messages = messages(first_seq, stored)?;
    let has_more = page.has_more(&messages, message_count);
    Ok(History { message_count, messages, has_more })
}
