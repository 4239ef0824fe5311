//! Turns: the user's message, the lease and the reply, each step one script.

use super::{
    RedisStore,
    client::{Idempotency, ScriptCall, corrupt},
    context::millis,
    index::IndexPolicy,
    keys,
    reply::{NO_REPLY, RUNNING, Reply},
    scripts,
};
use crate::{
    domain::{FinishReason, NewReply, Owner, Preview, RequestId, UserId},
    store::{
        FinishedTurn, Flushed, StoreError, Turn, TurnOutcome, TurnRequest, TurnTag, TurnToken,
        record::{encode_reply_without_timestamp, encode_without_timestamp, fingerprint, request_digest},
    },
};
use bb8_redis::redis::Cmd;
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
        let reply = self.change(owner, &turn.user_id, call, IndexPolicy::Existing, idempotency).await?;
        read_turn(reply, turn)?.ok_or_else(|| corrupt("a turn was requested, and none was acquired"))
    }

    /// Returns the turn if its reply is stored or if it is running. A zero lease acquires nothing.
    pub(super) async fn find_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
    ) -> Result<Option<Turn>, StoreError> {
        let call = self.prepare_turn(owner, turn, Duration::ZERO);
        let idempotency = Idempotency::Idempotent;
        let reply = self.change(owner, &turn.user_id, call, IndexPolicy::Existing, idempotency).await?;
        read_turn(reply, turn)
    }

    fn prepare_turn(&self, owner: &Owner, turn: &TurnRequest, lease: Duration) -> ScriptCall {
        let mut call = self.prepare_change(&scripts::BEGIN_TURN, owner, &turn.user_id);
        call.arg(request_digest(&turn.request_id).as_slice())
            .arg(fingerprint(std::slice::from_ref(&turn.message)).as_slice())
            .arg(&turn.token.0)
            .arg(millis(lease))
            .arg(encode_without_timestamp(&turn.message))
            .arg(turn.request_id.as_str())
            .arg(Preview::of(turn.message.content.as_str()).as_str());
        call
    }

    /// Extends the lease to `lease` from now.
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

    pub(super) async fn store_text(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        offset: u32,
        text: &str,
    ) -> Result<Flushed, StoreError> {
        let mut keys = vec![keys::record(owner, user_id)];
        if !self.client.is_cluster() || offset > 0 || !text.is_empty() {
            keys.push(keys::turn_text(owner, user_id));
        }
        let mut call = ScriptCall::new(&scripts::FLUSH_TURN, &keys);
        call.arg(&token.0).arg(offset).arg(text);
        // Watchers may miss a preview, so no replica has to acknowledge it.
        let mut reply = Reply::new(self.flushes.eval_read(call).await?)?;
        reply.status()?;
        let stored = reply.next()?;
        let cancelled = reply.next::<u8>()? == 1;
        Ok(Flushed { stored, cancelled })
    }

    pub(super) async fn request_cancellation(
        &self,
        owner: &Owner,
        user_id: &UserId,
        request_id: Option<&RequestId>,
    ) -> Result<Option<TurnTag>, StoreError> {
        let mut call = self.prepare_change(&scripts::CANCEL_TURN, owner, user_id);
        call.arg(request_id.map_or("", RequestId::as_str));
        let mut reply = Reply::new(self.client.eval_write(&call, Idempotency::Idempotent).await?)?;
        if reply.status()? == "no_turn" {
            return Ok(None);
        }
        reply.next::<String>().map(|token| Some(TurnTag::new(&token)))
    }

    pub(super) async fn end_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        outcome: TurnOutcome,
    ) -> Result<(), StoreError> {
        let mut call = self.prepare_change(&scripts::RELEASE_TURN, owner, user_id);
        call.arg(&token.0).arg(outcome.as_str());
        Reply::new(self.client.eval_read(&call, Idempotency::Idempotent).await?)?.status()?;
        self.delete_text(owner, user_id).await;
        Ok(())
    }

    /// Deletes the text of a turn that ended. On a single node its end did. A failure is ignored, because the text is not
    /// read any more and expires.
    pub(super) async fn delete_text(&self, owner: &Owner, user_id: &UserId) {
        if self.client.is_cluster() {
            let command = Cmd::del(keys::turn_text(owner, user_id));
            if let Err(error) = self.client.query(&command, Idempotency::Idempotent).await {
                tracing::debug!(%error, "text of a turn not deleted");
            }
        }
    }

    pub(super) async fn store_reply(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        new: &NewReply,
    ) -> Result<FinishedTurn, StoreError> {
        let outcome = match new.finish_reason {
            FinishReason::Cancelled => TurnOutcome::Cancelled,
            _ => TurnOutcome::Done,
        };
        let mut call = self.prepare_change(&scripts::FINISH_TURN, owner, &turn.user_id);
        call.arg(request_digest(&turn.request_id).as_slice())
            .arg(&turn.token.0)
            .arg(encode_reply_without_timestamp(new))
            .arg(outcome.as_str())
            .arg(Preview::of(new.content.as_str()).as_str());
        let idempotency = Idempotency::NonIdempotent;
        let mut reply = self.change(owner, &turn.user_id, call, IndexPolicy::Existing, idempotency).await?;
        reply.status()?;
        let session = reply.session(&turn.user_id)?;
        self.delete_text(owner, &turn.user_id).await;
        let reply = new.clone().at(session.message_count, session.last_activity);
        Ok(FinishedTurn { session, reply })
    }
}

/// Reads the reply of the script that begins turns; `None` if it acquired none and has none to return.
fn read_turn(mut reply: Reply, turn: &TurnRequest) -> Result<Option<Turn>, StoreError> {
    let status = reply.status()?;
    if status == NO_REPLY {
        return Ok(None);
    }
    let session = reply.session(&turn.user_id)?;
    let seq = reply.next()?;
    let replayed = status != "acquired";
    let message =
        if replayed { reply.message(seq)? } else { turn.message.clone().at(seq, session.last_activity) };
    let (mut stored_reply, mut running) = (None, None);
    if status == RUNNING {
        running = Some(TurnToken(reply.next()?));
    } else if status == "reply_replayed" {
        let seq = reply.next()?;
        stored_reply = Some(reply.message(seq)?);
    }
    Ok(Some(Turn { session, message, replayed, reply: stored_reply, running }))
}
