//! Errors of models.

use std::{error::Error, time::Duration};
use thiserror::Error as ThisError;

/// Cause of an error, for the log only. It contains no key, no address with a key and no text of a conversation.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Error of a model.
#[derive(Debug, ThisError)]
pub enum ModelError {
    /// The model is unreachable.
    #[error("the model is unreachable: {0}")]
    Unreachable(Cause),
    /// The model rejected the API key.
    #[error("the model rejected the API key: {0}")]
    Unauthorized(Cause),
    /// The model's rate limit or quota is exhausted.
    #[error("the rate limit of the model is exceeded: {cause}")]
    RateLimited {
        /// Delay that the model requests.
        retry_after: Option<Duration>,
        /// Cause for the log.
        cause: Cause,
    },
    /// The model returned an error.
    #[error("the model returned an error: {cause}")]
    Failed {
        /// HTTP status.
        status: u16,
        /// Cause for the log.
        cause: Cause,
    },
    /// The model stalled for longer than the timeout.
    #[error("the model stalled")]
    Timeout,
    /// The reply was truncated.
    #[error("the reply of the model was truncated: {0}")]
    Truncated(Cause),
    /// The response of the model is invalid.
    #[error("invalid response of the model: {0}")]
    InvalidResponse(Cause),
    /// The reply was empty.
    #[error("the reply of the model is empty")]
    Empty,
}

impl ModelError {
    /// Returns the label of the error in logs and metrics.
    pub const fn as_label(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Unauthorized(_) => "unauthorized",
            Self::RateLimited { .. } => "rate_limited",
            Self::Failed { .. } => "failed",
            Self::Timeout => "timeout",
            Self::Truncated(_) => "truncated",
            Self::InvalidResponse(_) => "invalid_response",
            Self::Empty => "empty",
        }
    }
}
