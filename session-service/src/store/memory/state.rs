//! What is kept of each session, and the steps that every change is made of.

use super::index::Index;
use crate::{
    domain::{
        Message, NewMessage, NewReply, Owner, RequestId, Session, Timestamp, UserId,
        limits::{REMEMBERED_REQUEST_IDS, SESSION_MAX_MESSAGES},
    },
    store::{
        Policy, StoreError, TurnToken,
        record::{ShortHash, fingerprint, stored_bytes, unstamped, unstamped_reply},
    },
};
use std::collections::{BTreeSet, HashMap, VecDeque};

#[derive(Default)]
pub(super) struct State {
    pub(super) entries: HashMap<(Owner, UserId), Entry>,
    pub(super) indexes: HashMap<Owner, Index>,
    pub(super) deadlines: BTreeSet<(Timestamp, Owner, UserId)>,
}

pub(super) struct Entry {
    pub(super) session: Session,
    /// The request id that created the session, and the fingerprint of that request.
    pub(super) created_by: Option<(RequestId, ShortHash)>,
    pub(super) messages: Vec<Stored>,
    pub(super) requests: VecDeque<Request>,
    pub(super) turn: Option<(TurnToken, Timestamp)>,
}

pub(super) struct Stored {
    pub(super) message: Message,
    pub(super) bytes: usize,
}

/// A remembered append.
pub(super) struct Request {
    pub(super) key: ShortHash,
    pub(super) fingerprint: ShortHash,
    pub(super) first: usize,
    pub(super) count: usize,
    /// Where the reply stands, once it is there.
    pub(super) reply: Option<usize>,
}

impl Request {
    pub(super) fn range(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.count
    }
}

impl Entry {
    /// The remembered request of this key, which must have been for the same messages.
    pub(super) fn known(
        &self,
        key: Option<ShortHash>,
        fingerprint: ShortHash,
    ) -> Result<Option<&Request>, StoreError> {
        let known = self.requests.iter().find(|request| Some(request.key) == key);
        match known {
            Some(request) if request.fingerprint != fingerprint => Err(StoreError::RequestIdReused),
            known => Ok(known),
        }
    }

    pub(super) fn has_room(&self, count: u32) -> Result<(), StoreError> {
        if self.session.message_count + count > SESSION_MAX_MESSAGES { Err(StoreError::Full) } else { Ok(()) }
    }

    pub(super) fn has_turn(&self, token: &TurnToken) -> Result<(), StoreError> {
        let is_theirs = self.turn.as_ref().is_some_and(|(taken, _)| taken == token);
        if is_theirs { Ok(()) } else { Err(StoreError::TurnLost) }
    }

    /// Remembers the request whose messages are pushed next.
    pub(super) fn remember(&mut self, key: Option<ShortHash>, messages: &[NewMessage]) {
        let Some(key) = key else { return };
        let (first, count) = (self.messages.len(), messages.len());
        self.requests.push_back(Request {
            key,
            fingerprint: fingerprint(messages),
            first,
            count,
            reply: None,
        });
        if self.requests.len() > REMEMBERED_REQUEST_IDS {
            self.requests.pop_front();
        }
    }

    pub(super) fn push(&mut self, messages: &[NewMessage], moment: Timestamp) -> Vec<Message> {
        let pushed = messages.iter().map(|new| {
            self.session.message_count += 1;
            let message = new.clone().at(self.session.message_count, moment);
            let bytes = stored_bytes(&unstamped(new), moment);
            self.messages.push(Stored { message: message.clone(), bytes });
            message
        });
        pushed.collect()
    }

    pub(super) fn push_reply(&mut self, new: &NewReply, timestamp: Timestamp) -> Message {
        self.session.message_count += 1;
        let message = new.clone().at(self.session.message_count, timestamp);
        let bytes = stored_bytes(&unstamped_reply(new), timestamp);
        self.messages.push(Stored { message: message.clone(), bytes });
        message
    }
}

impl State {
    pub(super) fn entry(&mut self, owner: &Owner, user_id: &UserId) -> Result<&mut Entry, StoreError> {
        self.entries.get_mut(&(owner.clone(), user_id.clone())).ok_or(StoreError::NotFound)
    }

    pub(super) fn insert(
        &mut self,
        owner: &Owner,
        session: Session,
        created_by: Option<(RequestId, ShortHash)>,
    ) {
        let (expires_at, user_id) = (session.expires_at, session.user_id.clone());
        self.indexes.entry(owner.clone()).or_default().insert(expires_at, user_id.clone());
        self.deadlines.insert((expires_at, owner.clone(), user_id.clone()));
        let entry =
            Entry { session, created_by, messages: Vec::new(), requests: VecDeque::new(), turn: None };
        self.entries.insert((owner.clone(), user_id), entry);
    }

    /// Moves the expiry and the place in the list.
    pub(super) fn slide(
        &mut self,
        owner: &Owner,
        user_id: &UserId,
        now: Timestamp,
        policy: Policy,
    ) -> Result<Session, StoreError> {
        let Self { entries, indexes, deadlines } = self;
        let key = (owner.clone(), user_id.clone());
        let session = &mut entries.get_mut(&key).ok_or(StoreError::NotFound)?.session;
        let index = indexes.entry(owner.clone()).or_default();
        let moment = index.moment(now);
        index.slide(user_id, session.expires_at, moment, policy.session_ttl);
        deadlines.remove(&(session.expires_at, owner.clone(), user_id.clone()));
        session.last_activity = moment;
        session.expires_at = moment.after(policy.session_ttl);
        deadlines.insert((session.expires_at, owner.clone(), user_id.clone()));
        Ok(session.clone())
    }

    pub(super) fn remove(&mut self, owner: &Owner, user_id: &UserId) -> Option<Entry> {
        let entry = self.entries.remove(&(owner.clone(), user_id.clone()))?;
        let expires_at = entry.session.expires_at;
        self.deadlines.remove(&(expires_at, owner.clone(), user_id.clone()));
        if let Some(index) = self.indexes.get_mut(owner) {
            index.remove(expires_at, user_id);
            if index.is_idle() {
                self.indexes.remove(owner);
            }
        }
        Some(entry)
    }

    pub(super) fn forget_expired(&mut self, now: Timestamp) {
        while let Some((deadline, owner, user_id)) = self.deadlines.first().cloned() {
            if deadline >= now {
                break;
            }
            self.remove(&owner, &user_id);
        }
    }
}
