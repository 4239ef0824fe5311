//! Events of a turn, for a caller that may disconnect at any time.

use crate::{
    domain::{Message, Session},
    model::ModelError,
    store::StoreError,
};
use std::time::Duration;
use tokio::sync::mpsc;

/// Timeout for a caller that does not read.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Event of a turn.
pub(crate) enum TurnEvent {
    /// The user's message is stored.
    Accepted {
        session: Session,
        message: Message,
        /// `true` if an earlier call had stored the message.
        replayed: bool,
    },
    /// The next text of the reply.
    Delta(String),
    /// The reply is stored. The last event.
    Done { session: Session, reply: Message },
}

/// Error that ends a turn without a reply.
#[derive(Debug)]
pub(crate) enum TurnError {
    Store(StoreError),
    Model(ModelError),
    /// The process stops before the reply is complete.
    ShuttingDown,
}

impl TurnError {
    /// Returns the label of the error in logs and metrics.
    pub(super) const fn as_label(&self) -> &'static str {
        match self {
            Self::Model(error) => error.as_label(),
            Self::Store(error) => error.as_label(),
            Self::ShuttingDown => "stopped",
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

/// Sender of the events of one turn. Does nothing once the caller has disconnected or stopped reading.
pub(super) struct EventSink(Option<mpsc::Sender<Result<TurnEvent, TurnError>>>);

impl EventSink {
    pub(super) fn new(sender: mpsc::Sender<Result<TurnEvent, TurnError>>) -> Self {
        Self(Some(sender))
    }

    pub(super) async fn send(&mut self, event: Result<TurnEvent, TurnError>) {
        let Some(sender) = &self.0 else { return };
        if sender.send_timeout(event, SEND_TIMEOUT).await.is_err() {
            self.0 = None;
        }
    }
}
