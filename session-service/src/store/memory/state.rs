//! State of the store, and the steps that changes consist of.

use super::index::Index;
use crate::{
    domain::{
        Incarnation, Message, NewMessage, NewReply, Owner, Preview, RequestId, Session, Timestamp, UserId,
        limits::{REMEMBERED_REQUEST_IDS, SESSION_MAX_MESSAGES},
    },
    store::{
        EndedTurn, Policy, StoreError, TurnOutcome, TurnTag, TurnToken,
        record::{
            Digest72, encode_reply_without_timestamp, encode_without_timestamp, fingerprint, stored_bytes,
        },
    },
};
use std::collections::{BTreeSet, HashMap, VecDeque};

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
    pub(super) incarnation: Incarnation,
    /// Number of changes.
    pub(super) revision: u64,
    /// Turn in progress, even if its lease has ended.
    pub(super) turn: Option<RunningTurn>,
    pub(super) ended_turn: Option<EndedTurn>,
}

/// A turn in progress.
pub(super) struct RunningTurn {
    pub(super) token: TurnToken,
    pub(super) lease_end: Timestamp,
    /// Expected seq of the reply.
    pub(super) reply_seq: u32,
    pub(super) request_id: RequestId,
    /// The reply so far.
    pub(super) text: String,
    pub(super) is_cancelled: bool,
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

    /// Returns the turn in progress. Fails unless it has this token.
    pub(super) fn turn(&mut self, token: &TurnToken) -> Result<&mut RunningTurn, StoreError> {
        self.turn.as_mut().filter(|turn| turn.token == *token).ok_or(StoreError::TurnLost)
    }

    /// Ends the turn in progress. `reply_seq` is the seq of its reply, or the one that it was expected to have.
    pub(super) fn end_turn(&mut self, outcome: TurnOutcome, reply_seq: u32) {
        let Some(turn) = self.turn.take() else { return };
        let (tag, request_id) = (TurnTag::from(&turn.token), turn.request_id.as_str().to_owned());
        self.ended_turn = Some(EndedTurn { tag, outcome, reply_seq, request_id });
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
        let pushed: Vec<Message> = pushed.collect();
        if let Some(newest) = pushed.last() {
            self.session.preview = Preview::of(newest.content.as_str());
        }
        pushed
    }

    pub(super) fn push_reply(&mut self, new: &NewReply, timestamp: Timestamp) -> Message {
        self.session.message_count += 1;
        let message = new.clone().at(self.session.message_count, timestamp);
        let bytes = stored_bytes(&encode_reply_without_timestamp(new), timestamp);
        self.messages.push(StoredMessage { message: message.clone(), bytes });
        self.session.preview = Preview::of(message.content.as_str());
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
        let incarnation = Incarnation::random();
        let (revision, turn, ended_turn) = (0, None, None);
        let record =
            Record { session, created_by, messages, requests, incarnation, revision, turn, ended_turn };
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
        let record = records.get_mut(&key).ok_or(StoreError::NotFound)?;
        record.revision += 1;
        let session = &mut record.session;
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
