//! Time limits on a busy machine.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Interval at which the delay of the runtime is measured.
const TICK: Duration = Duration::from_millis(5);
/// Number of steps of a call that the runtime may delay.
const STEPS: u64 = 3;

/// Measures durations in tests, less the delay that a busy machine adds.
///
/// A limit such as "no call takes longer than 1.5 s" is a guarantee about timeouts. While both cores are busy, the runtime
/// wakes tasks late, and the test would fail although the code is correct. A sleeping task measures the delay.
pub struct Stopwatch {
    begun: Instant,
    max_delay: Arc<AtomicU64>,
    _stop: DropGuard,
}

impl Stopwatch {
    /// Starts a measurement. Must be called within a runtime.
    pub fn start() -> Self {
        let (max_delay, stop) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        let (measured, stopped) = (max_delay.clone(), stop.clone());
        tokio::spawn(stopped.run_until_cancelled_owned(async move {
            loop {
                let slept = Instant::now();
                tokio::time::sleep(TICK).await;
                let delay = slept.elapsed().saturating_sub(TICK);
                measured.fetch_max(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        }));
        Self { begun: Instant::now(), max_delay, _stop: stop.drop_guard() }
    }

    /// Returns the time since the start, less the delay of the machine.
    pub fn elapsed(&self) -> Duration {
        self.corrected(self.begun.elapsed())
    }

    /// Returns a duration that was measured in the meantime, less the delay of the machine.
    pub fn corrected(&self, measured: Duration) -> Duration {
        let delay = Duration::from_micros(STEPS * self.max_delay.load(Ordering::Relaxed));
        measured.saturating_sub(delay)
    }
}
