//! What running needs and serving does not: settings, telemetry, signals and drain, listeners. Knows nothing of chat.

pub mod admin;
pub mod call;
pub mod http;
mod json_lines;
pub mod lifecycle;
mod run;
pub mod settings;
mod telemetry;

pub use lifecycle::Lifecycle;
pub use run::{Process, listen, registry, run};

/// For every program of the workspace: a call allocates some hundred small things. docs/decisions/0006-speed.md
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
