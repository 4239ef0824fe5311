//! Errors of the store.

use std::{error::Error, time::Duration};
use thiserror::Error as ThisError;

/// Error of a store operation.
#[derive(Debug, ThisError)]
pub enum StoreError {
    /// No live session has this name.
    #[error("no live session has this name")]
    NotFound,
    /// A live session has this name.
    #[error("a live session has this name")]
    AlreadyExists,
    /// The session would have too many messages.
    #[error("the session has too many messages")]
    SessionFull,
    /// The owner has as many sessions as the policy allows.
    #[error("the owner has too many sessions")]
    TooManySessions,
    /// The request id belongs to a different request.
    #[error("the request id belongs to a different request")]
    RequestIdReused,
    /// Another turn of the session is in progress. Its lease ends after this duration unless it is renewed.
    #[error("another turn is in progress")]
    TurnInProgress(Duration),
    /// The turn was released, or another one was acquired since.
    #[error("the turn was lost")]
    TurnLost,
    /// The turn was cancelled before its reply was stored.
    #[error("the turn was cancelled")]
    TurnCancelled,
    /// The listing can no longer be continued.
    #[error("the listing has expired")]
    ListingExpired,
    /// The store did not respond in time. A write may or may not have been applied.
    #[error("the store is unavailable: {0}")]
    Unavailable(Cause),
    /// The store contains data that Nono cannot have written.
    #[error("corrupt data in the store: {0}")]
    Corrupt(Cause),
}

/// Reason why the store cannot be reached. It contains no secrets.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("{reason}")]
pub struct Unreachable {
    /// Short name of the reason, the same for every instance of a problem.
    pub code: &'static str,
    /// The reason, as a clause such as "127.0.0.1:6379 refuses connections".
    pub reason: String,
    /// Advice for exactly this reason, as an imperative clause.
    pub advice: &'static str,
}

/// Cause of an error, for logs only.
pub type Cause = Box<dyn Error + Send + Sync>;

impl StoreError {
    /// Returns the reason if the store cannot be reached.
    pub fn unreachable(&self) -> Option<&Unreachable> {
        match self {
            Self::Unavailable(cause) => cause.downcast_ref(),
            _ => None,
        }
    }

    /// Returns the label of the error in logs and metrics.
    pub const fn as_label(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::SessionFull => "session_full",
            Self::TooManySessions => "too_many_sessions",
            Self::RequestIdReused => "request_id_reused",
            Self::TurnInProgress(_) => "turn_in_progress",
            Self::TurnLost => "turn_lost",
            Self::TurnCancelled => "turn_cancelled",
            Self::ListingExpired => "listing_expired",
            Self::Unavailable(_) => "unavailable",
            Self::Corrupt(_) => "corrupt",
        }
    }
}
