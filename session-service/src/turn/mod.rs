//! Turns: from the user's message to the stored reply. Knows domain, store, watchers and model, and no protobuf.

mod attached;
mod cancellation;
mod events;
mod limits;
mod metrics;
mod orphan;
mod permits;
mod reply_text;
mod runner;
mod running;
mod turns;

pub(crate) use cancellation::Cancellation;
pub(crate) use events::{TurnError, TurnEvent};
pub use limits::{DEFAULT_MAX_TURNS, TurnLimits};
pub(crate) use metrics::TurnMetrics;
pub(crate) use runner::TurnContext;
pub(crate) use turns::Turns;
