//! Rate limits by key: a token bucket for each owner, caller or address.

use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock, DefaultClock},
};
use std::{
    fmt,
    hash::Hash,
    num::NonZeroU32,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Number of calls after which full buckets are removed. A removed bucket is the same as a full one.
const CLEANUP_CALLS: u64 = 10_000;

/// A rate: a number of calls in a second or a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    calls: NonZeroU32,
    period: Duration,
}

impl Rate {
    /// Returns the rate of this many calls times the factor.
    #[must_use]
    pub fn times(self, factor: NonZeroU32) -> Self {
        Self { calls: self.calls.saturating_mul(factor), ..self }
    }

    /// Returns the default burst: the calls of two seconds, and at least ten.
    fn default_burst(self) -> NonZeroU32 {
        let calls = f64::from(self.calls.get()) * 2.0 / self.period.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the conversion saturates"
        )]
        let calls = calls as u32;
        NonZeroU32::new(calls.max(10)).unwrap_or(NonZeroU32::MIN)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rule = || "it must be a number of calls per second or minute, such as 20/s or 600/m".to_owned();
        let (calls, unit) = text.split_once('/').ok_or_else(rule)?;
        let period = match unit {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            _ => return Err(rule()),
        };
        let is_number = calls.bytes().all(|byte| byte.is_ascii_digit());
        let calls = calls.parse().ok().filter(|_| is_number).ok_or_else(rule)?;
        Ok(Self { calls, period })
    }
}

/// Token buckets by key. Clones share them.
pub struct RateLimiter<K: Clone + Eq + Hash>(Arc<Buckets<K>>);

struct Buckets<K: Clone + Eq + Hash> {
    limiter: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
    calls: AtomicU64,
}

impl<K: Clone + Eq + Hash> RateLimiter<K> {
    /// Creates a limiter without buckets. Each new one holds `burst` calls.
    pub fn new(rate: Rate, burst: Option<NonZeroU32>) -> Self {
        let interval = rate.period / rate.calls.get();
        let quota = Quota::with_period(interval.max(Duration::from_nanos(1)))
            .expect("the interval is not zero")
            .allow_burst(burst.unwrap_or_else(|| rate.default_burst()));
        let limiter = DefaultKeyedRateLimiter::keyed(quota);
        Self(Arc::new(Buckets { limiter, clock: DefaultClock::default(), calls: AtomicU64::new(0) }))
    }

    /// Takes a call from the bucket of a key. Returns the time until there is one if the bucket is empty.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        let Buckets { limiter, clock, calls } = &*self.0;
        if calls.fetch_add(1, Ordering::Relaxed) % CLEANUP_CALLS == CLEANUP_CALLS - 1 {
            limiter.retain_recent();
        }
        limiter.check_key(key).map_err(|empty| empty.wait_time_from(clock.now()))
    }
}

impl<K: Clone + Eq + Hash> Clone for RateLimiter<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Clone + Eq + Hash> fmt::Debug for RateLimiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter").field("keys", &self.0.limiter.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    #[test]
    fn a_rate_is_a_number_per_second_or_minute() {
        assert_eq!(rate("20/s").period / 20, Duration::from_millis(50));
        assert_eq!(rate("600/m").period / 600, Duration::from_millis(100));
        for wrong in ["", "20", "0/s", "-1/s", "+1/s", "20/h", "/s", "1.5/s", "20/s ", "9999999999/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong:?}");
        }
        assert_eq!(rate("20/s").default_burst().get(), 40);
        assert_eq!(rate("1/m").default_burst().get(), 10);
        assert_eq!(rate("4000000000/s").default_burst().get(), u32::MAX);
    }

    #[test]
    fn each_key_has_its_own_bucket() {
        let limiter = RateLimiter::new(rate("1/m"), NonZeroU32::new(3));
        for _ in 0..3 {
            assert_eq!(limiter.take(&"a"), Ok(()));
        }
        let wait = limiter.take(&"a").unwrap_err();
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
        assert_eq!(limiter.take(&"b"), Ok(()));
    }

    #[test]
    fn full_buckets_are_removed() {
        let limiter = RateLimiter::new(rate("4000000000/s"), NonZeroU32::new(10));
        for key in 0..2 * CLEANUP_CALLS {
            limiter.take(&key).unwrap();
        }
        assert!(limiter.0.limiter.len() < 100, "{limiter:?}");
    }
}
