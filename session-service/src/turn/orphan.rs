//! End of a turn that is not followed any more.

use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Maximum interval between two checks for followers.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Minimum number of checks within the limit.
const CHECKS: u32 = 10;

/// Waits until a turn has been followed neither by its caller nor by a watcher for `max`.
pub(super) async fn orphaned(disconnected: CancellationToken, max: Duration, is_watched: impl Fn() -> bool) {
    disconnected.cancelled().await;
    let interval = CHECK_INTERVAL.min(max / CHECKS);
    let mut followed_at = Instant::now();
    while followed_at.elapsed() < max {
        sleep(interval).await;
        if is_watched() {
            followed_at = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_secs(600);

    /// Returns the time after which a turn ends that is watched during this time.
    async fn end(is_watched: impl Fn(Duration) -> bool) -> Duration {
        let (start, disconnected) = (Instant::now(), CancellationToken::new());
        disconnected.cancel();
        orphaned(disconnected, MAX, || is_watched(start.elapsed())).await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_without_followers_ends_at_the_limit() {
        let took = end(|_| false).await;
        assert!((MAX..MAX + CHECK_INTERVAL).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_begins_when_the_last_watcher_leaves() {
        let (from, until) = (Duration::from_secs(500), Duration::from_secs(1700));
        let took = end(|elapsed| (from..until).contains(&elapsed)).await;
        assert!((until + MAX - CHECK_INTERVAL..until + MAX + CHECK_INTERVAL).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_does_not_end_while_its_caller_listens() {
        let turn = orphaned(CancellationToken::new(), MAX, || false);
        assert!(tokio::time::timeout(10 * MAX, turn).await.is_err());
    }
}
