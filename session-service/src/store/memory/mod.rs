//! Sessions in memory, for development and tests. They are lost when the process ends.

mod index;
mod live;
mod state;
mod turns;

use super::{
    Appended, Changes, Created, FinishedTurn, Flushed, Head, History, ListPage, Policy, Position,
    SessionPage, SessionStore, StoreError, Turn, TurnOutcome, TurnRequest, TurnTag, TurnToken,
    record::{creation_fingerprint, fingerprint, request_digest},
};
use crate::domain::{
    Batch, Cursor, HistoryPage, IfExists, NewReply, NewSession, Owner, Preview, RequestId, Session,
    Timestamp, UserId, limits::HISTORY_PAGE_MAX_BYTES,
};
use async_trait::async_trait;
use state::{Request, State, StoredMessage};
use std::{
    sync::{Mutex, MutexGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Source of the time, which tests replace.
pub type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// Sessions in memory.
pub struct MemoryStore {
    policy: Policy,
    clock: Clock,
    // Never held across an await: no method of this adapter awaits.
    state: Mutex<State>,
}

impl MemoryStore {
    /// Creates an empty store with the system's clock.
    pub fn new(policy: Policy) -> Self {
        Self::with_clock(policy, Box::new(system_time))
    }

    /// Creates an empty store with another clock.
    pub fn with_clock(policy: Policy, clock: Clock) -> Self {
        Self { policy, clock, state: Mutex::default() }
    }

    /// Returns the state without expired sessions, and the time.
    fn state(&self) -> (MutexGuard<'_, State>, Timestamp) {
        let mut state = self.state.lock().expect("no method panics while it holds the lock");
        let now = (self.clock)();
        state.evict_expired(now);
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
        let created_by = new.request_id.clone().map(|id| (id, creation_fingerprint(new)));
        if let Some(record) = state.records.get(&(owner.clone(), new.user_id.clone())) {
            let retried = record.created_by.as_ref().zip(created_by.as_ref());
            let retried = retried.filter(|((original, _), (request_id, _))| original == request_id);
            if retried.is_some_and(|((_, original), (_, fingerprint))| original != fingerprint) {
                return Err(StoreError::RequestIdReused);
            }
            let created = retried.is_some();
            if !created && new.if_exists == IfExists::Fail {
                return Err(StoreError::AlreadyExists);
            }
            let session = state.touch(owner, &new.user_id, now, self.policy)?;
            return Ok(Created { session, created });
        }
        let index = state.indexes.entry(owner.clone()).or_default();
        if self.policy.max_sessions_per_owner.is_some_and(|limit| index.len() >= limit as usize) {
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
            preview: Preview::default(),
        };
        state.insert(owner, session.clone(), created_by);
        Ok(Created { session, created: true })
    }

    async fn get(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        let (mut state, _) = self.state();
        Ok(state.record(owner, user_id)?.session.clone())
    }

    async fn list(&self, owner: &Owner, page: &ListPage) -> Result<SessionPage, StoreError> {
        let (mut state, now) = self.state();
        let size = page.size.items() as usize;
        let State { records, indexes, .. } = &mut *state;
        let index = indexes.entry(owner.clone()).or_default();
        let found = index.page(size, page.after.as_ref(), now, self.policy.session_ttl);
        let found = found.ok_or(StoreError::ListingExpired)?;
        let session = |entry: &Cursor| {
            let user_id = entry.user_id.clone()?;
            records.get(&(owner.clone(), user_id)).map(|record| record.session.clone())
        };
        let sessions = found.entries.into_iter().map(|entry| (entry.clone(), session(&entry))).collect();
        let total_count = u32::try_from(index.len()).unwrap_or(u32::MAX);
        Ok(SessionPage::fit(sessions, total_count, found.next))
    }

    async fn history(
        &self,
        owner: &Owner,
        user_id: &UserId,
        page: HistoryPage,
    ) -> Result<History, StoreError> {
        let (mut state, _) = self.state();
        let record = state.record(owner, user_id)?;
        let message_count = record.session.message_count;
        let Some((first, last)) = page.bounds(message_count) else {
            return Ok(History { message_count, messages: Vec::new(), has_more: false });
        };
        let mut stored: Vec<&StoredMessage> =
            record.messages[first as usize - 1..last as usize].iter().collect();
        page.trim(&mut stored, HISTORY_PAGE_MAX_BYTES, |stored| stored.bytes);
        let messages: Vec<_> = stored.into_iter().map(|stored| stored.message.clone()).collect();
        let has_more = page.has_more(&messages, message_count);
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
        let record = state.record(owner, user_id)?;
        let digest = request_id.map(request_digest);
        let previous = record.find_request(digest, fingerprint(batch.messages()))?;
        if let Some(range) = previous.map(Request::range) {
            let messages = record.messages[range].iter().map(|stored| stored.message.clone()).collect();
            let session = state.touch(owner, user_id, now, self.policy)?;
            return Ok(Appended { messages, session, replayed: true });
        }
        record.ensure_capacity(batch.count())?;
        let timestamp = state.touch(owner, user_id, now, self.policy)?.last_activity;
        let record = state.record(owner, user_id)?;
        record.record_request(digest, batch.messages());
        let messages = record.push(batch.messages(), timestamp);
        Ok(Appended { messages, session: record.session.clone(), replayed: false })
    }

    async fn begin_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        lease: Duration,
    ) -> Result<Turn, StoreError> {
        self.acquire_turn(owner, turn, lease)
    }

    async fn replay_turn(&self, owner: &Owner, turn: &TurnRequest) -> Result<Option<Turn>, StoreError> {
        self.find_turn(owner, turn)
    }

    async fn renew_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        lease: Duration,
    ) -> Result<(), StoreError> {
        let (mut state, now) = self.state();
        state.record(owner, user_id)?.turn(token)?.lease_end = now.after(lease);
        Ok(())
    }

    async fn flush_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        offset: u32,
        text: &str,
    ) -> Result<Flushed, StoreError> {
        self.store_text(owner, user_id, token, offset, text)
    }

    async fn cancel_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        request_id: Option<&RequestId>,
    ) -> Result<Option<TurnTag>, StoreError> {
        self.request_cancellation(owner, user_id, request_id)
    }

    async fn finish_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        reply: &NewReply,
    ) -> Result<FinishedTurn, StoreError> {
        self.store_reply(owner, turn, reply)
    }

    async fn release_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        outcome: TurnOutcome,
    ) -> Result<(), StoreError> {
        let (mut state, _) = self.state();
        if let Ok(record) = state.record(owner, user_id)
            && let Ok(turn) = record.turn(token)
        {
            let reply_seq = turn.reply_seq;
            record.end_turn(outcome, reply_seq);
            record.revision += 1;
        }
        Ok(())
    }

    async fn heads(&self, sessions: &[(Owner, UserId)]) -> Result<Vec<Option<Head>>, StoreError> {
        let (mut state, now) = self.state();
        let head = |(owner, user_id): &(Owner, UserId)| Some(state.record(owner, user_id).ok()?.head(now));
        Ok(sessions.iter().map(head).collect())
    }

    async fn changes(
        &self,
        owner: &Owner,
        user_id: &UserId,
        since: &Position,
    ) -> Result<Changes, StoreError> {
        let (mut state, now) = self.state();
        Ok(state.record(owner, user_id)?.changes(since, now))
    }

    async fn touch(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        let (mut state, now) = self.state();
        state.touch(owner, user_id, now, self.policy)
    }

    async fn delete(&self, owner: &Owner, user_id: &UserId) -> Result<(), StoreError> {
        let (mut state, _) = self.state();
        state.remove(owner, user_id).map(drop).ok_or(StoreError::NotFound)
    }

    async fn time(&self) -> Result<Timestamp, StoreError> {
        Ok((self.clock)())
    }
}
