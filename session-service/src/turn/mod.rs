//! Turns: from the user's message to the stored reply. Knows domain, store and model, and no protobuf.

mod events;
mod metrics;
mod runner;

pub(crate) use events::{TurnError, TurnEvent};
pub(crate) use metrics::TurnMetrics;
pub(crate) use runner::{TurnContext, Turns};
