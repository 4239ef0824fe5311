//! Checks the keys of an owner's list: their types, and entries that Nono cannot have written.

use crate::{
    domain::{
        Owner, Timestamp, UserId,
        limits::{LISTING_TTL, TIME_MAX_MILLISECONDS},
    },
    store::{
        StoreError,
        redis::{
            client::{Idempotency, read},
            context::{RedisStore, millis},
            keys,
            reply::timestamp,
        },
    },
};
use bb8_redis::redis::{Value, cmd};

/// Types of the keys of a list, in the order of [`keys::list`].
const TYPES: [&str; 4] = ["zset", "zset", "hash", "list"];

/// Findings about one list.
#[derive(Default)]
pub(super) struct ListFindings {
    /// Members of the index that are user_ids.
    pub(super) user_ids: Vec<UserId>,
    /// Inconsistencies, each with its key.
    pub(super) inconsistencies: Vec<String>,
    /// `true` if the index has the wrong type and was not repaired.
    pub(super) is_unreadable: bool,
}

impl RedisStore {
    /// Checks the keys of an owner's list, and removes foreign data if `repair` is set. The check of each session restores
    /// its index entry.
    pub(super) async fn check_list(
        &self,
        owner: &Owner,
        limit: usize,
        repair: bool,
    ) -> Result<ListFindings, StoreError> {
        let mut found = ListFindings::default();
        let keys = keys::list(owner);
        let mut types = Vec::with_capacity(keys.len());
        for (at, key) in keys.iter().enumerate() {
            let kind: String = read(self.client.query(cmd("TYPE").arg(key), Idempotency::Idempotent).await?)?;
            let is_wrong = kind != "none" && kind != TYPES[at];
            if is_wrong {
                let effect =
                    if at == 0 { "every write of this owner fails" } else { "the next write removes it" };
                found.inconsistencies.push(format!(
                    "{}: it is a {kind} instead of a {}, and {effect}",
                    keys::without_owner(key),
                    TYPES[at]
                ));
                self.remove(key, repair).await?;
            }
            types.push(!is_wrong && kind != "none");
            found.is_unreadable |= is_wrong && at == 0 && !repair;
        }
        let [index, moves, listing, queue] = &keys;
        if types[0] {
            self.check_members(index, limit, repair, &mut found).await?;
        }
        if types[2] && !self.is_listing_plausible(listing).await? {
            found
                .inconsistencies
                .push(format!("{}: its times are not those of listings", keys::without_owner(listing)));
            self.remove(listing, repair).await?;
        }
        for (key, command) in [(moves, "ZRANGE"), (queue, "LRANGE")] {
            let is_readable = types[if command == "ZRANGE" { 1 } else { 3 }];
            if is_readable && !self.are_moves(key, command, limit).await? {
                found
                    .inconsistencies
                    .push(format!("{}: it contains entries that are not moves", keys::without_owner(key)));
                self.remove(key, repair).await?;
            }
        }
        Ok(found)
    }

    /// Checks the members of the index and their scores.
    async fn check_members(
        &self,
        index: &str,
        limit: usize,
        repair: bool,
        found: &mut ListFindings,
    ) -> Result<(), StoreError> {
        let mut range = cmd("ZRANGE");
        range.arg(index).arg(0).arg(limit.saturating_sub(1)).arg("WITHSCORES");
        let shown = keys::without_owner(index);
        let members: Vec<(Vec<u8>, f64)> = read(self.client.query(&range, Idempotency::Idempotent).await?)?;
        for (member, score) in members {
            let user_id = std::str::from_utf8(&member).ok().and_then(|text| UserId::try_from(text).ok());
            #[expect(clippy::cast_precision_loss, reason = "it is below 2^53")]
            let is_time = score.abs() <= TIME_MAX_MILLISECONDS as f64;
            let name = String::from_utf8_lossy(&member).escape_debug().to_string();
            match &user_id {
                None => {
                    found.inconsistencies.push(format!("{shown}: its member \"{name}\" is not a user_id"))
                }
                Some(_) if !is_time => {
                    found.inconsistencies.push(format!("{shown}: the score of {name} is not an expiry"));
                }
                Some(_) => {}
            }
            if repair && (user_id.is_none() || !is_time) {
                self.client.query(cmd("ZREM").arg(index).arg(&member), Idempotency::Idempotent).await?;
            }
            found.user_ids.extend(user_id);
        }
        Ok(())
    }

    /// Returns `true` if Nono may have written the times of the listings.
    async fn is_listing_plausible(&self, listing: &str) -> Result<bool, StoreError> {
        let times = self
            .client
            .query(cmd("HMGET").arg(listing).arg("since").arg("last"), Idempotency::Idempotent)
            .await?;
        let (since, last): (Vec<u8>, Vec<u8>) = read(times).unwrap_or_default();
        let time = |digits: Vec<u8>| String::from_utf8(digits).ok()?.parse::<u64>().ok();
        let Some((since, last)) = time(since).zip(time(last)) else { return Ok(false) };
        let now = timestamp(self.client.time(listing).await?)?;
        let is_near = last <= now.as_millis().saturating_add(millis(LISTING_TTL));
        Ok(since <= last && is_near && Timestamp::from_millis(last) > Timestamp::default())
    }

    /// Returns `true` if every entry consists of user_id, line feed and time.
    async fn are_moves(&self, key: &str, command: &str, limit: usize) -> Result<bool, StoreError> {
        let mut range = cmd(command);
        range.arg(key).arg(0).arg(limit.saturating_sub(1));
        let entries: Vec<Vec<u8>> = read(self.client.query(&range, Idempotency::Idempotent).await?)?;
        let is_move = |entry: &Vec<u8>| {
            let (user_id, moved) = std::str::from_utf8(entry).ok()?.rsplit_once('\n')?;
            UserId::try_from(user_id).ok()?;
            moved.parse::<u64>().ok().filter(|moved| *moved <= TIME_MAX_MILLISECONDS)
        };
        Ok(entries.iter().all(|entry| is_move(entry).is_some()))
    }

    async fn remove(&self, key: &str, repair: bool) -> Result<(), StoreError> {
        if repair {
            self.client.query(cmd("DEL").arg(key), Idempotency::Idempotent).await.map(drop::<Value>)?;
        }
        Ok(())
    }
}
