//! Checks that records, messages and index entries are consistent, and repairs them.

use super::list_consistency::ListFindings;
use crate::{
    domain::{Owner, UserId},
    store::{
        StoreError,
        redis::{
            client::{Idempotency, read},
            context::{RedisStore, millis, with_timeout},
            index::ORPHAN_MIN_AGE,
            keys,
            reply::Reply,
            scripts,
        },
    },
};
use bb8_redis::redis::cmd;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Pause before a second check of an inconsistent session, because a change may be in progress.
const RECHECK_DELAY: Duration = Duration::from_millis(100);

/// Result of a consistency check.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Consistency {
    /// Number of sessions that were checked.
    pub sessions: usize,
    /// `true` if these are all.
    pub is_complete: bool,
    /// Numbers of stored sessions of each owner that has any, in ascending order.
    pub sessions_by_owner: Vec<usize>,
    /// Repairable inconsistencies, each with its key, which does not name the owner.
    pub inconsistencies: Vec<String>,
    /// Keys with data that no call can use, each with the reason. The keys do not name their owners.
    pub corrupt: Vec<String>,
}

/// Owners and sessions found by their keys.
#[derive(Default)]
struct Found {
    /// Sessions with a record or messages.
    sessions: BTreeSet<(Owner, UserId)>,
    /// Sessions with a record.
    records: BTreeSet<(Owner, UserId)>,
    owners: BTreeSet<Owner>,
}

impl Found {
    fn add_session(&mut self, key: &str, owner: Owner, user_id: UserId) {
        if keys::record(&owner, &user_id) == key {
            self.records.insert((owner.clone(), user_id.clone()));
        }
        self.sessions.insert((owner, user_id));
    }
}

/// Returns the number of sessions of each owner, in ascending order.
fn count_by_owner(sessions: &BTreeSet<(Owner, UserId)>) -> Vec<usize> {
    let mut counts = BTreeMap::<_, usize>::new();
    for (owner, _) in sessions {
        *counts.entry(owner).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_values().collect();
    counts.sort_unstable();
    counts
}

impl RedisStore {
    /// Checks up to `limit` keys of each kind on each server, and repairs inconsistencies if `repair` is set.
    pub async fn check_consistency(&self, limit: usize, repair: bool) -> Result<Consistency, StoreError> {
        let mut result = Consistency { is_complete: true, ..Consistency::default() };
        let Found { mut sessions, records, owners } = self.find_keys(limit, &mut result).await?;
        result.sessions_by_owner = count_by_owner(&records);
        let mut unreadable: BTreeSet<Owner> = BTreeSet::new();
        for owner in owners {
            let ListFindings { user_ids, inconsistencies, is_unreadable } =
                self.check_list(&owner, limit, repair).await?;
            result.inconsistencies.extend(inconsistencies);
            sessions.extend(user_ids.into_iter().map(|user_id| (owner.clone(), user_id)));
            if is_unreadable {
                unreadable.insert(owner);
            }
        }
        result.sessions = sessions.len();
        for (owner, user_id) in sessions.iter().filter(|(owner, _)| !unreadable.contains(owner)) {
            self.check_session(owner, user_id, repair, &mut result).await?;
        }
        Ok(result)
    }

    async fn find_keys(&self, limit: usize, result: &mut Consistency) -> Result<Found, StoreError> {
        let mut found = Found::default();
        for pattern in keys::PATTERNS {
            let (keys, is_all) = self.client.scan(pattern, limit).await?;
            result.is_complete &= is_all;
            for key in keys {
                let text = String::from_utf8_lossy(&key);
                // A key that is not UTF-8 is not ours.
                match std::str::from_utf8(&key).ok().and_then(keys::parse) {
                    Some((owner, Some(user_id))) => found.add_session(&text, owner, user_id),
                    Some((owner, None)) => drop(found.owners.insert(owner)),
                    None => result.corrupt.push(format!(
                        "{}: no call uses a key of this name",
                        keys::without_owner(&text).escape_debug()
                    )),
                }
            }
        }
        Ok(found)
    }

    async fn check_session(
        &self,
        owner: &Owner,
        user_id: &UserId,
        repair: bool,
        result: &mut Consistency,
    ) -> Result<(), StoreError> {
        if let Some((key, cause)) = with_timeout(self.find_corruption(owner, user_id)).await? {
            result.corrupt.push(format!("{}: {cause}", keys::without_owner(&key)));
            return Ok(());
        }
        let key = keys::without_owner(&keys::record(owner, user_id));
        match with_timeout(self.find_inconsistencies(owner, user_id, false)).await? {
            Some(found) if found.is_empty() => return Ok(()),
            Some(_) => tokio::time::sleep(RECHECK_DELAY).await,
            None => {
                result.corrupt.push(format!("{key}: the record is corrupt"));
                return Ok(());
            }
        }
        let found =
            with_timeout(self.find_inconsistencies(owner, user_id, repair)).await?.unwrap_or_default();
        result.inconsistencies.extend(found.into_iter().map(|found| format!("{key}: {found}")));
        Ok(())
    }

    /// Returns the inconsistencies of a session, repaired if `repair` is set; `None` if its record is corrupt.
    async fn find_inconsistencies(
        &self,
        owner: &Owner,
        user_id: &UserId,
        repair: bool,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let mode = if repair { "repair" } else { "" };
        let [record, history] = keys::session(owner, user_id);
        let keys = [record, history, keys::turn_text(owner, user_id)];
        let mut call = self.prepare(&scripts::CHECK_SESSION, &keys);
        call.arg(mode);
        let mut reply = Reply::new(self.client.eval_read(&call, Idempotency::Idempotent).await?)?;
        if reply.status()? == "corrupt" {
            return Ok(None);
        }
        let expires_at = reply.next::<Option<u64>>()?;
        let mut found: Vec<String> = reply.next()?;
        let Some(expires_at) = expires_at else {
            found.extend(self.find_orphan(owner, user_id, repair).await?);
            return Ok(Some(found));
        };
        let mut call = self.prepare(&scripts::CHECK_INDEX_ENTRY, &keys::list(owner));
        call.arg(user_id.as_str()).arg(expires_at).arg(mode);
        let mut reply = Reply::new(self.client.eval_read(&call, Idempotency::Idempotent).await?)?;
        reply.status()?;
        if !reply.next::<bool>()? {
            found.push("it is not in its owner's list".into());
        }
        Ok(Some(found))
    }

    /// Finds the index entry of a session that is not live.
    async fn find_orphan(
        &self,
        owner: &Owner,
        user_id: &UserId,
        repair: bool,
    ) -> Result<Option<String>, StoreError> {
        let [index, ..] = keys::list(owner);
        let mut command = cmd("ZSCORE");
        command.arg(&index).arg(user_id.as_str());
        let reply = self.client.query(&command, Idempotency::Idempotent).await?;
        let Some(score) = read::<Option<f64>>(reply)? else { return Ok(None) };
        let now = self.server_time().await?.as_millis();
        let written_at = score - self.policy.session_ttl.as_secs_f64() * 1000.0;
        let newest = now.saturating_sub(millis(ORPHAN_MIN_AGE));
        if score < now as f64 || written_at > newest as f64 {
            return Ok(None);
        }
        if repair {
            // Only if it is unchanged: the session may have been created in the meantime.
            let mut call = self.prepare(&scripts::COUNT_AND_PRUNE_ORPHANS, &keys::list(owner));
            call.arg(millis(ORPHAN_MIN_AGE)).arg(user_id.as_str()).arg(score.floor());
            self.client.eval_read(&call, Idempotency::Idempotent).await?;
        }
        Ok(Some("its owner's list contains it, and it does not exist".into()))
    }
}
