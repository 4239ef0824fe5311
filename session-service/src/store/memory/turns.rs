//! Turns in memory.

use super::{
    MemoryStore,
    state::{Record, RunningTurn, State},
};
use crate::{
    domain::{FinishReason, NewReply, Owner, RequestId, Timestamp, UserId},
    store::{
        FinishedTurn, Flushed, StoreError, Turn, TurnOutcome, TurnRequest, TurnTag, TurnToken,
        record::{fingerprint, request_digest},
    },
};
use std::time::Duration;

/// State of a turn's request.
enum Found {
    /// The indexes of message and reply.
    Replied(usize, usize),
    /// The index of the message and the token of the turn.
    Running(usize, TurnToken),
    /// The turn can be acquired. The index of the message if it is stored.
    Free(Option<usize>),
}

impl MemoryStore {
    pub(super) fn acquire_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        lease: Duration,
    ) -> Result<Turn, StoreError> {
        let (mut state, now) = self.state();
        let stored = match find(state.record(owner, &turn.user_id)?, turn, now)? {
            Found::Free(stored) => stored,
            found => return self.existing_turn(&mut state, owner, turn, now, found),
        };
        let timestamp = state.touch(owner, &turn.user_id, now, self.policy)?.last_activity;
        let record = state.record(owner, &turn.user_id)?;
        let message = match stored {
            Some(index) => record.messages[index].message.clone(),
            None => {
                let messages = std::slice::from_ref(&turn.message);
                record.record_request(Some(request_digest(&turn.request_id)), messages);
                record.push(messages, timestamp).remove(0)
            }
        };
        record.turn = Some(RunningTurn {
            token: turn.token.clone(),
            lease_end: now.after(lease),
            reply_seq: record.session.message_count + 1,
            request_id: turn.request_id.clone(),
            text: String::new(),
            is_cancelled: false,
        });
        let session = record.session.clone();
        Ok(Turn { session, message, replayed: stored.is_some(), reply: None, running: None })
    }

    pub(super) fn find_turn(&self, owner: &Owner, turn: &TurnRequest) -> Result<Option<Turn>, StoreError> {
        let (mut state, now) = self.state();
        match find(state.record(owner, &turn.user_id)?, turn, now)? {
            Found::Free(_) => Ok(None),
            found => self.existing_turn(&mut state, owner, turn, now, found).map(Some),
        }
    }

    /// Returns a turn that is running or has a reply. The reply extends the lifetime.
    fn existing_turn(
        &self,
        state: &mut State,
        owner: &Owner,
        turn: &TurnRequest,
        now: Timestamp,
        found: Found,
    ) -> Result<Turn, StoreError> {
        let record = state.record(owner, &turn.user_id)?;
        let at = |index: usize| record.messages.get(index).map(|stored| stored.message.clone());
        let (message, reply, running) = match found {
            Found::Replied(message, reply) => (at(message), at(reply), None),
            Found::Running(message, token) => (at(message), None, Some(token)),
            Found::Free(_) => (None, None, None),
        };
        let message = message.ok_or(StoreError::TurnLost)?;
        let session = match reply {
            Some(_) => state.touch(owner, &turn.user_id, now, self.policy)?,
            None => record.session.clone(),
        };
        Ok(Turn { session, message, replayed: true, reply, running })
    }

    pub(super) fn store_text(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        offset: u32,
        text: &str,
    ) -> Result<Flushed, StoreError> {
        let (mut state, _) = self.state();
        let record = state.record(owner, user_id)?;
        let turn = record.turn(token)?;
        let is_new = !text.is_empty() && turn.text.is_char_boundary(offset as usize);
        if is_new {
            turn.text.truncate(offset as usize);
            turn.text.push_str(text);
        }
        let stored = u32::try_from(turn.text.len()).unwrap_or(u32::MAX);
        let cancelled = turn.is_cancelled;
        record.revision += u64::from(is_new);
        Ok(Flushed { stored, cancelled })
    }

    pub(super) fn request_cancellation(
        &self,
        owner: &Owner,
        user_id: &UserId,
        request_id: Option<&RequestId>,
    ) -> Result<Option<TurnTag>, StoreError> {
        let (mut state, now) = self.state();
        let record = state.record(owner, user_id)?;
        let turn = record.turn.as_mut().filter(|turn| turn.lease_end > now);
        let turn = turn.filter(|turn| request_id.is_none_or(|id| *id == turn.request_id));
        Ok(turn.map(|turn| {
            turn.is_cancelled = true;
            TurnTag::from(&turn.token)
        }))
    }

    pub(super) fn store_reply(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        reply: &NewReply,
    ) -> Result<FinishedTurn, StoreError> {
        let (mut state, now) = self.state();
        let record = state.record(owner, &turn.user_id)?;
        let is_cancelled = record.turn(&turn.token)?.is_cancelled;
        if is_cancelled && reply.finish_reason != FinishReason::Cancelled {
            return Err(StoreError::TurnCancelled);
        }
        record.ensure_capacity(1)?;
        let timestamp = state.touch(owner, &turn.user_id, now, self.policy)?.last_activity;
        let record = state.record(owner, &turn.user_id)?;
        let index = record.messages.len();
        let digest = request_digest(&turn.request_id);
        if let Some(request) = record.requests.iter_mut().find(|request| request.digest == digest) {
            request.reply = Some(index);
        }
        let outcome = match reply.finish_reason {
            FinishReason::Cancelled => TurnOutcome::Cancelled,
            _ => TurnOutcome::Done,
        };
        let reply = record.push_reply(reply, timestamp);
        record.end_turn(outcome, reply.seq);
        Ok(FinishedTurn { session: record.session.clone(), reply })
    }
}

/// Returns the state of a turn's request. Fails if another turn is running, or if the session has no room for the reply.
fn find(record: &Record, turn: &TurnRequest, now: Timestamp) -> Result<Found, StoreError> {
    let fingerprint = fingerprint(std::slice::from_ref(&turn.message));
    let request = record.find_request(Some(request_digest(&turn.request_id)), fingerprint)?;
    let stored = request.map(|request| request.first);
    if let Some((message, reply)) = request.and_then(|request| Some((request.first, request.reply?))) {
        return Ok(Found::Replied(message, reply));
    }
    if let Some(running) = record.turn.as_ref().filter(|running| running.lease_end > now) {
        let left = running.lease_end.as_millis() - now.as_millis();
        return match stored.filter(|_| running.request_id == turn.request_id) {
            Some(message) => Ok(Found::Running(message, running.token.clone())),
            None => Err(StoreError::TurnInProgress(Duration::from_millis(left))),
        };
    }
    record.ensure_capacity(if stored.is_some() { 1 } else { 2 })?;
    Ok(Found::Free(stored))
}
