//! A session that is watched in this process: its last head, and reads that its watchers share.

use crate::{
    domain::{Owner, UserId},
    store::{Changes, Head, HeadVersion, Position, SessionStore, StoreError},
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Time after a change for which a session is read more often.
const RECENT: Duration = Duration::from_secs(60);

/// Result of a read, shared by all watchers at one position.
pub(super) type SharedChanges = Result<Arc<Changes>, Arc<StoreError>>;

pub(super) type Read = BoxFuture<'static, SharedChanges>;

/// A watched session.
pub(super) struct Feed {
    pub(super) owner: Owner,
    pub(super) user_id: UserId,
    /// Number of changes that were noticed. Watchers wait for the next one.
    changes: watch::Sender<u64>,
    state: Mutex<FeedState>,
}

struct FeedState {
    head: Option<Head>,
    changed_at: Instant,
    read: Option<LastRead>,
}

/// The read that was started last. It is kept only as long as a watcher waits for it.
struct LastRead {
    change: u64,
    since: Position,
    read: WeakShared<Read>,
}

impl Feed {
    pub(super) fn new(owner: Owner, user_id: UserId) -> Self {
        let state = FeedState { head: None, changed_at: Instant::now(), read: None };
        Self { owner, user_id, changes: watch::Sender::new(0), state: Mutex::new(state) }
    }

    /// Returns a receiver of the numbers of changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Returns the number of watchers.
    pub(super) fn subscribers(&self) -> usize {
        self.changes.receiver_count()
    }

    /// Wakes the watchers after a change.
    pub(super) fn wake(&self) {
        self.state().changed_at = Instant::now();
        self.changes.send_modify(|change| *change += 1);
    }

    /// Records a head that was read, and wakes the watchers if it is another one.
    pub(super) fn observe(&self, head: Option<Head>) {
        let is_new = {
            let mut state = self.state();
            let is_new = state.head != head;
            state.head = head;
            is_new
        };
        if is_new {
            self.wake();
        }
    }

    /// Returns the version of the head that was read last; `None` if another one with the same version may follow.
    pub(super) fn version(&self) -> Option<HeadVersion> {
        self.state().head.as_ref().filter(|head| head.turn.is_none()).map(Head::version)
    }

    /// Returns `true` if the session changed shortly before, or if a turn is running.
    pub(super) fn is_active(&self) -> bool {
        let state = self.state();
        state.changed_at.elapsed() < RECENT || state.head.as_ref().is_some_and(|head| head.turn.is_some())
    }

    /// Reads what is new since a position, together with all watchers that do so after the same change.
    pub(super) fn read(self: &Arc<Self>, store: &Arc<dyn SessionStore>, since: Position) -> Shared<Read> {
        let change = *self.changes.borrow();
        let mut state = self.state();
        let last = state.read.as_ref().filter(|last| last.change == change && last.since == since);
        if let Some(read) = last.and_then(|last| last.read.upgrade()) {
            return read;
        }
        let (store, feed, position) = (store.clone(), self.clone(), since.clone());
        let read = async move {
            let changes = store.changes(&feed.owner, &feed.user_id, &position).await.map_err(Arc::new)?;
            // The next head is compared with this one, so that a deletion before the first read of heads is noticed, too.
            feed.state().head = Some(changes.head.clone());
            Ok(Arc::new(changes))
        };
        let read = read.boxed().shared();
        state.read = read.downgrade().map(|read| LastRead { change, since, read });
        read
    }

    fn state(&self) -> MutexGuard<'_, FeedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
