//! Settings of the log.

use clap::ValueEnum;
use std::str::FromStr;
use tracing_subscriber::EnvFilter;

/// Filter of log lines, in the form of `RUST_LOG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    pub(crate) fn to_layer(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match EnvFilter::try_new(text) {
            Ok(_) if !text.trim().is_empty() => Ok(Self(text.to_owned())),
            _ => Err("it is not a log filter, such as info,gateway=debug".into()),
        }
    }
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_filter_is_not_empty_and_has_the_form_of_rust_log() {
        for text in ["info", "info,gateway=debug", "warn,session_service::grpc=trace"] {
            assert!(text.parse::<LogFilter>().is_ok(), "{text}");
        }
        for text in ["", " ", "a=b=c"] {
            assert!(text.parse::<LogFilter>().is_err(), "{text:?}");
        }
    }
}
