//! Cancellation of a running turn, in whichever process it runs.

use super::{events::TurnError, runner::TurnContext, running::RunningTurns};
use crate::{
    domain::{FinishReason, Message, Owner, RequestId, UserId},
    watch::{Start, TurnChange, TurnState, WatchError, WatchEvent, Watcher},
};
use std::time::Duration;
use tokio::time::timeout;

/// Maximum time to wait for the reply of a cancelled turn.
const REPLY_TIMEOUT: Duration = Duration::from_secs(2);

/// Result of a cancellation.
#[derive(Debug, Default)]
pub(crate) struct Cancellation {
    /// `true` if a running turn was cancelled.
    pub(crate) cancelled: bool,
    /// The reply as stored, if there was any text.
    pub(crate) reply: Option<Message>,
}

/// Cancels the running turn of a session, or only that of a request, and waits for its reply.
pub(super) async fn cancel(
    context: &TurnContext,
    running: &RunningTurns,
    owner: Owner,
    user_id: UserId,
    request_id: Option<RequestId>,
) -> Result<Cancellation, TurnError> {
    let TurnContext { store, watchers, lifecycle, .. } = context;
    let stopping = lifecycle.force_shutdown_token();
    // The watcher comes first, so that it does not miss the end. Without one the turn is cancelled all the same.
    let watcher = match watchers.watch_until(owner.clone(), user_id.clone(), &Start::Now, stopping).await {
        Ok(watcher) => Some(watcher),
        Err(WatchError::TooManyWatchers) => None,
        Err(error) => return Err(error.into()),
    };
    if store.cancel_turn(&owner, &user_id, request_id.as_ref()).await?.is_none() {
        return Ok(Cancellation::default());
    }
    running.wake(&owner, &user_id);
    let reply = match watcher {
        Some(watcher) => timeout(REPLY_TIMEOUT, reply(watcher)).await.unwrap_or_default(),
        None => None,
    };
    Ok(Cancellation { cancelled: true, reply })
}

/// Waits for the end of the turn. Returns its reply.
async fn reply(mut watcher: Watcher) -> Option<Message> {
    let mut reply = None;
    while let Some(Ok((_, event))) = watcher.next().await {
        match event {
            WatchEvent::Message(message) if message.finish_reason == Some(FinishReason::Cancelled) => {
                reply = Some(*message);
            }
            WatchEvent::Turn(TurnChange { state: TurnState::Ended(_) | TurnState::Lost, .. })
            | WatchEvent::Ended(_) => break,
            _ => {}
        }
    }
    reply
}
