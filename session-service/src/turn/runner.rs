//! Execution of turns. A turn runs in a task of its own and completes whether or not its caller listens.
//!
//! A lease in the store allows one turn per session at a time. Its token fences a turn that lost the lease: it can no
//! longer store a reply.

use super::{
    events::{Accepted, CANCELLED, EventSink, ORPHANED, TurnError, TurnEvent},
    limits::TurnLimits,
    metrics::TurnMetrics,
    orphan::orphaned,
    permits::Permit,
    reply_text::{FlushEnd, ReplyText},
    running::RunningTurns,
};
use crate::{
    domain::{Content, HistoryPage, HistoryRange, Metadata, NewReply, Owner, PageSize, Session},
    model::{FinishReason, Model, ModelError, Prompt, ReplyEvent, build_prompt},
    personas::Personas,
    store::{FinishedTurn, SessionStore, StoreError, Turn, TurnFailure, TurnOutcome, TurnRequest},
    watch::Watchers,
};
use futures_util::StreamExt;
use runtime::Lifecycle;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{oneshot, watch},
    time::{MissedTickBehavior, interval, sleep},
};

/// Lease of a turn. The turn of a crashed process ends after it.
const LEASE: Duration = Duration::from_secs(30);
/// Interval between renewals of the lease, which survives two failed ones.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(10);
/// Maximum number of attempts to store a reply while the store is unavailable.
const STORE_MAX_ATTEMPTS: u32 = 10;
/// Delay between these attempts.
const STORE_BACKOFF: Duration = Duration::from_secs(1);

/// Dependencies of turns.
pub(crate) struct TurnContext {
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) watchers: Watchers,
    pub(crate) personas: Arc<Personas>,
    pub(crate) model: Arc<dyn Model>,
    /// Result of the model's most recent call: `true` if it succeeded.
    pub(crate) model_health: watch::Sender<bool>,
    pub(crate) context_messages: usize,
    pub(crate) limits: TurnLimits,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) metrics: TurnMetrics,
}

/// One turn.
pub(super) struct TurnRunner {
    context: Arc<TurnContext>,
    permit: Option<Permit>,
    owner: Owner,
    request: TurnRequest,
    events: EventSink,
    running: RunningTurns,
}

/// Result of the beginning of a turn.
pub(super) enum Begun {
    /// The turn runs, or its reply is replayed.
    Running,
    /// A turn of the same request is running already.
    Elsewhere(Box<(Owner, TurnRequest, Turn)>),
}

impl TurnRunner {
    pub(super) fn new(
        context: Arc<TurnContext>,
        permit: Permit,
        owner: Owner,
        request: TurnRequest,
        events: EventSink,
        running: RunningTurns,
    ) -> Self {
        Self { context, permit: Some(permit), owner, request, events, running }
    }

    /// Runs the turn to its end. `begun` receives the result of storing the message and acquiring the turn.
    pub(super) async fn run(mut self, begun: oneshot::Sender<Result<Begun, TurnError>>) {
        self.context.metrics.begin();
        match self.context.store.begin_turn(&self.owner, &self.request, LEASE).await {
            Err(error) => {
                self.end(error.as_label());
                // An unavailable store may have acquired the turn anyway.
                let may_be_acquired = matches!(error, StoreError::Unavailable(_));
                let _ = begun.send(Err(error.into()));
                if may_be_acquired {
                    self.release(TurnOutcome::Failed(TurnFailure::Store)).await;
                }
            }
            Ok(turn) if turn.running.is_some() => {
                self.end("attached");
                let elsewhere = Box::new((self.owner, self.request, turn));
                let _ = begun.send(Ok(Begun::Elsewhere(elsewhere)));
            }
            Ok(turn) => {
                let _ = begun.send(Ok(Begun::Running));
                let (last, outcome) = match self.reply(turn).await {
                    Ok((done, outcome)) => (Ok(done), outcome),
                    Err(error) => {
                        let outcome = error.as_label();
                        self.release(error.outcome()).await;
                        (Err(error), outcome)
                    }
                };
                self.end(outcome);
                self.events.send(last).await;
            }
        }
    }

    /// Returns the permit and records the outcome, before the caller receives the last event: its next turn may start then.
    fn end(&mut self, outcome: &'static str) {
        self.permit = None;
        self.context.metrics.end(outcome);
        tracing::info!(outcome, "turn");
    }

    /// Replays the stored reply, or generates and stores one. Returns the last event and the outcome of the turn.
    async fn reply(&mut self, turn: Turn) -> Result<(TurnEvent, &'static str), TurnError> {
        let Turn { session, message, replayed, reply, .. } = turn;
        if let Some(reply) = reply {
            return Ok((self.events.replay(session, message, reply).await, "replayed"));
        }
        let accepted = Accepted { session: session.clone(), message, replayed };
        self.events.send(Ok(TurnEvent::Accepted(Box::new(accepted)))).await;
        let text = ReplyText::default();
        let end = self.generate_until_end(&session, &text).await?;
        if text.is_empty() {
            match end {
                End::Cancelled => return Err(TurnError::Cancelled),
                End::Orphaned => return Err(TurnError::Orphaned),
                End::Finished(_) => {}
            }
        }
        let (content, metadata) = (Content::stored(text.take()), Metadata::default());
        let reply = NewReply { content, metadata, finish_reason: end.finish_reason() };
        let finished = self.store_reply(reply).await?;
        let outcome = match finished.reply.finish_reason {
            Some(FinishReason::Cancelled) => CANCELLED,
            _ => end.outcome(),
        };
        Ok((TurnEvent::Done(Box::new(finished)), outcome))
    }

    /// Generates the reply until it is complete or cut.
    async fn generate_until_end(&mut self, session: &Session, text: &ReplyText) -> Result<End, TurnError> {
        let (context, owner, request) = (self.context.clone(), self.owner.clone(), self.request.clone());
        let running = self.running.begin(&owner, &request.user_id);
        let is_watched = || context.watchers.is_watched(&owner, &request.user_id);
        let orphaned = orphaned(self.events.disconnected(), context.limits.orphan_turn_max, is_watched);
        tokio::select! {
            finish = self.generate(session, text) => finish.map(End::Finished),
            end = text.flush(&*context.store, &owner, &request, &running.wake) => match end {
                FlushEnd::Cancelled => Ok(End::Cancelled),
                FlushEnd::Lost(error) => Err(error.into()),
            },
            error = renew_lease(&*context.store, &owner, &request) => Err(error.into()),
            () = context.lifecycle.force_shutdown() => Err(TurnError::ShuttingDown),
            () = orphaned => Ok(End::Orphaned),
        }
    }

    /// Generates the reply, appends each part to `text` and sends it to the caller.
    async fn generate(&mut self, session: &Session, text: &ReplyText) -> Result<FinishReason, TurnError> {
        let context = self.context.clone();
        let size = i32::try_from(context.context_messages).unwrap_or(i32::MAX);
        let size = PageSize::try_from(size).expect("the size is positive");
        let page = HistoryPage { range: HistoryRange::Latest, size };
        let history = context.store.history(&self.owner, &self.request.user_id, page).await?;
        // A persona that is no longer configured is replaced by the default one.
        let persona =
            context.personas.get(session.persona.as_str()).unwrap_or_else(|| context.personas.default());
        let prompt = build_prompt(persona, &history.messages, context.context_messages);
        drop(history);
        let finish = self.generate_from(prompt, text).await;
        context
            .model_health
            .send_if_modified(|is_healthy| std::mem::replace(is_healthy, finish.is_ok()) != finish.is_ok());
        Ok(finish?)
    }

    async fn generate_from(&mut self, prompt: Prompt, text: &ReplyText) -> Result<FinishReason, ModelError> {
        let start = Instant::now();
        let mut stream = self.context.model.reply(prompt).await?;
        while let Some(event) = stream.next().await {
            match event? {
                ReplyEvent::Text(delta) => {
                    if text.push(&delta) {
                        self.context.metrics.first_delta(start.elapsed());
                    }
                    self.events.send(Ok(TurnEvent::Delta(delta))).await;
                }
                ReplyEvent::Finish(finish_reason) => return Ok(finish_reason),
            }
        }
        Err(ModelError::Truncated("the stream has no finish event".into()))
    }

    /// Stores the reply, with retries: generating it again would be expensive.
    async fn store_reply(&self, mut reply: NewReply) -> Result<FinishedTurn, StoreError> {
        let (store, owner, request) = (&self.context.store, &self.owner, &self.request);
        let mut attempts = 0;
        loop {
            attempts += 1;
            match store.finish_turn(owner, request, &reply).await {
                Err(StoreError::Unavailable(cause)) if attempts < STORE_MAX_ATTEMPTS => {
                    tracing::warn!(%cause, attempts, "reply not stored yet");
                    sleep(STORE_BACKOFF).await;
                }
                // The cancellation came before the end of the reply was stored.
                Err(StoreError::TurnCancelled) => reply.finish_reason = FinishReason::Cancelled,
                // An earlier attempt may have stored the reply although it failed.
                Err(StoreError::TurnLost) if attempts > 1 => {
                    let stored = store.replay_turn(owner, request).await?.ok_or(StoreError::TurnLost)?;
                    let Turn { session, reply, .. } = stored;
                    return Ok(FinishedTurn { session, reply: reply.ok_or(StoreError::TurnLost)? });
                }
                result => return result,
            }
        }
    }

    async fn release(&self, outcome: TurnOutcome) {
        let TurnRequest { user_id, token, .. } = &self.request;
        if let Err(error) = self.context.store.release_turn(&self.owner, user_id, token, outcome).await {
            tracing::warn!(%error, "turn not released; its lease ends by itself");
        }
    }
}

/// End of the generation of a reply.
enum End {
    Finished(FinishReason),
    Cancelled,
    /// The turn was not followed for too long.
    Orphaned,
}

impl End {
    const fn finish_reason(&self) -> FinishReason {
        match self {
            Self::Finished(reason) => *reason,
            Self::Cancelled => FinishReason::Cancelled,
            // The reply is cut where it is.
            Self::Orphaned => FinishReason::Length,
        }
    }

    const fn outcome(&self) -> &'static str {
        match self {
            Self::Finished(_) => "answered",
            Self::Cancelled => CANCELLED,
            Self::Orphaned => ORPHANED,
        }
    }
}

/// Renews the lease until the turn is lost. Returns the reason.
async fn renew_lease(store: &dyn SessionStore, owner: &Owner, request: &TurnRequest) -> StoreError {
    let mut ticks = interval(RENEWAL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        match store.renew_turn(owner, &request.user_id, &request.token, LEASE).await {
            Ok(()) => {}
            Err(StoreError::Unavailable(cause)) => tracing::warn!(%cause, "lease not renewed"),
            Err(error) => return error,
        }
    }
}
