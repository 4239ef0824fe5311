//! Regular reads of the heads of all watched sessions.

use super::{feed::Feed, shared::Shared};
use crate::{
    domain::{Owner, UserId},
    store::StoreError,
};
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
        let is_outage = match read(&shared, due).await {
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
async fn read(shared: &Shared, feeds: Vec<Arc<Feed>>) -> bool {
    let sessions = feeds.len();
    shared.metrics.heads_read(sessions);
    match try_read(shared, feeds).await {
        Ok(()) => true,
        Err(error) => {
            tracing::debug!(%error, sessions, "heads not read");
            false
        }
    }
}

/// Reads the heads of which not only the version can have changed, and those with another version than before.
async fn try_read(shared: &Shared, feeds: Vec<Arc<Feed>>) -> Result<(), StoreError> {
    let (versioned, mut due): (Vec<_>, Vec<_>) = feeds.into_iter().partition(|feed| feed.version().is_some());
    if !versioned.is_empty() {
        let versions = shared.store.head_versions(&sessions(&versioned)).await?;
        let changed =
            versioned.into_iter().zip(versions).filter(|(feed, version)| feed.version() != *version);
        due.extend(changed.map(|(feed, _)| feed));
    }
    if !due.is_empty() {
        let heads = shared.store.heads(&sessions(&due)).await?;
        due.iter().zip(heads).for_each(|(feed, head)| feed.observe(head));
    }
    Ok(())
}

fn sessions(feeds: &[Arc<Feed>]) -> Vec<(Owner, UserId)> {
    feeds.iter().map(|feed| (feed.owner.clone(), feed.user_id.clone())).collect()
}
