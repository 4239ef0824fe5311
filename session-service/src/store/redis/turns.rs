//! Turns in Redis: the user's message, the lease and the reply, each step one script.

use super::{RedisStore, Repeat, in_time, millis, places::Placing, reply::Reply, scripts};
use crate::{
    domain::{Message, NewReply, Owner, UserId},
    store::{
        NewTurn, StoreError, Turn, TurnToken,
        record::{fingerprint, request_key, unstamped, unstamped_reply},
    },
};
use std::time::Duration;

pub(super) async fn begin(
    store: &RedisStore,
    owner: &Owner,
    turn: &NewTurn,
    lease: Duration,
) -> Result<Turn, StoreError> {
    let mut invocation = store.prepare_change(&scripts::BEGIN_TURN, owner, &turn.user_id);
    invocation
        .arg(request_key(&turn.request_id).as_slice())
        .arg(fingerprint(std::slice::from_ref(&turn.message)).as_slice())
        .arg(&turn.token.0)
        .arg(millis(lease))
        .arg(unstamped(&turn.message));
    // Not repeated: the first try may have taken the turn, and the second would find it taken.
    let changing = store.change(owner, &turn.user_id, invocation, Placing::Known, Repeat::Unsafe);
    let mut reply = in_time(changing).await?;
    let word = reply.word()?;
    let session = reply.session(&turn.user_id)?;
    let seq = reply.next()?;
    let replayed = word != "taken";
    let message =
        if replayed { reply.message(seq)? } else { turn.message.clone().at(seq, session.last_activity) };
    let answer = if word == "answered" {
        let seq = reply.next()?;
        Some(reply.message(seq)?)
    } else {
        None
    };
    Ok(Turn { session, message, replayed, reply: answer })
}

/// Extends the lease to `lease` milliseconds from now; 0 ends the turn.
pub(super) async fn renew(
    store: &RedisStore,
    owner: &Owner,
    user_id: &UserId,
    token: &TurnToken,
    lease: u64,
) -> Result<(), StoreError> {
    let mut invocation = store.prepare_change(&scripts::RENEW_TURN, owner, user_id);
    invocation.arg(&token.0).arg(lease);
    Reply::new(in_time(store.link.read(&invocation, Repeat::Safe)).await?)?.word().map(drop)
}

pub(super) async fn finish(
    store: &RedisStore,
    owner: &Owner,
    turn: &NewTurn,
    reply: &NewReply,
) -> Result<Message, StoreError> {
    let mut invocation = store.prepare_change(&scripts::FINISH_TURN, owner, &turn.user_id);
    invocation.arg(request_key(&turn.request_id).as_slice()).arg(&turn.token.0).arg(unstamped_reply(reply));
    let changing = store.change(owner, &turn.user_id, invocation, Placing::Known, Repeat::Unsafe);
    let mut answer = in_time(changing).await?;
    answer.word()?;
    let seq = answer.next()?;
    Ok(reply.clone().at(seq, answer.timestamp()?))
}
