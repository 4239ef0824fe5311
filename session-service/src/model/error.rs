//! Why there is no reply, or no whole one.

use std::{error::Error, fmt, time::Duration};

/// What lies beneath an error, for the log only. It holds no key, no address with a key, and nothing that was said.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why there is no reply, or no whole one.
#[derive(Debug)]
pub enum ModelError {
    /// The model cannot be reached.
    Refused(Cause),
    /// The model does not accept the key.
    Unauthorized(Cause),
    /// The model is asked too often, or its quota is used up.
    RateLimited {
        /// How long the model says to wait.
        retry_after: Option<Duration>,
        /// For the log.
        cause: Cause,
    },
    /// The model answers with a failure.
    Failed {
        /// The HTTP status.
        status: u16,
        /// For the log.
        cause: Cause,
    },
    /// The model gave no sign of life for as long as it may be silent.
    Silent,
    /// The reply ended in its middle.
    Cut(Cause),
    /// What the model answers makes no sense.
    Garbage(Cause),
    /// The reply ended without a word.
    Empty,
}

impl ModelError {
    /// A word for logs and metrics.
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
