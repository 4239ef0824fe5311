//! Records that calls cannot use: each is logged once, and lists leave them out.

use crate::{domain::Session, store::StoreError};
use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
};

/// The number of keys that are remembered as logged. Further ones are counted and not logged.
const LOGGED_MAX_KEYS: usize = 1024;

/// The record of an index entry.
pub(super) enum Record {
    Live(Session),
    Absent,
    Corrupt,
}

impl Record {
    pub(super) fn live(self) -> Option<Session> {
        match self {
            Self::Live(session) => Some(session),
            Self::Absent | Self::Corrupt => None,
        }
    }
}

/// Logs each corrupt key once.
#[derive(Default)]
pub(super) struct CorruptLog {
    hasher: RandomState,
    logged: Mutex<HashSet<u64>>,
}

impl CorruptLog {
    /// Logs the key and the cause, which holds nothing of the content, unless this key was logged before.
    pub(super) fn report(&self, key: &str, cause: &StoreError) {
        if self.is_new(key) {
            tracing::warn!(key, %cause, "corrupt record left out of lists; see session-service doctor");
        }
    }

    fn is_new(&self, key: &str) -> bool {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        logged.len() < LOGGED_MAX_KEYS && logged.insert(self.hasher.hash_one(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_logged_once_and_the_memory_of_keys_is_bounded() {
        let log = CorruptLog::default();
        let mut logged = 0;
        for _ in 0..2 {
            for n in 0..2 * LOGGED_MAX_KEYS {
                logged += usize::from(log.is_new(&n.to_string()));
            }
        }
        assert_eq!(logged, LOGGED_MAX_KEYS);
        assert_eq!(log.logged.lock().unwrap().len(), LOGGED_MAX_KEYS);
    }
}
