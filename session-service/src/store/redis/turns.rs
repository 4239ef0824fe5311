//! Turns: the user's message, the lease and the reply, each step one script.

use super::{
    RedisStore,
    client::{Idempotency, ScriptCall},
    context::millis,
    index::IndexPolicy,
    reply::{NO_REPLY, Reply},
    scripts,
};
use crate::{
    domain::{NewReply, Owner, UserId},
    store::{
        FinishedTurn, ReplayedTurn, StoreError, Turn, TurnRequest, TurnToken,
        record::{encode_reply_without_timestamp, encode_without_timestamp, fingerprint, request_digest},
    },
};
use std::time::Duration;

impl RedisStore {
    pub(super) async fn acquire_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        lease: Duration,
    ) -> Result<Turn, StoreError> {
        let call = self.prepare_turn(owner, turn, lease);
        // Not retried: the first attempt may have acquired the turn, and the second would find it in progress.
        let idempotency = Idempotency::NonIdempotent;
        let mut reply = self.change(owner, &turn.user_id, call, IndexPolicy::Existing, idempotency).await?;
        let status = reply.status()?;
        let session = reply.session(&turn.user_id)?;
        let seq = reply.next()?;
        let replayed = status != "acquired";
        let message =
            if replayed { reply.message(seq)? } else { turn.message.clone().at(seq, session.last_activity) };
        let stored_reply = if status == "reply_replayed" {
            let seq = reply.next()?;
            Some(reply.message(seq)?)
        } else {
            None
        };
        Ok(Turn { session, message, replayed, reply: stored_reply })
    }

    /// Returns the turn if its reply is stored. A zero lease acquires nothing.
    pub(super) async fn find_reply(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
    ) -> Result<Option<ReplayedTurn>, StoreError> {
        let call = self.prepare_turn(owner, turn, Duration::ZERO);
        let idempotency = Idempotency::Idempotent;
        let mut reply = self.change(owner, &turn.user_id, call, IndexPolicy::Existing, idempotency).await?;
        if reply.status()? == NO_REPLY {
            return Ok(None);
        }
        let session = reply.session(&turn.user_id)?;
        let seq = reply.next()?;
        let message = reply.message(seq)?;
        let seq = reply.next()?;
        Ok(Some(ReplayedTurn { session, message, reply: reply.message(seq)? }))
    }

    fn prepare_turn(&self, owner: &Owner, turn: &TurnRequest, lease: Duration) -> ScriptCall {
        let mut call = self.prepare_change(&scripts::BEGIN_TURN, owner, &turn.user_id);
        call.arg(request_digest(&turn.request_id).as_slice())
            .arg(fingerprint(std::slice::from_ref(&turn.message)).as_slice())
            .arg(&turn.token.0)
            .arg(millis(lease))
            .arg(encode_without_timestamp(&turn.message));
        call
    }

    /// Extends the lease to `lease` from now. A zero lease releases the turn.
    pub(super) async fn extend_lease(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        lease: Duration,
    ) -> Result<(), StoreError> {
        let mut call = self.prepare_change(&scripts::RENEW_TURN, owner, user_id);
        call.arg(&token.0).arg(millis(lease));
        Reply::new(self.client.eval_read(&call, Idempotency::Idempotent).await?)?.status().map(drop)
    }

    pub(super) async fn store_reply(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        new: &NewReply,
    ) -> Result<FinishedTurn, StoreError> {
        let mut call = self.prepare_change(&scripts::FINISH_TURN, owner, &turn.user_id);
        call.arg(request_digest(&turn.request_id).as_slice())
            .arg(&turn.token.0)
            .arg(encode_reply_without_timestamp(new));
        let idempotency = Idempotency::NonIdempotent;
        let mut reply = self.change(owner, &turn.user_id, call, IndexPolicy::Existing, idempotency).await?;
        reply.status()?;
        let session = reply.session(&turn.user_id)?;
        let reply = new.clone().at(session.message_count, session.last_activity);
        Ok(FinishedTurn { session, reply })
    }
}
