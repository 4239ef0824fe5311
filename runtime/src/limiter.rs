//! A limit on concurrent calls that adapts to their latency: additive increase, multiplicative decrease, as TCP's congestion
//! control.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// Factor of a decrease.
const DECREASE: f64 = 0.9;
/// Weight of a new latency in the average.
const AVERAGE_WEIGHT: f64 = 0.1;

/// Bounds of a limiter.
#[derive(Clone, Copy, Debug)]
pub struct LimiterSettings {
    /// Minimum of the limit, below which latency is not caused by concurrency.
    pub min: usize,
    /// Maximum of the limit.
    pub max: usize,
    /// Initial value of the limit.
    pub initial: usize,
    /// Latency above which the limit decreases.
    pub target: Duration,
    /// Maximum number of calls that wait at the limit. It does not depend on the limit, which is low at first.
    pub queue: usize,
}

impl LimiterSettings {
    /// Returns the maximum duration of a short wait. A queue that moves so fast delays calls less than a rejection with a retry.
    fn short_wait(self) -> Duration {
        self.target / 2
    }
}

/// Maximum time that a call waits at the limit: long enough for the end of short calls, as in a burst, and short enough to be
/// rejected early.
const QUEUE_TIMEOUT: Duration = Duration::from_millis(100);
/// Duration of a burst. If calls reach the limit for longer, without a break of the same duration, and none is admitted after a
/// short wait, it is an overload: most would wait in vain, and be rejected late at a higher cost.
const BURST_MAX: Duration = Duration::from_millis(100);

/// A limit on concurrent calls. Clones share it.
#[derive(Clone, Debug)]
pub struct Limiter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: LimiterSettings,
    in_flight: AtomicUsize,
    /// Number of calls that wait at the limit.
    waiting: AtomicUsize,
    /// Notified when a call ends.
    ended: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: f64,
    /// Time of the last decrease. A further one waits until its effect can be measured.
    decreased_at: Option<Instant>,
    /// In seconds.
    average_latency: f64,
    /// First and last call that reached the limit in the current series of such calls. A call that is admitted after a short
    /// wait ends the series.
    at_limit: Option<(Instant, Instant)>,
}

/// Reason of a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The limit is reached.
    Limit,
    /// The call would probably not end within its deadline.
    Deadline,
}

/// A call in progress.
#[derive(Debug)]
pub struct Permit {
    limiter: Limiter,
    start: Instant,
    /// `true` if at least half of the limit was in use. A limit that is not used does not grow.
    is_limit_used: bool,
}

impl Limiter {
    /// Creates a limiter.
    pub fn new(settings: LimiterSettings) -> Self {
        let state = State {
            limit: settings.initial as f64,
            decreased_at: None,
            average_latency: 0.0,
            at_limit: None,
        };
        Self(Arc::new(Inner {
            settings,
            in_flight: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            ended: Notify::new(),
            state: Mutex::new(state),
        }))
    }

    /// Admits a call that must end within `timeout`. At the limit it waits for the end of another call, but not for long.
    ///
    /// # Errors
    ///
    /// Rejects the call if none ends in time, and immediately in an overload, if too many others wait, or if recent calls took
    /// longer than its timeout.
    pub async fn admit(&self, timeout: Option<Duration>) -> Result<Permit, Rejected> {
        // Calls that wait come first, so that none waits in vain while later ones are admitted.
        let mut is_next = self.0.waiting.load(Ordering::Relaxed) == 0;
        if is_next {
            match self.try_admit(timeout) {
                Err(Rejected::Limit) => {}
                result => return result,
            }
        }
        let arrival = Instant::now();
        if self.lock().is_overload(arrival) {
            return Err(Rejected::Limit);
        }
        let _waiting = self.wait_in_queue().ok_or(Rejected::Limit)?;
        let admitted = async {
            loop {
                let ended = self.0.ended.notified();
                if is_next {
                    match self.try_admit(timeout) {
                        Err(Rejected::Limit) => {}
                        result => return result,
                    }
                }
                ended.await;
                is_next = true;
            }
        };
        let result = tokio::time::timeout(QUEUE_TIMEOUT, admitted).await.unwrap_or(Err(Rejected::Limit));
        if result.is_ok() {
            // If the limit has increased, there is room for another one. Without room, a call that is woken would lose its turn.
            if self.in_flight() < self.limit() {
                self.0.ended.notify_one();
            }
            if arrival.elapsed() <= self.0.settings.short_wait() {
                self.lock().at_limit = None;
            }
        }
        result
    }

    /// Takes a position in the queue; `None` if it is full.
    fn wait_in_queue(&self) -> Option<Waiting<'_>> {
        let waiting = Waiting(&self.0.waiting);
        (self.0.waiting.fetch_add(1, Ordering::Relaxed) < self.0.settings.queue).then_some(waiting)
    }

    fn try_admit(&self, timeout: Option<Duration>) -> Result<Permit, Rejected> {
        let in_flight = self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        let state = self.lock();
        let (limit, average) = (state.limit, state.average_latency);
        drop(state);
        let is_late = in_flight >= self.0.settings.min
            && timeout.is_some_and(|timeout| timeout.as_secs_f64() < average);
        if in_flight as f64 >= limit || is_late {
            self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
            return Err(if is_late { Rejected::Deadline } else { Rejected::Limit });
        }
        let is_limit_used = in_flight as f64 >= limit / 2.0;
        Ok(Permit { limiter: self.clone(), start: Instant::now(), is_limit_used })
    }

    /// Decreases the limit because more important calls are slow.
    pub fn yield_to_others(&self) {
        self.lock().decrease(self.0.settings);
    }

    /// Returns the current limit.
    pub fn limit(&self) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between its bounds, which are whole numbers"
        )]
        let limit = self.lock().limit as usize;
        limit
    }

    /// Returns the number of calls in progress.
    pub fn in_flight(&self) -> usize {
        self.0.in_flight.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Records that a call has reached the limit. Returns `true` if such calls have come for longer than a burst.
    fn is_overload(&mut self, now: Instant) -> bool {
        let series = self.at_limit.filter(|(_, last)| now.saturating_duration_since(*last) < BURST_MAX);
        let first = series.map_or(now, |(first, _)| first);
        self.at_limit = Some((first, now));
        now.saturating_duration_since(first) > BURST_MAX
    }

    fn decrease(&mut self, settings: LimiterSettings) {
        let now = Instant::now();
        if self.decreased_at.is_none_or(|at| now.saturating_duration_since(at) >= settings.target) {
            self.limit = (self.limit * DECREASE).max(settings.min as f64);
            self.decreased_at = Some(now);
        }
    }
}

impl Permit {
    /// Records the latency of the call up to now. Returns `true` if it is above the target.
    pub fn record_latency(&self) -> bool {
        let settings = self.limiter.0.settings;
        let latency = self.start.elapsed();
        let mut state = self.limiter.lock();
        state.average_latency += (latency.as_secs_f64() - state.average_latency) * AVERAGE_WEIGHT;
        let is_slow = latency > settings.target;
        if is_slow {
            state.decrease(settings);
        } else if self.is_limit_used {
            // One more for each round of calls.
            state.limit = (state.limit + 1.0 / state.limit.max(1.0)).min(settings.max as f64);
        }
        is_slow
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.limiter.0.ended.notify_one();
    }
}

/// A position in the queue.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
