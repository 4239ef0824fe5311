//! Load of an endpoint: calls in progress, and a moving average of its latency.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Time constant of the average. An endpoint without calls is forgiven its latency at the same rate.
const DECAY: Duration = Duration::from_secs(10);
/// Difference in latency that does not matter: calls to a healthy service take less.
const NOISE: Duration = Duration::from_millis(5);

/// Load of an endpoint. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Load(Arc<Inner>);

#[derive(Default)]
struct Inner {
    calls: AtomicUsize,
    latency: Mutex<Option<Latency>>,
}

/// Average latency in seconds at a time.
#[derive(Clone, Copy)]
struct Latency {
    seconds: f64,
    at: Instant,
}

impl Latency {
    /// Returns the average after some time without calls.
    fn decayed(self, now: Instant) -> f64 {
        self.seconds * weight(now.saturating_duration_since(self.at))
    }
}

/// Returns the weight of an average after some time.
fn weight(elapsed: Duration) -> f64 {
    (-elapsed.as_secs_f64() / DECAY.as_secs_f64()).exp()
}

/// A call in progress.
pub(super) struct Call {
    load: Load,
    start: Instant,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.load.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Load {
    /// Counts a call until it is dropped.
    pub(super) fn begin(&self) -> Call {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        Call { load: self.clone(), start: Instant::now() }
    }

    fn calls(&self) -> usize {
        self.0.calls.load(Ordering::Relaxed)
    }

    fn latency(&self, now: Instant) -> f64 {
        let latency = *self.0.latency.lock().unwrap_or_else(PoisonError::into_inner);
        latency.map_or(0.0, |latency| latency.decayed(now))
    }

    /// Returns `true` if a call should rather go here than to `other`. Endpoints whose latencies are about equal are
    /// compared by their calls in progress alone, so that they receive the same load.
    pub(super) fn is_less_than(&self, other: &Self, now: Instant) -> bool {
        let (calls, others) = ((self.calls() + 1) as f64, (other.calls() + 1) as f64);
        let (latency, others_latency) = (self.latency(now), other.latency(now));
        let (fast, slow) = (latency.min(others_latency), latency.max(others_latency));
        if slow < 2.0 * fast + NOISE.as_secs_f64() {
            return calls < others;
        }
        calls * latency.max(1e-6) < others * others_latency.max(1e-6)
    }
}

impl Call {
    /// Records the latency of the response. A higher one counts immediately, a lower one gradually.
    pub(super) fn record_latency(&self) {
        let now = Instant::now();
        let seconds = now.saturating_duration_since(self.start).as_secs_f64();
        let mut latency = self.load.0.latency.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = latency.map_or(seconds, |average| {
            let weight = weight(now.saturating_duration_since(average.at));
            seconds.max(average.seconds * weight + seconds * (1.0 - weight))
        });
        *latency = Some(Latency { seconds, at: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(calls: usize, latency: Duration) -> (Load, Vec<Call>) {
        let load = Load::default();
        *load.0.latency.lock().unwrap() =
            Some(Latency { seconds: latency.as_secs_f64(), at: Instant::now() });
        let calls = (0..calls).map(|_| load.begin()).collect();
        (load, calls)
    }

    #[test]
    fn endpoints_of_similar_latency_are_compared_by_calls_in_progress() {
        let (busy, _busy) = load(3, Duration::from_millis(2));
        let (idle, _idle) = load(1, Duration::from_millis(4));
        assert!(idle.is_less_than(&busy, Instant::now()) && !busy.is_less_than(&idle, Instant::now()));
        let (same, _same) = load(1, Duration::from_millis(2));
        assert!(!idle.is_less_than(&same, Instant::now()) && !same.is_less_than(&idle, Instant::now()));
    }

    #[test]
    fn slow_endpoints_receive_less_until_they_are_forgiven() {
        let (fast, _fast) = load(9, Duration::from_millis(2));
        let (slow, _slow) = load(0, Duration::from_millis(200));
        let now = Instant::now();
        assert!(fast.is_less_than(&slow, now));
        assert!(slow.is_less_than(&fast, now + 6 * DECAY));
    }

    #[test]
    fn a_call_ends_when_it_is_dropped() {
        let load = Load::default();
        let call = load.begin();
        call.record_latency();
        assert_eq!(load.calls(), 1);
        drop(call);
        assert_eq!(load.calls(), 0);
        assert!(load.latency(Instant::now()) > 0.0);
    }
}
