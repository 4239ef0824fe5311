//! State of the store, and the steps that changes consist of.

use super::index::Index;
use crate::{
    domain::{
        Message, NewMessage, NewReply, Owner, RequestId, Session, Timestamp, UserId,
        limits::{REMEMBERED_REQUEST_IDS, SESSION_MAX_MESSAGES},
    },
    store::{
        Policy, StoreError, TurnRequest, TurnToken,
        record::{
            Digest72, encode_reply_without_timestamp, encode_without_timestamp, fingerprint, request_digest,
            stored_bytes,
        },
    },
};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::Duration,
};

#[derive(Default)]
pub(super) struct State {
    pub(super) records: HashMap<(Owner, UserId), Record>,
    pub(super) indexes: HashMap<Owner, Index>,
    /// All sessions by expiry.
    pub(super) expiries: BTreeSet<(Timestamp, Owner, UserId)>,
}

/// A live session with its messages.
pub(super) struct Record {
    pub(super) session: Session,
    /// Request id that created the session, and fingerprint of that request.
    pub(super) created_by: Option<(RequestId, Digest72)>,
    pub(super) messages: Vec<StoredMessage>,
    /// Recent appends and turns, oldest first, for the detection of retries.
    pub(super) requests: VecDeque<Request>,
    /// Turn in progress with the end of its lease.
    pub(super) turn: Option<(TurnToken, Timestamp)>,
}

/// A message with its size as stored in Redis.
pub(super) struct StoredMessage {
    pub(super) message: Message,
    pub(super) bytes: usize,
}

/// An append or a turn, with indexes into the messages.
pub(super) struct Request {
    pub(super) digest: Digest72,
    pub(super) fingerprint: Digest72,
    pub(super) first: usize,
    pub(super) count: usize,
    /// Index of the reply, once it is stored.
    pub(super) reply: Option<usize>,
}

impl Request {
    pub(super) fn range(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.count
    }
}

impl Record {
    /// Returns the request with this digest. Fails if it was for other messages.
    pub(super) fn find_request(
        &self,
        digest: Option<Digest72>,
        fingerprint: Digest72,
    ) -> Result<Option<&Request>, StoreError> {
        let request = self.requests.iter().find(|request| Some(request.digest) == digest);
        match request {
            Some(request) if request.fingerprint != fingerprint => Err(StoreError::RequestIdReused),
            request => Ok(request),
        }
    }

    /// Fails if the session has no room for `count` messages.
    pub(super) fn ensure_capacity(&self, count: u32) -> Result<(), StoreError> {
        let is_full = self.session.message_count + count > SESSION_MAX_MESSAGES;
        if is_full { Err(StoreError::SessionFull) } else { Ok(()) }
    }

    /// Returns the indexes of a turn's message and reply, as far as they are stored. Fails unless the reply is stored or
    /// the turn can be acquired.
    pub(super) fn find_turn(
        &self,
        turn: &TurnRequest,
        now: Timestamp,
    ) -> Result<Option<(usize, Option<usize>)>, StoreError> {
        let fingerprint = fingerprint(std::slice::from_ref(&turn.message));
        let request = self.find_request(Some(request_digest(&turn.request_id)), fingerprint)?;
        let stored = request.map(|request| (request.first, request.reply));
        if matches!(stored, Some((_, Some(_)))) {
            return Ok(stored);
        }
        if let Some((_, lease_end)) = self.turn.as_ref().filter(|(_, lease_end)| *lease_end > now) {
            let left = lease_end.as_millis() - now.as_millis();
            return Err(StoreError::TurnInProgress(Duration::from_millis(left)));
        }
        self.ensure_capacity(if stored.is_some() { 1 } else { 2 })?;
        Ok(stored)
    }

    /// Fails unless the turn in progress has this token.
    pub(super) fn ensure_turn(&self, token: &TurnToken) -> Result<(), StoreError> {
        let is_current = self.turn.as_ref().is_some_and(|(current, _)| current == token);
        if is_current { Ok(()) } else { Err(StoreError::TurnLost) }
    }

    /// Records the request whose messages are pushed next.
    pub(super) fn record_request(&mut self, digest: Option<Digest72>, messages: &[NewMessage]) {
        let Some(digest) = digest else { return };
        let (first, count) = (self.messages.len(), messages.len());
        let fingerprint = fingerprint(messages);
        self.requests.push_back(Request { digest, fingerprint, first, count, reply: None });
        if self.requests.len() > REMEMBERED_REQUEST_IDS {
            self.requests.pop_front();
        }
    }

    pub(super) fn push(&mut self, messages: &[NewMessage], timestamp: Timestamp) -> Vec<Message> {
        let pushed = messages.iter().map(|new| {
            self.session.message_count += 1;
            let message = new.clone().at(self.session.message_count, timestamp);
            let bytes = stored_bytes(&encode_without_timestamp(new), timestamp);
            self.messages.push(StoredMessage { message: message.clone(), bytes });
            message
        });
        pushed.collect()
    }

    pub(super) fn push_reply(&mut self, new: &NewReply, timestamp: Timestamp) -> Message {
        self.session.message_count += 1;
        let message = new.clone().at(self.session.message_count, timestamp);
        let bytes = stored_bytes(&encode_reply_without_timestamp(new), timestamp);
        self.messages.push(StoredMessage { message: message.clone(), bytes });
        message
    }
}

impl State {
    pub(super) fn record(&mut self, owner: &Owner, user_id: &UserId) -> Result<&mut Record, StoreError> {
        self.records.get_mut(&(owner.clone(), user_id.clone())).ok_or(StoreError::NotFound)
    }

    pub(super) fn insert(
        &mut self,
        owner: &Owner,
        session: Session,
        created_by: Option<(RequestId, Digest72)>,
    ) {
        let (expires_at, user_id) = (session.expires_at, session.user_id.clone());
        self.indexes.entry(owner.clone()).or_default().insert(expires_at, user_id.clone());
        self.expiries.insert((expires_at, owner.clone(), user_id.clone()));
        let (messages, requests) = (Vec::new(), VecDeque::new());
        let record = Record { session, created_by, messages, requests, turn: None };
        self.records.insert((owner.clone(), user_id), record);
    }

    /// Sets last_activity, the expiry and the index entry of a session.
    pub(super) fn touch(
        &mut self,
        owner: &Owner,
        user_id: &UserId,
        now: Timestamp,
        policy: Policy,
    ) -> Result<Session, StoreError> {
        let Self { records, indexes, expiries } = self;
        let key = (owner.clone(), user_id.clone());
        let session = &mut records.get_mut(&key).ok_or(StoreError::NotFound)?.session;
        let index = indexes.entry(owner.clone()).or_default();
        let timestamp = index.next_timestamp(now);
        index.update(user_id, session.expires_at, timestamp, policy.session_ttl);
        expiries.remove(&(session.expires_at, owner.clone(), user_id.clone()));
        session.last_activity = timestamp;
        session.expires_at = timestamp.after(policy.session_ttl);
        expiries.insert((session.expires_at, owner.clone(), user_id.clone()));
        Ok(session.clone())
    }

    pub(super) fn remove(&mut self, owner: &Owner, user_id: &UserId) -> Option<Record> {
        let record = self.records.remove(&(owner.clone(), user_id.clone()))?;
        let expires_at = record.session.expires_at;
        self.expiries.remove(&(expires_at, owner.clone(), user_id.clone()));
        if let Some(index) = self.indexes.get_mut(owner) {
            index.remove(expires_at, user_id);
            if index.is_idle() {
                self.indexes.remove(owner);
            }
        }
        Some(record)
    }

    pub(super) fn evict_expired(&mut self, now: Timestamp) {
        while let Some((expires_at, owner, user_id)) = self.expiries.first().cloned() {
            if expires_at >= now {
                break;
            }
            self.remove(&owner, &user_id);
        }
    }
}
