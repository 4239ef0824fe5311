//! Time of the store between two reads, by the clock of this process.

use crate::domain::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// Time of the store at an instant of this process.
#[derive(Clone, Copy)]
pub(super) struct StoreClock {
    now: Timestamp,
    at: Instant,
}

impl StoreClock {
    /// Creates a clock from the time that was just read.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { now, at: Instant::now() }
    }

    /// Returns the time of the store.
    pub(super) fn now(self) -> Timestamp {
        self.now.after(self.at.elapsed())
    }

    /// Returns the instant at which the store reaches a time; if it has already, that of the last read.
    pub(super) fn instant(self, time: Timestamp) -> Instant {
        self.at + Duration::from_millis(time.as_millis().saturating_sub(self.now.as_millis()))
    }
}
