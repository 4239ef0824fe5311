//! Random variation of durations.

use std::time::Duration;

/// Returns the duration, lengthened or shortened at random by up to 10 %, so that processes do not act in step.
pub fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(0.9 + 0.2 * fastrand::f64())
}
