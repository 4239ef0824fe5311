//! Regular reads of the heads of all watched sessions.

use super::{feed::Feed, shared::Shared};
use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};
use tokio::time::{MissedTickBehavior, interval};

/// Interval of reads of active sessions.
const INTERVAL: Duration = Duration::from_millis(250);
/// Number of intervals between two reads of an inactive session, which are spread over them.
const INACTIVE_INTERVALS: usize = 4;
/// Time for which reads may fail before watchers end: longer than a failover that goes well, and shorter than the silence
/// that callers accept.
const OUTAGE_MIN: Duration = Duration::from_secs(8);

/// Starts the reads. They end with the watchers.
pub(super) fn start(shared: &Arc<Shared>) {
    tokio::spawn(run(Arc::downgrade(shared)));
}

async fn run(shared: Weak<Shared>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing_since = None;
    for tick in 0_usize.. {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        let due = due(shared.watched(), tick);
        if due.is_empty() {
            continue;
        }
        let is_outage = match read(&shared, &due).await {
            true => {
                failing_since = None;
                false
            }
            false => failing_since.get_or_insert_with(Instant::now).elapsed() >= OUTAGE_MIN,
        };
        shared.outage.send_if_modified(|outage| std::mem::replace(outage, is_outage) != is_outage);
    }
}

/// Returns the sessions whose heads are read in this interval.
fn due(feeds: Vec<Arc<Feed>>, tick: usize) -> Vec<Arc<Feed>> {
    let is_due = |index: usize, feed: &Feed| {
        feed.is_active() || index % INACTIVE_INTERVALS == tick % INACTIVE_INTERVALS
    };
    feeds.into_iter().enumerate().filter(|(index, feed)| is_due(*index, feed)).map(|(_, feed)| feed).collect()
}

/// Reads the heads. Returns `false` if the store is unavailable.
async fn read(shared: &Shared, feeds: &[Arc<Feed>]) -> bool {
    let sessions: Vec<_> = feeds.iter().map(|feed| (feed.owner.clone(), feed.user_id.clone())).collect();
    shared.metrics.heads_read(sessions.len());
    match shared.store.heads(&sessions).await {
        Ok(heads) => {
            for (feed, head) in feeds.iter().zip(heads) {
                feed.observe(head);
            }
            true
        }
        Err(error) => {
            tracing::debug!(%error, sessions = sessions.len(), "heads not read");
            false
        }
    }
}
