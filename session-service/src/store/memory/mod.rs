//! Sessions in this process's memory, for a laptop and for tests: they end with the process.

mod index;

use super::{
    Appended, Created, History, ListPage, Policy, SessionPage, SessionStore, StoreError,
    record::{fingerprint, request_key, stored_bytes},
};
use crate::domain::{
    Batch, Cursor, HistoryPage, IfExists, Message, NewSession, Owner, RequestId, Session, Span, Timestamp,
    UserId,
    limits::{HISTORY_PAGE_MAX_BYTES, REMEMBERED_REQUEST_IDS, SESSION_MAX_MESSAGES},
};
use async_trait::async_trait;
use index::Index;
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Mutex, MutexGuard},
    time::{SystemTime, UNIX_EPOCH},
};

/// Tells the time. The store has none of its own, so that tests can.
pub type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// The adapter over this process's memory.
pub struct MemoryStore {
    policy: Policy,
    clock: Clock,
    // Never held over an await: no method of this adapter awaits.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<(Owner, UserId), Entry>,
    indexes: HashMap<Owner, Index>,
    deadlines: BTreeSet<(Timestamp, Owner, UserId)>,
}

struct Entry {
    session: Session,
    created_by: Option<RequestId>,
    messages: Vec<Stored>,
    requests: VecDeque<Request>,
}

struct Stored {
    message: Message,
    bytes: usize,
}

/// A remembered append.
struct Request {
    key: String,
    fingerprint: String,
    first: usize,
    count: usize,
}

impl MemoryStore {
    /// An empty store by the system's clock.
    pub fn new(policy: Policy) -> Self {
        Self::with_clock(policy, Box::new(system_time))
    }

    /// An empty store by another clock.
    pub fn with_clock(policy: Policy, clock: Clock) -> Self {
        Self { policy, clock, state: Mutex::default() }
    }

    /// The state with everything gone that has expired, and the time.
    fn state(&self) -> (MutexGuard<'_, State>, Timestamp) {
        let mut state = self.state.lock().expect("no method panics while it holds the lock");
        let now = (self.clock)();
        state.forget_expired(now);
        (state, now)
    }
}

fn system_time() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().after(since_epoch)
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn create(&self, owner: &Owner, new: &NewSession) -> Result<Created, StoreError> {
        let (mut state, now) = self.state();
        if let Some(entry) = state.entries.get(&(owner.clone(), new.user_id.clone())) {
            let created = new.request_id.is_some() && entry.created_by == new.request_id;
            if !created && new.if_exists == IfExists::Fail {
                return Err(StoreError::Exists);
            }
            let session = state.slide(owner, &new.user_id, now, self.policy)?;
            return Ok(Created { session, created });
        }
        let index = state.indexes.entry(owner.clone()).or_default();
        if self.policy.max_sessions_per_owner.is_some_and(|most| index.len() >= most as usize) {
            return Err(StoreError::TooManySessions);
        }
        let session = Session {
            user_id: new.user_id.clone(),
            persona: new.persona.clone(),
            created_at: now,
            last_activity: now,
            expires_at: now.after(self.policy.session_ttl),
            message_count: 0,
            metadata: new.metadata.clone(),
        };
        state.insert(owner, session.clone(), new.request_id.clone());
        Ok(Created { session, created: true })
    }

    async fn get(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        let (mut state, _) = self.state();
        Ok(state.entry(owner, user_id)?.session.clone())
    }

    async fn list(&self, owner: &Owner, page: &ListPage) -> Result<SessionPage, StoreError> {
        let (mut state, now) = self.state();
        let size = page.size.items() as usize;
        let State { entries, indexes, .. } = &mut *state;
        let index = indexes.entry(owner.clone()).or_default();
        let found = index.page(size, page.after.as_ref(), now, self.policy.session_ttl);
        let found = found.ok_or(StoreError::ListingExpired)?;
        let session = |place: &Cursor| {
            let user_id = place.user_id.clone()?;
            entries.get(&(owner.clone(), user_id)).map(|entry| entry.session.clone())
        };
        let places = found.places.into_iter().map(|place| (place.clone(), session(&place))).collect();
        let total_count = u32::try_from(index.len()).unwrap_or(u32::MAX);
        Ok(SessionPage::fitting(places, total_count, found.next))
    }

    async fn history(
        &self,
        owner: &Owner,
        user_id: &UserId,
        page: HistoryPage,
    ) -> Result<History, StoreError> {
        let (mut state, _) = self.state();
        let entry = state.entry(owner, user_id)?;
        let message_count = entry.session.message_count;
        let Some((first, last)) = page.within(message_count) else {
            return Ok(History { message_count, messages: Vec::new(), has_more: false });
        };
        let range = &entry.messages[first as usize - 1..last as usize];
        let mut bytes = 0;
        let mut fits = |stored: &&Stored| {
            let is_first = bytes == 0;
            bytes += stored.bytes;
            is_first || bytes <= HISTORY_PAGE_MAX_BYTES
        };
        let (messages, has_more) = if let Span::After(_) = page.span {
            let messages: Vec<_> = range.iter().take_while(&mut fits).map(|s| s.message.clone()).collect();
            let more = messages.last().is_some_and(|message| message.seq < message_count);
            (messages, more)
        } else {
            let mut messages: Vec<_> =
                range.iter().rev().take_while(&mut fits).map(|s| s.message.clone()).collect();
            messages.reverse();
            let more = messages.first().is_some_and(|message| message.seq > 1);
            (messages, more)
        };
        Ok(History { message_count, messages, has_more })
    }

    async fn append(
        &self,
        owner: &Owner,
        user_id: &UserId,
        batch: &Batch,
        request_id: Option<&RequestId>,
    ) -> Result<Appended, StoreError> {
        let (mut state, now) = self.state();
        let entry = state.entry(owner, user_id)?;
        let fingerprint = fingerprint(batch);
        let key = request_id.map(request_key);
        if let Some(known) = entry.requests.iter().find(|request| Some(&request.key) == key.as_ref()) {
            if known.fingerprint != fingerprint {
                return Err(StoreError::RequestIdReused);
            }
            let range = known.first..known.first + known.count;
            let messages = entry.messages[range].iter().map(|stored| stored.message.clone()).collect();
            let session = state.slide(owner, user_id, now, self.policy)?;
            return Ok(Appended { messages, session, replayed: true });
        }
        let first = entry.session.message_count + 1;
        if entry.session.message_count + batch.count() > SESSION_MAX_MESSAGES {
            return Err(StoreError::Full);
        }
        entry.session.message_count += batch.count();
        let session = state.slide(owner, user_id, now, self.policy)?;
        let entry = state.entry(owner, user_id)?;
        let messages = batch.clone().at(first, session.last_activity);
        for (new, message) in batch.messages().iter().zip(&messages) {
            let bytes = stored_bytes(new, message.timestamp);
            entry.messages.push(Stored { message: message.clone(), bytes });
        }
        if let Some(key) = key {
            let (first, count) = (first as usize - 1, messages.len());
            entry.requests.push_back(Request { key, fingerprint, first, count });
            if entry.requests.len() > REMEMBERED_REQUEST_IDS {
                entry.requests.pop_front();
            }
        }
        Ok(Appended { messages, session, replayed: false })
    }

    async fn touch(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        let (mut state, now) = self.state();
        state.slide(owner, user_id, now, self.policy)
    }

    async fn delete(&self, owner: &Owner, user_id: &UserId) -> Result<(), StoreError> {
        let (mut state, _) = self.state();
        state.remove(owner, user_id).map(drop).ok_or(StoreError::NotFound)
    }

    async fn time(&self) -> Result<Timestamp, StoreError> {
        Ok((self.clock)())
    }
}

impl State {
    fn entry(&mut self, owner: &Owner, user_id: &UserId) -> Result<&mut Entry, StoreError> {
        self.entries.get_mut(&(owner.clone(), user_id.clone())).ok_or(StoreError::NotFound)
    }

    fn insert(&mut self, owner: &Owner, session: Session, created_by: Option<RequestId>) {
        let (expires_at, user_id) = (session.expires_at, session.user_id.clone());
        self.indexes.entry(owner.clone()).or_default().insert(expires_at, user_id.clone());
        self.deadlines.insert((expires_at, owner.clone(), user_id.clone()));
        let entry = Entry { session, created_by, messages: Vec::new(), requests: VecDeque::new() };
        self.entries.insert((owner.clone(), user_id), entry);
    }

    /// Moves the expiry and the place in the list.
    fn slide(
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

    fn remove(&mut self, owner: &Owner, user_id: &UserId) -> Option<Entry> {
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

    fn forget_expired(&mut self, now: Timestamp) {
        while let Some((deadline, owner, user_id)) = self.deadlines.first().cloned() {
            if deadline >= now {
                break;
            }
            self.remove(&owner, &user_id);
        }
    }
}
