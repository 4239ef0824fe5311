//! Random variation of durations.

use std::time::Duration;

/// Returns the duration, lengthened or shortened at random by up to 10 %, so that processes do not act in step.
pub fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(0.9 + 0.2 * fastrand::f64())
}

/// Returns between a half and one and a half of the duration at random, so that many clients do not come back at once.
pub fn spread(duration: Duration) -> Duration {
    duration.mul_f64(0.5 + fastrand::f64())
}
