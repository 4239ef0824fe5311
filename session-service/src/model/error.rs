//! Errors of models.

use std::{error::Error, fmt, time::Duration};

/// Cause of an error, for the log only. It contains no key, no address with a key and no text of a conversation.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Error of a model.
#[derive(Debug)]
pub enum ModelError {
    /// The model is unreachable.
    Unreachable(Cause),
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
    Timeout,
    /// The reply was truncated.
    Truncated(Cause),
    /// The response of the model is invalid.
    InvalidResponse(Cause),
    /// The reply was empty.
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

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(cause) => write!(f, "the model is unreachable: {cause}"),
            Self::Unauthorized(cause) => write!(f, "the model rejected the API key: {cause}"),
            Self::RateLimited { cause, .. } => write!(f, "the rate limit of the model is exceeded: {cause}"),
            Self::Failed { cause, .. } => write!(f, "the model returned an error: {cause}"),
            Self::Timeout => f.write_str("the model stalled"),
            Self::Truncated(cause) => write!(f, "the reply of the model was truncated: {cause}"),
            Self::InvalidResponse(cause) => write!(f, "invalid response of the model: {cause}"),
            Self::Empty => f.write_str("the reply of the model is empty"),
        }
    }
}

impl Error for ModelError {}
