//! Waiting for what will be so, with a limit and a reason when it is not.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long servers may take to do what they are to do: a limit for machines that are busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// Tries again until it works. Panics with the last reason when it did not in time.
pub(super) fn until<T>(what: &str, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(reason) => {
                assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}, because {reason}");
            }
        }
        pause();
    }
}

/// Nothing, or this reason.
pub(super) fn ensure(is_so: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(reason()) }
}

#[expect(clippy::disallowed_methods, reason = "between two looks at a condition; servers do not call back")]
fn pause() {
    thread::sleep(PAUSE);
}
