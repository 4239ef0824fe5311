//! Sessions in this process's memory, for a laptop and for tests: they end with the process.

mod index;
mod state;

use super::{
    Appended, Created, History, ListPage, NewTurn, Policy, SessionPage, SessionStore, StoreError, Turn,
    TurnToken,
    record::{creation_fingerprint, fingerprint, request_key},
};
use crate::domain::{
    Batch, Cursor, HistoryPage, IfExists, Message, NewReply, NewSession, Owner, RequestId, Session, Span,
    Timestamp, UserId,
};
use async_trait::async_trait;
use state::{Request, State};
use std::{
    sync::{Mutex, MutexGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
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
        let created_by = new.request_id.clone().map(|id| (id, creation_fingerprint(new)));
        if let Some(entry) = state.entries.get(&(owner.clone(), new.user_id.clone())) {
            let known = entry.created_by.as_ref().zip(created_by.as_ref());
            let known = known.filter(|((known, _), (request_id, _))| known == request_id);
            if known.is_some_and(|((_, known), (_, fingerprint))| known != fingerprint) {
                return Err(StoreError::RequestIdReused);
            }
            let created = known.is_some();
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
        state.insert(owner, session.clone(), created_by);
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
        let kept = page.fitting(range.iter().map(|stored| stored.bytes));
        let range =
            if let Span::After(_) = page.span { &range[..kept] } else { &range[range.len() - kept..] };
        let messages: Vec<_> = range.iter().map(|stored| stored.message.clone()).collect();
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
        let entry = state.entry(owner, user_id)?;
        let key = request_id.map(request_key);
        if let Some(range) = entry.known(key, fingerprint(batch.messages()))?.map(Request::range) {
            let messages = entry.messages[range].iter().map(|stored| stored.message.clone()).collect();
            let session = state.slide(owner, user_id, now, self.policy)?;
            return Ok(Appended { messages, session, replayed: true });
        }
        entry.has_room(batch.count())?;
        let moment = state.slide(owner, user_id, now, self.policy)?.last_activity;
        let entry = state.entry(owner, user_id)?;
        entry.remember(key, batch.messages());
        let messages = entry.push(batch.messages(), moment);
        Ok(Appended { messages, session: entry.session.clone(), replayed: false })
    }

    async fn begin_turn(&self, owner: &Owner, turn: &NewTurn, lease: Duration) -> Result<Turn, StoreError> {
        let (mut state, now) = self.state();
        let entry = state.entry(owner, &turn.user_id)?;
        let messages = std::slice::from_ref(&turn.message);
        let key = request_key(&turn.request_id);
        let known = entry.known(Some(key), fingerprint(messages))?;
        let known = known.map(|request| (request.first, request.reply));
        if let Some((first, Some(reply))) = known {
            let at = |place: usize| entry.messages[place].message.clone();
            let (message, reply) = (at(first), Some(at(reply)));
            let session = state.slide(owner, &turn.user_id, now, self.policy)?;
            return Ok(Turn { session, message, replayed: true, reply });
        }
        if let Some((_, until)) = entry.turn.as_ref().filter(|(_, until)| *until > now) {
            let left = until.as_millis() - now.as_millis();
            return Err(StoreError::TurnInProgress(Duration::from_millis(left)));
        }
        entry.has_room(if known.is_some() { 1 } else { 2 })?;
        entry.turn = Some((turn.token.clone(), now.after(lease)));
        let moment = state.slide(owner, &turn.user_id, now, self.policy)?.last_activity;
        let entry = state.entry(owner, &turn.user_id)?;
        let message = match known {
            Some((first, _)) => entry.messages[first].message.clone(),
            None => {
                entry.remember(Some(key), messages);
                entry.push(messages, moment).remove(0)
            }
        };
        Ok(Turn { session: entry.session.clone(), message, replayed: known.is_some(), reply: None })
    }

    async fn renew_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        lease: Duration,
    ) -> Result<(), StoreError> {
        let (mut state, now) = self.state();
        let entry = state.entry(owner, user_id)?;
        entry.has_turn(token)?;
        entry.turn = Some((token.clone(), now.after(lease)));
        Ok(())
    }

    async fn finish_turn(
        &self,
        owner: &Owner,
        turn: &NewTurn,
        reply: &NewReply,
    ) -> Result<Message, StoreError> {
        let (mut state, now) = self.state();
        let entry = state.entry(owner, &turn.user_id)?;
        entry.has_turn(&turn.token)?;
        entry.has_room(1)?;
        entry.turn = None;
        let moment = state.slide(owner, &turn.user_id, now, self.policy)?.last_activity;
        let entry = state.entry(owner, &turn.user_id)?;
        let place = entry.messages.len();
        let key = request_key(&turn.request_id);
        if let Some(request) = entry.requests.iter_mut().find(|request| request.key == key) {
            request.reply = Some(place);
        }
        Ok(entry.push_reply(reply, moment))
    }

    async fn give_turn_back(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
    ) -> Result<(), StoreError> {
        let (mut state, _) = self.state();
        if let Ok(entry) = state.entry(owner, user_id)
            && entry.has_turn(token).is_ok()
        {
            entry.turn = None;
        }
        Ok(())
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
