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
    /// Maximum number of calls that wait at the limit, as a multiple of it.
    pub queue_factor: usize,
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
    average_latency: Duration,
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
            average_latency: Duration::ZERO,
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
            // There is room for another one if the limit has increased.
            self.0.ended.notify_one();
            if arrival.elapsed() <= self.0.settings.short_wait() {
                self.lock().at_limit = None;
            }
        }
        result
    }

    /// Takes a position in the queue; `None` if it is full.
    fn wait_in_queue(&self) -> Option<Waiting<'_>> {
        let max = self.limit() * self.0.settings.queue_factor;
        let waiting = Waiting(&self.0.waiting);
        (self.0.waiting.fetch_add(1, Ordering::Relaxed) < max).then_some(waiting)
    }

    fn try_admit(&self, timeout: Option<Duration>) -> Result<Permit, Rejected> {
        let in_flight = self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        let state = self.lock();
        let (limit, average) = (state.limit, state.average_latency);
        drop(state);
        let is_late = in_flight >= self.0.settings.min && timeout.is_some_and(|timeout| timeout < average);
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
        state.average_latency =
            state.average_latency.mul_f64(1.0 - AVERAGE_WEIGHT) + latency.mul_f64(AVERAGE_WEIGHT);
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
mod tests {
    use super::*;
    use tokio::time::advance;

    fn limiter(min: usize, max: usize) -> Limiter {
        Limiter::new(LimiterSettings {
            min,
            max,
            initial: max,
            target: Duration::from_millis(2),
            queue_factor: 1,
        })
    }

    #[test]
    fn calls_above_the_limit_are_rejected_until_others_end() {
        let limiter = limiter(1, 2);
        let (first, _second) = (limiter.try_admit(None).unwrap(), limiter.try_admit(None).unwrap());
        assert_eq!(limiter.try_admit(None).unwrap_err(), Rejected::Limit);
        drop(first);
        assert!(limiter.try_admit(None).is_ok());
        assert_eq!(limiter.in_flight(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_follows_the_latency_down_to_its_minimum_and_up_to_its_maximum() {
        let limiter = limiter(2, 10);
        for _ in 0..30 {
            let permit = limiter.try_admit(None).unwrap();
            advance(Duration::from_millis(3)).await;
            assert!(permit.record_latency());
        }
        assert_eq!(limiter.limit(), 2);
        for _ in 0..200 {
            let permits: Vec<_> = std::iter::from_fn(|| limiter.try_admit(None).ok()).collect();
            assert!(!permits.iter().any(Permit::record_latency));
        }
        assert_eq!(limiter.limit(), 10);
    }

    #[test]
    fn an_unused_limit_does_not_grow() {
        let limiter = limiter(1, 10);
        limiter.yield_to_others();
        for _ in 0..100 {
            limiter.try_admit(None).unwrap().record_latency();
        }
        assert_eq!(limiter.limit(), 9);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_cannot_meet_its_deadline_is_rejected_while_others_are_in_progress() {
        let limiter = limiter(1, 10);
        for _ in 0..50 {
            let permit = limiter.try_admit(None).unwrap();
            advance(Duration::from_millis(1)).await;
            permit.record_latency();
        }
        let short = Some(Duration::from_micros(100));
        let _running = limiter.try_admit(short).unwrap();
        assert_eq!(limiter.try_admit(short).unwrap_err(), Rejected::Deadline);
        assert!(limiter.try_admit(Some(Duration::from_secs(1))).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_limit_a_call_waits_for_the_end_of_another_for_a_short_time() {
        let limiter = limiter(1, 1);
        let first = limiter.admit(None).await.unwrap();
        let ending = async {
            advance(QUEUE_TIMEOUT / 2).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(limiter.admit(None), ending);
        assert!(second.is_ok());
        let start = Instant::now();
        assert_eq!(limiter.admit(None).await.unwrap_err(), Rejected::Limit);
        assert_eq!(start.elapsed(), QUEUE_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_rejects_immediately() {
        let limiter = limiter(1, 1);
        let _first = limiter.admit(None).await.unwrap();
        let (start, waiting) = (Instant::now(), limiter.admit(None));
        let rejected = async {
            assert_eq!(limiter.admit(None).await.unwrap_err(), Rejected::Limit);
            start.elapsed()
        };
        let (waited, took) = tokio::join!(waiting, rejected);
        assert_eq!((waited.unwrap_err(), took), (Rejected::Limit, Duration::ZERO));
        assert_eq!(limiter.0.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn in_an_overload_calls_are_rejected_at_once_until_it_is_over() {
        let limiter = limiter(2, 2);
        let _others = (limiter.try_admit(None).unwrap(), limiter.try_admit(None).unwrap());
        let wait_from = async |start: Duration| {
            tokio::time::sleep(start).await;
            let start = Instant::now();
            assert_eq!(limiter.admit(None).await.unwrap_err(), Rejected::Limit);
            start.elapsed()
        };
        let burst = async { tokio::join!(wait_from(Duration::ZERO), wait_from(BURST_MAX * 3 / 4)) };
        let overload = async { tokio::join!(wait_from(BURST_MAX * 5 / 4), wait_from(BURST_MAX * 2)) };
        let (burst, overload) = tokio::join!(burst, overload);
        assert_eq!(burst, (QUEUE_TIMEOUT, QUEUE_TIMEOUT));
        assert_eq!(overload, (Duration::ZERO, Duration::ZERO));
        assert_eq!(wait_from(BURST_MAX).await, QUEUE_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_wait_for_a_short_time_are_no_overload() {
        let target = Duration::from_millis(40);
        let settings = LimiterSettings { queue_factor: 2, target, ..limiter(64, 64).0.settings };
        let limiter = Limiter::new(settings);
        let start = Instant::now();
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..128 {
            let limiter = limiter.clone();
            callers.spawn(async move {
                for _ in 0..250 {
                    let permit = limiter.admit(None).await.unwrap();
                    tokio::time::sleep(target / 8).await;
                    drop(permit);
                }
            });
        }
        callers.join_all().await;
        assert!(start.elapsed() > 10 * BURST_MAX);
    }
}
