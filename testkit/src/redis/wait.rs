//! Waiting for a condition, with a timeout and a reason.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Timeout for conditions, generous for busy machines.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);
/// Interval between two attempts.
const INTERVAL: Duration = Duration::from_millis(10);

/// Repeats an attempt until it succeeds. Panics with the last reason after the timeout.
pub(super) fn until<T>(what: &str, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(reason) => {
                assert!(
                    started.elapsed() < TIMEOUT,
                    "timeout after {TIMEOUT:?} waiting until {what}: {reason}"
                );
            }
        }
        pause();
    }
}

/// Returns an error with a reason if a condition does not hold.
pub(super) fn ensure(holds: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(reason()) }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the condition is polled, because servers send no notification"
)]
fn pause() {
    thread::sleep(INTERVAL);
}
