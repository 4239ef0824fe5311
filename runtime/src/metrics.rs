//! Metrics that all programs have in common.

use prometheus_client::metrics::histogram::Histogram;

/// Buckets for the duration of calls, in seconds: half a millisecond to the longest turns, half an hour.
const CALL_DURATION_BUCKETS: [f64; 17] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0, 120.0, 600.0,
    1800.0,
];

/// Creates a histogram for the duration of calls in seconds.
pub fn call_duration_histogram() -> Histogram {
    Histogram::new(CALL_DURATION_BUCKETS)
}
