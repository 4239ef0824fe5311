//! Changes of sessions together with their entries in the owner's index.
//!
//! On a single node one script changes both. In a cluster the index is on another node than the session: the index entry
//! is written first, then the session. So a session always has an index entry. An index entry may be without a session,
//! because the change was rejected or the process died in between; such an orphan is left out of lists and pruned.

use super::{
    RedisStore,
    client::{Idempotency, ScriptCall, read},
    context::{millis, read_record},
    corrupt::Record,
    keys,
    reply::Reply,
    scripts,
};
use crate::{
    domain::{Cursor, IfExists, NewSession, Owner, RequestId, UserId},
    store::StoreError,
};
use std::time::Duration;

/// Minimum age before an orphaned index entry is pruned. A concurrent create may still be between its two steps; no call
/// runs longer than this.
pub(super) const ORPHAN_MIN_AGE: Duration = Duration::from_secs(10);

/// Treatment of a session that has no index entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IndexPolicy {
    /// Write none.
    Existing,
    /// Write one, unless the owner has too many sessions.
    Insert,
    /// Write one: the session is live, and its entry was lost.
    Restore,
}

/// Result of an index update.
struct IndexUpdate {
    /// `true` if the session has no entry and received none.
    is_missing: bool,
    /// Unique timestamp of this change.
    timestamp: String,
    /// Score of the entry before this change.
    previous_score: Option<String>,
}

impl RedisStore {
    /// Runs a script that changes a session and its expiry, and updates the index entry.
    pub(super) async fn change(
        &self,
        owner: &Owner,
        user_id: &UserId,
        mut call: ScriptCall,
        policy: IndexPolicy,
        idempotency: Idempotency,
    ) -> Result<Reply, StoreError> {
        if !self.client.is_cluster() {
            return Reply::new(self.client.eval_write(&call, idempotency).await?);
        }
        let update = self.update_index(owner, user_id, policy).await?;
        call.arg(&update.timestamp);
        let reply = Reply::new(self.client.eval_write(&call, idempotency).await?)?;
        match (reply.is_rejection(), &update.previous_score) {
            (true, Some(score)) => self.revert_index_entry(owner, user_id, &update.timestamp, score).await,
            // The session is live: the node of the index lost an acknowledged write.
            (false, None) if update.is_missing => {
                self.update_index(owner, user_id, IndexPolicy::Restore).await?;
            }
            _ => {}
        }
        Ok(reply)
    }

    async fn update_index(
        &self,
        owner: &Owner,
        user_id: &UserId,
        policy: IndexPolicy,
    ) -> Result<IndexUpdate, StoreError> {
        let mut call = self.prepare(&scripts::UPDATE_INDEX, &keys::list(owner));
        let (name, limit) = match policy {
            IndexPolicy::Existing => ("existing", String::new()),
            IndexPolicy::Insert => ("insert", self.session_limit()),
            IndexPolicy::Restore => ("insert", String::new()),
        };
        call.arg(user_id.as_str()).arg(name).arg(limit);
        let mut reply = Reply::new(self.client.eval_write(&call, Idempotency::Idempotent).await?)?;
        let is_missing = reply.status()? == "missing";
        Ok(IndexUpdate { is_missing, timestamp: reply.next()?, previous_score: reply.next()? })
    }

    /// Restores the score that an entry had before a rejected change. A failure is ignored, because the entry is valid
    /// either way.
    async fn revert_index_entry(&self, owner: &Owner, user_id: &UserId, timestamp: &str, score: &str) {
        let mut call = self.prepare(&scripts::REVERT_INDEX_ENTRY, &keys::list(owner));
        call.arg(user_id.as_str()).arg(timestamp).arg(score);
        if let Err(error) = self.client.eval_read(&call, Idempotency::Idempotent).await {
            tracing::debug!(%error, "index entry not reverted");
        }
    }

    /// Removes the index entry of a deleted session whose last change had this timestamp. On a single node it was removed
    /// with the session, and there is no timestamp.
    pub(super) async fn remove_index_entry(
        &self,
        owner: &Owner,
        user_id: &UserId,
        timestamp: Option<String>,
    ) -> Result<(), StoreError> {
        if let Some(timestamp) = timestamp {
            let mut call = self.prepare(&scripts::REMOVE_INDEX_ENTRY, &keys::list(owner));
            call.arg(user_id.as_str()).arg(timestamp).arg(millis(ORPHAN_MIN_AGE));
            self.client.eval_write(&call, Idempotency::Idempotent).await?;
        }
        Ok(())
    }

    /// Counts index entries without a session and removes those older than [`ORPHAN_MIN_AGE`].
    pub(super) async fn count_and_prune_orphans(
        &self,
        owner: &Owner,
        entries: &[Cursor],
        records: &[Record],
    ) -> Result<u32, StoreError> {
        if !self.client.is_cluster() {
            return Ok(0);
        }
        let absent = entries.iter().zip(records).filter(|(_, record)| matches!(record, Record::Absent));
        let orphans: Vec<_> =
            absent.filter_map(|(entry, _)| Some((entry.user_id.as_ref()?, entry.expires_at))).collect();
        if orphans.is_empty() {
            return Ok(0);
        }
        let mut call = self.prepare(&scripts::COUNT_AND_PRUNE_ORPHANS, &keys::list(owner));
        call.arg(millis(ORPHAN_MIN_AGE));
        for (user_id, expires_at) in orphans {
            call.arg(user_id.as_str()).arg(expires_at.as_millis());
        }
        let mut reply = Reply::new(self.client.eval_read(&call, Idempotency::Idempotent).await?)?;
        reply.status()?;
        reply.next()
    }

    /// Returns `true` if creating this session would fail with `AlreadyExists`.
    ///
    /// Cluster only. There, the index entry is written before the record, and this check avoids writing one in vain.
    pub(super) async fn would_conflict(&self, owner: &Owner, new: &NewSession) -> Result<bool, StoreError> {
        if new.if_exists == IfExists::Return || !self.client.is_cluster() {
            return Ok(false);
        }
        let live = self.creation_request_id(owner, &new.user_id).await?;
        Ok(live.is_some_and(|request_id| {
            request_id.is_none() || request_id.as_deref() != new.request_id.as_ref().map(RequestId::as_str)
        }))
    }

    /// Returns the request id that created a live session; `None` if no session is live.
    async fn creation_request_id(
        &self,
        owner: &Owner,
        user_id: &UserId,
    ) -> Result<Option<Option<String>>, StoreError> {
        let command = read_record(owner, user_id, &["created_at", "request_id"]);
        let reply = self.client.query(&command, Idempotency::Idempotent).await?;
        let (created_at, request_id): (Option<String>, Option<String>) = read(reply)?;
        Ok(created_at.map(|_| request_id))
    }
}
