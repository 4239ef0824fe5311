//! Runtime of a program: settings, telemetry, signals, drain and ports. It knows nothing about sessions or chat.

pub mod admin;
pub mod admission;
pub mod commands;
pub mod context;
mod health;
mod jitter;
mod json_lines;
pub mod lifecycle;
pub mod limiter;
mod log_settings;
pub mod memory;
pub mod metrics;
pub mod output;
mod parsed_file;
pub mod rate_limit;
pub mod reload;
mod run;
pub mod server;
mod setting_files;
pub mod settings;
mod signals;
mod telemetry;
pub mod tls;
mod version;

pub use jitter::{jittered, spread};
pub use lifecycle::Lifecycle;
pub use parsed_file::ParsedFile;
pub use run::{Process, listen, run};
pub use version::version;
