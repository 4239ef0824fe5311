//! The watchers of a process.

use super::{
    cursor::Start,
    metrics::WatchMetrics,
    poll,
    shared::Shared,
    watcher::{WatchError, Watcher},
};
use crate::{
    domain::{Owner, UserId},
    store::SessionStore,
};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The watchers of a process. Clones share them.
#[derive(Clone)]
pub(crate) struct Watchers(Arc<Shared>);

impl Watchers {
    /// Creates watchers of the sessions in a store, and starts to read the heads of those that are watched. They end when the
    /// process stops.
    pub(crate) fn new(
        store: Arc<dyn SessionStore>,
        max_watchers: u32,
        stopping: CancellationToken,
        metrics: WatchMetrics,
    ) -> Self {
        let shared = Shared::new(store, max_watchers, stopping, metrics);
        poll::start(&shared);
        Self(shared)
    }

    /// Watches a session until the process stops.
    pub(crate) async fn watch(
        &self,
        owner: Owner,
        user_id: UserId,
        start: &Start,
    ) -> Result<Watcher, WatchError> {
        self.watch_until(owner, user_id, start, self.0.stopping.clone()).await
    }

    /// Watches a session until a token is cancelled.
    pub(crate) async fn watch_until(
        &self,
        owner: Owner,
        user_id: UserId,
        start: &Start,
        stopping: CancellationToken,
    ) -> Result<Watcher, WatchError> {
        let Some(subscription) = self.0.try_subscribe(owner, user_id) else {
            self.0.metrics.rejected();
            return Err(WatchError::TooManyWatchers);
        };
        Watcher::begin(subscription, start, stopping).await
    }

    /// Returns `true` if this process has a watcher of the session.
    pub(crate) fn is_watched(&self, owner: &Owner, user_id: &UserId) -> bool {
        self.0.is_watched(owner, user_id)
    }

    /// Wakes the watchers of a session that this process changed.
    pub(crate) fn wake(&self, owner: &Owner, user_id: &UserId) {
        self.0.wake(owner, user_id);
    }

    /// Returns the number of sessions that are watched.
    #[cfg(test)]
    pub(super) fn watched_sessions(&self) -> usize {
        self.0.watched().len()
    }
}
