//! Errors of the store.

use std::{error::Error, fmt, time::Duration};

/// Error of a store operation.
#[derive(Debug)]
pub enum StoreError {
    /// No live session has this name.
    NotFound,
    /// A live session has this name.
    AlreadyExists,
    /// The session would have too many messages.
    SessionFull,
    /// The owner has as many sessions as the policy allows.
    TooManySessions,
    /// The request id belongs to a different request.
    RequestIdReused,
    /// Another turn of the session is in progress. Its lease ends after this duration unless it is renewed.
    TurnInProgress(Duration),
    /// The turn was released, or another one was acquired since.
    TurnLost,
    /// The listing can no longer be continued.
    ListingExpired,
    /// The store did not respond in time. A write may or may not have been applied.
    Unavailable(Cause),
    /// The store contains data that Nono cannot have written.
    Corrupt(Cause),
}

/// Cause of an error, for logs only.
pub type Cause = Box<dyn Error + Send + Sync>;

impl StoreError {
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
            Self::ListingExpired => "listing_expired",
            Self::Unavailable(_) => "unavailable",
            Self::Corrupt(_) => "corrupt",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(cause) => write!(f, "the store is unavailable: {cause}"),
            Self::Corrupt(cause) => write!(f, "corrupt data in the store: {cause}"),
            other => f.write_str(other.as_label()),
        }
    }
}

impl Error for StoreError {}
