//! Pages of an owner's sessions: the index entries by script, then their records.

use super::{
    RedisStore,
    client::{Idempotency, corrupt},
    context::read_record,
    corrupt::Record,
    keys,
    reply::{Reply, SESSION_FIELDS, session},
    scripts,
};
use crate::{
    domain::{Cursor, Owner, Timestamp, UserId, limits::LIST_PAGE_MIN_ITEMS},
    store::{ListPage, SessionPage, StoreError},
};
use bb8_redis::redis::Value;

/// A page of index entries.
struct Entries {
    entries: Vec<Cursor>,
    /// Number of live sessions on all pages.
    total_count: u32,
    next: Option<Cursor>,
    /// Number of members of the index that are not text.
    skipped: u32,
}

impl RedisStore {
    pub(super) async fn list_sessions(
        &self,
        owner: &Owner,
        page: &ListPage,
    ) -> Result<SessionPage, StoreError> {
        let Entries { entries, total_count, next, skipped } = self.list_entries(owner, page).await?;
        let records = self.records(owner, &entries).await?;
        let orphans = self.count_and_prune_orphans(owner, &entries, &records).await?;
        let corrupt = records.iter().filter(|record| matches!(record, Record::Corrupt)).count();
        let corrupt = skipped + u32::try_from(corrupt).unwrap_or(u32::MAX);
        let total_count = total_count.saturating_sub(orphans + corrupt);
        let sessions = entries.into_iter().zip(records.into_iter().map(Record::live)).collect();
        Ok(SessionPage { corrupt, ..SessionPage::fit(sessions, total_count, next) })
    }

    async fn list_entries(&self, owner: &Owner, page: &ListPage) -> Result<Entries, StoreError> {
        let mut call = self.prepare(&scripts::LIST, &keys::list(owner));
        call.arg(page.size.items()).arg(LIST_PAGE_MIN_ITEMS);
        if let Some(cursor) = &page.after {
            let user_id = cursor.user_id.as_ref().map_or("", UserId::as_str);
            call.arg(cursor.snapshot_at.as_millis()).arg(cursor.expires_at.as_millis()).arg(user_id);
        }
        let mut reply = Reply::new(self.bulk.eval_read(&call, Idempotency::Idempotent).await?)?;
        reply.status()?;
        let total_count = reply.next()?;
        let snapshot_at = reply.timestamp()?;
        let user_ids = reply.next::<Vec<String>>()?;
        let expiries = reply.next::<Vec<u64>>()?;
        let entry = |(user_id, expires_at): (String, u64)| cursor(snapshot_at, expires_at, &user_id);
        let entries = user_ids.into_iter().zip(expiries).map(entry).collect();
        let (next_expiry, next_user_id) = (reply.next::<Option<u64>>()?, reply.next::<String>()?);
        let next = next_expiry.map(|expires_at| cursor(snapshot_at, expires_at, &next_user_id));
        Ok(Entries { entries, total_count, next, skipped: reply.next()? })
    }

    /// Returns the record of each index entry, in the same order. A corrupt one does not affect the others.
    async fn records(&self, owner: &Owner, entries: &[Cursor]) -> Result<Vec<Record>, StoreError> {
        let user_id = |entry: &Cursor| UserId::try_from(entry.user_id.as_ref()?.as_str()).ok();
        let user_ids: Vec<Option<UserId>> = entries.iter().map(user_id).collect();
        let commands =
            user_ids.iter().flatten().map(|user_id| read_record(owner, user_id, &SESSION_FIELDS)).collect();
        let mut replies = self.bulk.query_many(commands).await?.into_iter();
        let record = |user_id: Option<UserId>| {
            let Some(user_id) = user_id else {
                let [index, ..] = keys::list(owner);
                self.corrupt.report(&index, &corrupt("a member is not a user_id"));
                return Record::Corrupt;
            };
            match replies.next().unwrap_or(Ok(Value::Nil)).and_then(|fields| session(&user_id, fields)) {
                Ok(session) => session.map_or(Record::Absent, Record::Live),
                Err(cause) => {
                    let key = keys::record(owner, &user_id);
                    self.corrupt.report(&key, &cause);
                    Record::Corrupt
                }
            }
        };
        Ok(user_ids.into_iter().map(record).collect())
    }
}

fn cursor(snapshot_at: Timestamp, expires_at: u64, user_id: &str) -> Cursor {
    let user_id = (!user_id.is_empty()).then(|| UserId::stored(user_id));
    Cursor { snapshot_at, expires_at: Timestamp::from_millis(expires_at), user_id }
}
