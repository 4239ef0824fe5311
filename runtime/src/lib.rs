//! Runtime of a program: settings, telemetry, signals, drain and ports. It knows nothing about sessions or chat.

pub mod admin;
pub mod context;
mod json_lines;
pub mod lifecycle;
pub mod output;
mod run;
pub mod server;
pub mod settings;
mod telemetry;

pub use lifecycle::Lifecycle;
pub use run::{Process, listen, run};

/// Returns the duration, lengthened or shortened at random by up to 10 %, so that processes do not act in step.
pub fn jittered(duration: std::time::Duration) -> std::time::Duration {
    duration.mul_f64(0.9 + 0.2 * fastrand::f64())
}

/// Allocator of all programs: a call makes some hundred small allocations (docs/decisions/0006-speed.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
