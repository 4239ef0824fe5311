//! Events of a turn, for a caller that may disconnect at any time.

use crate::{
    domain::{Message, Session},
    model::ModelError,
    store::{FinishedTurn, StoreError, TurnFailure, TurnOutcome},
    watch::WatchError,
};
use futures_util::Stream;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Maximum number of events buffered for a slow caller.
const EVENT_BUFFER: usize = 64;
/// Timeout for a caller that does not read.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Outcome of a turn that was ended because its caller had disconnected.
pub(super) const ORPHANED: &str = "orphaned";

/// Outcome of a turn that was cancelled.
pub(super) const CANCELLED: &str = "cancelled";

/// Event of a turn. Large ones are boxed, because every turn has a buffer of at least 32 events.
pub(crate) enum TurnEvent {
    /// The user's message is stored.
    Accepted(Box<Accepted>),
    /// The next text of the reply.
    Delta(String),
    /// The reply is stored. The last event.
    Done(Box<FinishedTurn>),
}

/// The user's message of a turn as stored, and the session after that.
pub(crate) struct Accepted {
    pub(crate) session: Session,
    pub(crate) message: Message,
    /// `true` if an earlier call had stored the message.
    pub(crate) replayed: bool,
}

/// Error that ends a turn without a reply.
#[derive(Debug)]
pub(crate) enum TurnError {
    Store(StoreError),
    Model(ModelError),
    /// The process has the maximum number of running turns. Nothing was stored.
    Overloaded,
    /// The owner has the maximum number of running turns. Nothing was stored.
    OwnerOverloaded,
    /// The turn was ended because its caller had disconnected, and the model had not generated any text.
    Orphaned,
    /// The turn was cancelled before the model had generated any text.
    Cancelled,
    /// The turn of this request, which runs in another task or process, failed.
    Failed(TurnFailure),
    /// The process that ran the turn of this request stopped, and its lease ended.
    Lost,
    /// The process has the maximum number of watchers, and the turn of this request is running.
    TooManyWatchers,
    /// The process stops before the reply is complete.
    ShuttingDown,
    /// The process stops while it follows the turn of this request, which goes on.
    Interrupted,
}

impl TurnError {
    /// Returns the label of the error in logs and metrics.
    pub(super) const fn as_label(&self) -> &'static str {
        match self {
            Self::Model(error) => error.as_label(),
            Self::Store(error) => error.as_label(),
            Self::Overloaded => "overloaded",
            Self::OwnerOverloaded => "owner_overloaded",
            Self::Orphaned => ORPHANED,
            Self::Cancelled => CANCELLED,
            Self::Failed(_) => "attached_failed",
            Self::Lost => "attached_lost",
            Self::TooManyWatchers => "too_many_watchers",
            Self::ShuttingDown => "stopped",
            Self::Interrupted => "interrupted",
        }
    }
}

impl TurnError {
    /// Returns the outcome of a turn that ends with this error.
    pub(super) const fn outcome(&self) -> TurnOutcome {
        match self {
            Self::Cancelled => TurnOutcome::Cancelled,
            Self::Orphaned => TurnOutcome::Failed(TurnFailure::Orphaned),
            Self::ShuttingDown => TurnOutcome::Failed(TurnFailure::ShuttingDown),
            Self::Store(StoreError::SessionFull) => TurnOutcome::Failed(TurnFailure::SessionFull),
            Self::Store(_) => TurnOutcome::Failed(TurnFailure::Store),
            Self::Failed(failure) => TurnOutcome::Failed(*failure),
            Self::Model(_)
            | Self::Lost
            | Self::Interrupted
            | Self::Overloaded
            | Self::OwnerOverloaded
            | Self::TooManyWatchers => TurnOutcome::Failed(TurnFailure::Model),
        }
    }
}

impl From<WatchError> for TurnError {
    fn from(error: WatchError) -> Self {
        match error {
            WatchError::Store(error) => Self::Store(error),
            WatchError::TooManyWatchers => Self::TooManyWatchers,
            WatchError::ShuttingDown => Self::Interrupted,
        }
    }
}

impl From<StoreError> for TurnError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ModelError> for TurnError {
    fn from(error: ModelError) -> Self {
        Self::Model(error)
    }
}

/// Events of a turn.
pub(crate) type Events = Pin<Box<dyn Stream<Item = Result<TurnEvent, TurnError>> + Send>>;

/// Receiver of the events of a turn of this process. Dropping it tells the turn that its caller has disconnected.
struct Receiver {
    receiver: mpsc::Receiver<Result<TurnEvent, TurnError>>,
    _disconnect: DropGuard,
}

impl Stream for Receiver {
    type Item = Result<TurnEvent, TurnError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context)
    }
}

/// Creates the two ends of the events of a turn.
pub(super) fn channel() -> (EventSink, Events) {
    let (sender, receiver) = mpsc::channel(EVENT_BUFFER);
    let disconnected = CancellationToken::new();
    let events = Receiver { receiver, _disconnect: disconnected.clone().drop_guard() };
    (EventSink { sender: Some(sender), disconnected }, Box::pin(events))
}

/// Sender of the events of one turn. Does nothing once the caller has disconnected or stopped reading.
pub(super) struct EventSink {
    sender: Option<mpsc::Sender<Result<TurnEvent, TurnError>>>,
    disconnected: CancellationToken,
}

impl EventSink {
    /// Returns a token that is cancelled once the caller has disconnected or stopped reading.
    pub(super) fn disconnected(&self) -> CancellationToken {
        self.disconnected.clone()
    }

    /// Sends the events of a stored reply except the last one, which it returns.
    pub(super) async fn replay(&mut self, session: Session, message: Message, reply: Message) -> TurnEvent {
        let text = reply.content.as_str().to_owned();
        let accepted = Accepted { session: session.clone(), message, replayed: true };
        self.send(Ok(TurnEvent::Accepted(Box::new(accepted)))).await;
        self.send(Ok(TurnEvent::Delta(text))).await;
        TurnEvent::Done(Box::new(FinishedTurn { session, reply }))
    }

    pub(super) async fn send(&mut self, event: Result<TurnEvent, TurnError>) {
        let Some(sender) = &self.sender else { return };
        if sender.send_timeout(event, SEND_TIMEOUT).await.is_err() {
            self.sender = None;
            self.disconnected.cancel();
        }
    }
}
