//! A turn, from the user's message to the stored reply, whether or not the caller listens.

use super::{Chat, events::Events};
use crate::{
    domain::{Content, HistoryPage, Message, Metadata, NewReply, Owner, PageSize, Span},
    model::{ModelError, Piece, context},
    rpc::status,
    store::{NewTurn, StoreError, Turn},
};
use futures_util::StreamExt;
use nono_proto::chat::v1 as pb;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval, sleep},
};
use tonic::Status;

/// Lease of a turn. The turn of a crashed process becomes free after it.
const LEASE: Duration = Duration::from_secs(30);
/// Interval between renewals of the lease.
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// Maximum number of attempts to store a reply while the store is unavailable.
const STORE_TRIES: u32 = 10;
/// Delay between these attempts.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Error of a turn without a reply.
enum Failure {
    Model(ModelError),
    Store(StoreError),
    /// The process stops before the reply is complete.
    Stopped,
}

impl Failure {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Model(error) => error.outcome(),
            Self::Store(error) => error.outcome(),
            Self::Stopped => "stopped",
        }
    }

    fn status(self) -> Status {
        match self {
            Self::Model(error) => status::from_model(error),
            Self::Store(error) => status::from_store(error),
            Self::Stopped => status::stopped(),
        }
    }
}

/// Runs a turn to its end. `begun` receives the result of storing the message and taking the turn, `sender` the events.
pub(super) async fn run(
    chat: Arc<Chat>,
    owner: Owner,
    turn: NewTurn,
    begun: oneshot::Sender<Result<(), Status>>,
    sender: mpsc::Sender<Result<pb::ChatResponse, Status>>,
) {
    chat.metrics.begin();
    let mut events = Events::new(sender);
    let outcome = match chat.store.begin_turn(&owner, &turn, LEASE).await {
        Err(error) => {
            let outcome = error.outcome();
            // The turn may have been taken anyway.
            let may_be_taken = matches!(error, StoreError::Unavailable(_));
            let _ = begun.send(Err(status::from_store(error)));
            if may_be_taken {
                give_back(&chat, &owner, &turn).await;
            }
            outcome
        }
        Ok(taken) => {
            let _ = begun.send(Ok(()));
            events.accepted(&taken.message, taken.replayed).await;
            match answer(&chat, &owner, &turn, &taken, &mut events).await {
                Ok(outcome) => outcome,
                Err(failure) => {
                    let outcome = failure.outcome();
                    give_back(&chat, &owner, &turn).await;
                    events.failed(failure.status()).await;
                    outcome
                }
            }
        }
    };
    chat.metrics.end(outcome);
    tracing::info!(outcome, "turn");
}

/// Replays the stored reply, or generates and stores one.
async fn answer(
    chat: &Chat,
    owner: &Owner,
    turn: &NewTurn,
    taken: &Turn,
    events: &mut Events,
) -> Result<&'static str, Failure> {
    if let Some(reply) = &taken.reply {
        events.delta(reply.content.as_str().to_owned()).await;
        events.done(reply).await;
        return Ok("replayed");
    }
    let written = tokio::select! {
        written = write(chat, owner, turn, taken, events) => written?,
        failure = keep_lease(chat, owner, turn) => return Err(failure),
        () = chat.lifecycle.force_shutdown() => return Err(Failure::Stopped),
    };
    let reply = store_reply(chat, owner, turn, &written).await.map_err(Failure::Store)?;
    events.done(&reply).await;
    Ok("answered")
}

/// Generates the reply and sends each part to the caller.
async fn write(
    chat: &Chat,
    owner: &Owner,
    turn: &NewTurn,
    taken: &Turn,
    events: &mut Events,
) -> Result<NewReply, Failure> {
    let size = i32::try_from(chat.context_messages).unwrap_or(i32::MAX);
    let size = PageSize::try_from(size).expect("it is not negative");
    let page = HistoryPage { span: Span::Newest, size };
    let history = chat.store.history(owner, &turn.user_id, page).await.map_err(Failure::Store)?;
    // A persona that is no longer configured is replaced by the default one.
    let persona =
        chat.personas.get(taken.session.persona.as_str()).unwrap_or_else(|| chat.personas.default());
    let prompt = context(persona, &history.messages, chat.context_messages);
    let asked = Instant::now();
    let mut pieces = chat.model.reply(prompt).await.map_err(Failure::Model)?;
    let mut text = String::new();
    while let Some(piece) = pieces.next().await {
        match piece.map_err(Failure::Model)? {
            Piece::Text(piece) => {
                if text.is_empty() {
                    chat.metrics.first_delta(asked.elapsed());
                }
                text.push_str(&piece);
                events.delta(piece).await;
            }
            Piece::End(finish_reason) => {
                let (content, metadata) = (Content::stored(text), Metadata::default());
                return Ok(NewReply { content, metadata, finish_reason });
            }
        }
    }
    Err(Failure::Model(ModelError::Cut("the stream ended without an end".into())))
}

/// Renews the lease until the turn is lost.
async fn keep_lease(chat: &Chat, owner: &Owner, turn: &NewTurn) -> Failure {
    let mut ticks = interval(RENEW_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        match chat.store.renew_turn(owner, &turn.user_id, &turn.token, LEASE).await {
            Ok(()) => {}
            // The lease survives two failed renewals.
            Err(StoreError::Unavailable(cause)) => tracing::warn!(%cause, "lease not extended"),
            Err(error) => return Failure::Store(error),
        }
    }
}

/// Stores the reply, with retries: generating it again would be expensive.
async fn store_reply(
    chat: &Chat,
    owner: &Owner,
    turn: &NewTurn,
    reply: &NewReply,
) -> Result<Message, StoreError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match chat.store.finish_turn(owner, turn, reply).await {
            Err(StoreError::Unavailable(cause)) if tries < STORE_TRIES => {
                tracing::warn!(%cause, tries, "reply not stored yet");
                sleep(STORE_PAUSE).await;
            }
            // An earlier attempt may have stored it although it failed.
            Err(StoreError::TurnLost) if tries > 1 => {
                return chat.store.begin_turn(owner, turn, LEASE).await?.reply.ok_or(StoreError::TurnLost);
            }
            result => return result,
        }
    }
}

async fn give_back(chat: &Chat, owner: &Owner, turn: &NewTurn) {
    if let Err(error) = chat.store.give_turn_back(owner, &turn.user_id, &turn.token).await {
        tracing::warn!(%error, "turn not given back; its lease ends by itself");
    }
}
