//! Whether records, messages and lists agree: for the doctor, never for a call.

use super::{
    RedisStore, in_time, keys,
    link::Repeat,
    places::PLACE_MIN_AGE,
    reply::{Reply, read},
    scripts,
};
use crate::{
    domain::{Owner, UserId},
    store::{SessionStore, StoreError},
};
use bb8_redis::redis::cmd;
use std::{collections::BTreeSet, time::Duration};

/// How long what looks wrong is left to itself before it counts: a change may be in the middle of it.
const SECOND_LOOK_AFTER: Duration = Duration::from_millis(100);

/// What an inspection found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// How many sessions were looked at.
    pub sessions: usize,
    /// Whether these are all.
    pub is_complete: bool,
    /// What is wrong and can be mended, with the key that it is about.
    pub findings: Vec<String>,
    /// The keys that hold what no call can use, each with the reason.
    pub damaged: Vec<String>,
}

impl RedisStore {
    /// Looks at up to `limit` sessions and lists of each server, and mends what is wrong if `repair` says so.
    pub async fn inspect(&self, limit: usize, repair: bool) -> Result<Inspection, StoreError> {
        let mut inspection = Inspection { is_complete: true, ..Inspection::default() };
        let mut sessions: BTreeSet<(Owner, UserId)> = BTreeSet::new();
        let mut owners: BTreeSet<Owner> = BTreeSet::new();
        for pattern in keys::PATTERNS {
            let (found, is_all) = self.link.scan(pattern, limit).await?;
            inspection.is_complete &= is_all;
            for key in found {
                match std::str::from_utf8(&key).ok().and_then(keys::parse) {
                    Some((owner, Some(user_id))) => drop(sessions.insert((owner, user_id))),
                    Some((owner, None)) => drop(owners.insert(owner)),
                    None => inspection.damaged.push(format!(
                        "{}: no call reaches a key of this name",
                        String::from_utf8_lossy(&key).escape_debug()
                    )),
                }
            }
        }
        let mut unreadable: BTreeSet<Owner> = BTreeSet::new();
        for owner in owners {
            let found = self.check_list(&owner, limit, repair).await?;
            inspection.findings.extend(found.wrong);
            sessions.extend(found.user_ids.into_iter().map(|user_id| (owner.clone(), user_id)));
            if found.is_unreadable {
                unreadable.insert(owner);
            }
        }
        inspection.sessions = sessions.len();
        for (owner, user_id) in sessions.iter().filter(|(owner, _)| !unreadable.contains(owner)) {
            self.inspect_session(owner, user_id, repair, &mut inspection).await?;
        }
        Ok(inspection)
    }

    async fn inspect_session(
        &self,
        owner: &Owner,
        user_id: &UserId,
        repair: bool,
        inspection: &mut Inspection,
    ) -> Result<(), StoreError> {
        if let Some((key, cause)) = in_time(self.corruption(owner, user_id)).await? {
            inspection.damaged.push(format!("{key}: {cause}"));
            return Ok(());
        }
        let [key, _] = keys::session(owner, user_id);
        match in_time(self.look(owner, user_id, false)).await? {
            Some(wrong) if wrong.is_empty() => return Ok(()),
            Some(_) => tokio::time::sleep(SECOND_LOOK_AFTER).await,
            None => {
                inspection.damaged.push(format!("{key}: the record is corrupt"));
                return Ok(());
            }
        }
        let wrong = in_time(self.look(owner, user_id, repair)).await?.unwrap_or_default();
        inspection.findings.extend(wrong.into_iter().map(|wrong| format!("{key}: {wrong}")));
        Ok(())
    }

    /// What is wrong with a session, which is mended at once if that is wanted; none when its record is damaged.
    async fn look(
        &self,
        owner: &Owner,
        user_id: &UserId,
        repair: bool,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let word = if repair { "repair" } else { "" };
        let mut invocation = self.prepare(&scripts::INSPECT, &keys::session(owner, user_id));
        invocation.arg(word);
        let mut reply = Reply::new(self.link.read(&invocation, Repeat::Safe).await?)?;
        if reply.word()? == "damaged" {
            return Ok(None);
        }
        let expires_at = reply.next::<Option<u64>>()?;
        let mut wrong: Vec<String> = reply.next()?;
        let Some(expires_at) = expires_at else {
            wrong.extend(self.look_for_empty_place(owner, user_id, repair).await?);
            return Ok(Some(wrong));
        };
        let mut invocation = self.prepare(&scripts::INSPECT_PLACE, &keys::list(owner));
        invocation.arg(user_id.as_str()).arg(expires_at).arg(word);
        let mut reply = Reply::new(self.link.read(&invocation, Repeat::Safe).await?)?;
        reply.word()?;
        if !reply.next::<bool>()? {
            wrong.push("it is not in its owner's list".into());
        }
        Ok(Some(wrong))
    }

    async fn look_for_empty_place(
        &self,
        owner: &Owner,
        user_id: &UserId,
        repair: bool,
    ) -> Result<Option<String>, StoreError> {
        let [index, ..] = keys::list(owner);
        let mut question = cmd("ZSCORE");
        question.arg(&index).arg(user_id.as_str());
        let Some(score) = read::<Option<f64>>(self.link.ask(&question, Repeat::Safe).await?)? else {
            return Ok(None);
        };
        let now = self.time().await?;
        let begun = score - self.policy.session_ttl.as_secs_f64() * 1000.0;
        let newest = now.as_millis().saturating_sub(super::millis(PLACE_MIN_AGE));
        if score < now.as_millis() as f64 || begun > newest as f64 {
            return Ok(None);
        }
        if repair {
            // Only as it was seen: somebody may have made the session since.
            let mut removal = self.prepare(&scripts::EMPTY_PLACES, &keys::list(owner));
            removal.arg(super::millis(PLACE_MIN_AGE)).arg(user_id.as_str()).arg(score.floor());
            self.link.read(&removal, Repeat::Safe).await?;
        }
        Ok(Some("its owner's list names it, and it is not there".into()))
    }
}
