//! Changes of sessions, with their places in the owner's list.
//!
//! On one node a script changes both at once. In a cluster the list is on another node than the session: its place is
//! put first, then the session is changed. So a session is never without its place; a place may be without its session,
//! because the change was refused or somebody died in between, and then a list leaves it out and removes it.

use super::{
    RedisStore,
    corrupt::Record,
    keys,
    link::Repeat,
    millis,
    reply::{Reply, read},
    scripts::{self, Invocation, Script},
};
use crate::{
    domain::{Cursor, Owner, UserId},
    store::StoreError,
};
use std::time::Duration;

/// How old a place without its session must be before it is removed: whoever put it may be about to make the session,
/// and has not longer than a call takes.
pub(super) const PLACE_MIN_AGE: Duration = Duration::from_secs(10);

/// Which sessions get a place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Placing {
    /// Those that have one.
    Known,
    /// Any, unless the owner has too many.
    Any,
    /// Any: the session is live, and its place was lost.
    Lost,
}

/// What putting a place answered.
struct Place {
    /// Whether the session has none and got none.
    is_absent: bool,
    /// The moment of the change, which no other change has.
    moment: String,
    /// The score that it had before.
    before: Option<String>,
}

impl RedisStore {
    /// Prepares a script that changes a session.
    pub(super) fn prepare_change(
        &self,
        script: &'static Script,
        owner: &Owner,
        user_id: &UserId,
    ) -> Invocation {
        let mut names = Vec::from(keys::session(owner, user_id));
        if !self.link.is_cluster() {
            names.extend(keys::list(owner));
        }
        let mut invocation = self.prepare(script, &names);
        invocation.arg(user_id.as_str());
        invocation
    }

    /// Runs a script that changes a session and moves its expiry, and has its place put accordingly.
    pub(super) async fn change(
        &self,
        owner: &Owner,
        user_id: &UserId,
        mut invocation: Invocation,
        placing: Placing,
        repeat: Repeat,
    ) -> Result<Reply, StoreError> {
        if !self.link.is_cluster() {
            return Reply::new(self.link.write(&invocation, repeat).await?);
        }
        let place = self.place(owner, user_id, placing).await?;
        invocation.arg(&place.moment);
        let reply = Reply::new(self.link.write(&invocation, repeat).await?)?;
        match (reply.is_refusal(), &place.before) {
            (true, Some(before)) => self.take_back(owner, user_id, &place.moment, before).await,
            // The session is live after all: the node of the list lost what it had acknowledged.
            (false, None) if place.is_absent => drop(self.place(owner, user_id, Placing::Lost).await?),
            _ => {}
        }
        Ok(reply)
    }

    async fn place(&self, owner: &Owner, user_id: &UserId, placing: Placing) -> Result<Place, StoreError> {
        let mut invocation = self.prepare(&scripts::PLACE, &keys::list(owner));
        let (word, most) = match placing {
            Placing::Known => ("known", String::new()),
            Placing::Any => ("any", self.most_sessions()),
            Placing::Lost => ("any", String::new()),
        };
        invocation.arg(user_id.as_str()).arg(word).arg(most);
        let mut reply = Reply::new(self.link.write(&invocation, Repeat::Safe).await?)?;
        Ok(Place { is_absent: reply.word()? == "absent", moment: reply.next()?, before: reply.next()? })
    }

    /// Puts a place back to where it was before a change that was refused. A place that stays is no harm, so a failure
    /// is none either.
    async fn take_back(&self, owner: &Owner, user_id: &UserId, moment: &str, before: &str) {
        let mut invocation = self.prepare(&scripts::TAKE_BACK, &keys::list(owner));
        invocation.arg(user_id.as_str()).arg(moment).arg(before);
        if let Err(error) = self.link.read(&invocation, Repeat::Safe).await {
            tracing::debug!(%error, "place not taken back");
        }
    }

    /// Removes the place of a session that was deleted, whose last change had this moment. On one node it went with the
    /// session.
    pub(super) async fn leave(
        &self,
        owner: &Owner,
        user_id: &UserId,
        moment: Option<String>,
    ) -> Result<(), StoreError> {
        if let Some(moment) = moment {
            let mut invocation = self.prepare(&scripts::LEAVE, &keys::list(owner));
            invocation.arg(user_id.as_str()).arg(moment).arg(millis(PLACE_MIN_AGE));
            self.link.write(&invocation, Repeat::Safe).await?;
        }
        Ok(())
    }

    /// How many of the places that were read stand for no session. Those that nobody can be about to fill are removed.
    pub(super) async fn empty_places(
        &self,
        owner: &Owner,
        places: &[Cursor],
        records: &[Record],
    ) -> Result<u32, StoreError> {
        if !self.link.is_cluster() {
            return Ok(0);
        }
        let empty = places.iter().zip(records).filter(|(_, record)| matches!(record, Record::Absent));
        let empty: Vec<_> =
            empty.filter_map(|(place, _)| Some((place.user_id.as_ref()?, place.expires_at))).collect();
        if empty.is_empty() {
            return Ok(0);
        }
        let mut invocation = self.prepare(&scripts::EMPTY_PLACES, &keys::list(owner));
        invocation.arg(millis(PLACE_MIN_AGE));
        for (user_id, expires_at) in empty {
            invocation.arg(user_id.as_str()).arg(expires_at.as_millis());
        }
        let mut reply = Reply::new(self.link.read(&invocation, Repeat::Safe).await?)?;
        reply.word()?;
        reply.next()
    }

    /// Whether a session is there, and the request id that made it.
    pub(super) async fn made_by(
        &self,
        owner: &Owner,
        user_id: &UserId,
    ) -> Result<Option<Option<String>>, StoreError> {
        let [record, _] = keys::session(owner, user_id);
        let mut command = bb8_redis::redis::cmd("HMGET");
        command.arg(record).arg("created_at").arg("request_id");
        let (created_at, request_id): (Option<String>, Option<String>) =
            read(self.link.ask(&command, Repeat::Safe).await?)?;
        Ok(created_at.map(|_| request_id))
    }
}
