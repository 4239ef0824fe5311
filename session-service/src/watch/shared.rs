//! State that the watchers of a process share: the watched sessions, and the limit of watchers.

use super::{feed::Feed, metrics::WatchMetrics};
use crate::{
    domain::{Owner, UserId},
    store::SessionStore,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

pub(super) struct Shared {
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) metrics: WatchMetrics,
    /// `true` while the heads cannot be read.
    pub(super) outage: watch::Sender<bool>,
    /// Cancelled when the process stops.
    pub(super) stopping: CancellationToken,
    feeds: Mutex<HashMap<(Owner, UserId), Arc<Feed>>>,
    permits: Arc<Semaphore>,
}

/// A watcher's share of a feed. The last one removes it.
pub(super) struct Subscription {
    pub(super) feed: Arc<Feed>,
    pub(super) changes: watch::Receiver<u64>,
    pub(super) outage: watch::Receiver<bool>,
    pub(super) shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl Shared {
    pub(super) fn new(
        store: Arc<dyn SessionStore>,
        max_watchers: u32,
        stopping: CancellationToken,
        metrics: WatchMetrics,
    ) -> Arc<Self> {
        metrics.set_limit(max_watchers);
        Arc::new(Self {
            store,
            metrics,
            outage: watch::Sender::new(false),
            stopping,
            feeds: Mutex::default(),
            permits: Arc::new(Semaphore::new(max_watchers as usize)),
        })
    }

    /// Returns a subscription to a session; `None` at the limit of watchers.
    pub(super) fn try_subscribe(self: &Arc<Self>, owner: Owner, user_id: UserId) -> Option<Subscription> {
        let permit = self.permits.clone().try_acquire_owned().ok()?;
        let key = (owner.clone(), user_id.clone());
        let mut feeds = self.feeds();
        let feed = feeds.entry(key).or_insert_with(|| Arc::new(Feed::new(owner, user_id))).clone();
        // Under the lock, so that the end of another subscription does not remove the feed.
        let changes = feed.subscribe();
        drop(feeds);
        self.metrics.begin();
        let outage = self.outage.subscribe();
        Some(Subscription { feed, changes, outage, shared: self.clone(), _permit: permit })
    }

    /// Wakes the watchers of a session.
    pub(super) fn wake(&self, owner: &Owner, user_id: &UserId) {
        let feeds = self.feeds();
        // Most sessions are not watched, and a look-up needs a key.
        if feeds.is_empty() {
            return;
        }
        let feed = feeds.get(&(owner.clone(), user_id.clone())).cloned();
        drop(feeds);
        if let Some(feed) = feed {
            feed.wake();
        }
    }

    pub(super) fn is_watched(&self, owner: &Owner, user_id: &UserId) -> bool {
        self.feeds().contains_key(&(owner.clone(), user_id.clone()))
    }

    /// Returns all watched sessions.
    pub(super) fn watched(&self) -> Vec<Arc<Feed>> {
        self.feeds().values().cloned().collect()
    }

    fn feeds(&self) -> MutexGuard<'_, HashMap<(Owner, UserId), Arc<Feed>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.metrics.end();
        let key = (self.feed.owner.clone(), self.feed.user_id.clone());
        let mut feeds = self.shared.feeds();
        // This subscription is the only one.
        if self.feed.subscribers() == 1 {
            feeds.remove(&key);
        }
    }
}
