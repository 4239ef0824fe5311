//! Tests of the limiter, with a clock that is controlled.

use super::*;
use tokio::time::advance;

fn limiter(min: usize, max: usize) -> Limiter {
    Limiter::new(LimiterSettings { min, max, initial: max, target: Duration::from_millis(2), queue: max })
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
async fn calls_that_wait_are_admitted_in_the_order_of_their_arrival() {
    let limiter = Limiter::new(LimiterSettings { queue: 8, ..limiter(1, 1).0.settings });
    let first = limiter.admit(None).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..8 {
        let (limiter, order) = (limiter.clone(), order.clone());
        callers.spawn(async move {
            let permit = limiter.admit(None).await.unwrap();
            order.lock().unwrap().push(number);
            tokio::time::sleep(Duration::from_millis(5)).await;
            drop(permit);
        });
        tokio::task::yield_now().await;
    }
    drop(first);
    callers.join_all().await;
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
}

/// Makes 250 calls of a duration for each of 128 callers. None may be rejected.
async fn admit_all(limiter: &Limiter, duration: Duration) {
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..128 {
        let limiter = limiter.clone();
        callers.spawn(async move {
            for _ in 0..250 {
                let permit = limiter.admit(None).await.unwrap();
                tokio::time::sleep(duration).await;
                permit.record_latency();
            }
        });
    }
    callers.join_all().await;
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_a_short_time_are_no_overload() {
    let target = Duration::from_millis(40);
    let limiter = Limiter::new(LimiterSettings { queue: 128, target, ..limiter(64, 64).0.settings });
    let start = Instant::now();
    admit_all(&limiter, target / 8).await;
    assert!(start.elapsed() > 10 * BURST_MAX);
}

#[tokio::test(start_paused = true)]
async fn callers_beyond_a_low_initial_limit_wait_while_it_grows() {
    let target = Duration::from_millis(40);
    let limiter = Limiter::new(LimiterSettings { min: 4, initial: 16, max: 64, target, queue: 256 });
    admit_all(&limiter, target / 40).await;
    assert_eq!(limiter.limit(), 64);
}
