//! Errors of models.

use std::{error::Error, fmt, time::Duration};

/// Cause of an error, for the log only. It contains no key, no address with a key and no text of a conversation.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Error of a model.
#[derive(Debug)]
pub enum ModelError {
    /// The model is unreachable.
    Refused(Cause),
    /// The model rejected the API key.
    Unauthorized(Cause),
    /// The model's rate limit or quota is exhausted.
    RateLimited {
        /// Delay that the model requests.
        retry_after: Option<Duration>,
        /// Cause for the log.
        cause: Cause,
    },
    /// The model returned an error.
    Failed {
        /// HTTP status.
        status: u16,
        /// Cause for the log.
        cause: Cause,
    },
    /// The model stalled for longer than the timeout.
    Silent,
    /// The reply was truncated.
    Cut(Cause),
    /// The response of the model is invalid.
    Garbage(Cause),
    /// The reply was empty.
    Empty,
}

impl ModelError {
    /// Returns the label for logs and metrics.
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Unauthorized(_) => "unauthorized",
            Self::RateLimited { .. } => "rate_limited",
            Self::Failed { .. } => "failed",
            Self::Silent => "silent",
            Self::Cut(_) => "cut",
            Self::Garbage(_) => "garbage",
            Self::Empty => "empty",
        }
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(cause) => write!(f, "the model cannot be reached: {cause}"),
            Self::Unauthorized(cause) => write!(f, "the model does not accept the key: {cause}"),
            Self::RateLimited { cause, .. } => write!(f, "the model is asked too often: {cause}"),
            Self::Failed { cause, .. } => write!(f, "the model failed: {cause}"),
            Self::Silent => f.write_str("the model was silent for too long"),
            Self::Cut(cause) => write!(f, "the model's reply ended in its middle: {cause}"),
            Self::Garbage(cause) => write!(f, "the model's answer makes no sense: {cause}"),
            Self::Empty => f.write_str("the model's reply ended without a word"),
        }
    }
}

impl Error for ModelError {}
