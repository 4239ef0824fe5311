//! The turns that run in this process, so that a cancellation does not wait for their next flush.

use crate::domain::{Owner, UserId};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

type Key = (Owner, UserId);

/// The running turns. Clones share them.
#[derive(Clone, Default)]
pub(super) struct RunningTurns(Arc<Mutex<HashMap<Key, Arc<Notify>>>>);

/// Entry of a running turn.
pub(super) struct Running {
    key: Key,
    turns: RunningTurns,
    /// Requests a flush.
    pub(super) wake: Arc<Notify>,
}

impl RunningTurns {
    pub(super) fn begin(&self, owner: &Owner, user_id: &UserId) -> Running {
        let (key, wake) = ((owner.clone(), user_id.clone()), Arc::new(Notify::new()));
        self.lock().insert(key.clone(), wake.clone());
        Running { key, turns: self.clone(), wake }
    }

    /// Wakes the turn of a session if it runs in this process.
    pub(super) fn wake(&self, owner: &Owner, user_id: &UserId) {
        if let Some(wake) = self.lock().get(&(owner.clone(), user_id.clone())) {
            wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut turns = self.turns.lock();
        // A later turn of the session may have replaced this one, which had lost its lease.
        if turns.get(&self.key).is_some_and(|wake| Arc::ptr_eq(wake, &self.wake)) {
            turns.remove(&self.key);
        }
    }
}
