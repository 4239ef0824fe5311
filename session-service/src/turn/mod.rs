//! Turns: from the user's message to the stored reply. Knows domain, store and model, and no protobuf.

mod events;
mod limits;
mod metrics;
mod permits;
mod runner;
mod turns;

pub(crate) use events::{TurnError, TurnEvent};
pub use limits::{DEFAULT_MAX_TURNS, TurnLimits};
pub(crate) use metrics::TurnMetrics;
pub(crate) use runner::TurnContext;
pub(crate) use turns::Turns;
