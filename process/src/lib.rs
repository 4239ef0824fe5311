//! What running needs and serving does not: settings, telemetry, signals and drain, listeners. Knows nothing of chat.

pub mod admin;
pub mod call;
pub mod http;
pub mod lifecycle;
mod run;
pub mod settings;
mod telemetry;

pub use lifecycle::Lifecycle;
pub use run::{Process, listen, registry, run};
