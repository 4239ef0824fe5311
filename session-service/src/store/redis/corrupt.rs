//! Corrupt records: left out of lists, and logged once each.

use super::keys;
use crate::{domain::Session, store::StoreError};
use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
};

/// Maximum number of keys that are logged. Further ones are only counted.
const LOGGED_MAX_KEYS: usize = 1024;

/// Record of an index entry.
pub(super) enum Record {
    Live(Session),
    Absent,
    Corrupt,
}

impl Record {
    /// Returns the session if it is live and readable.
    pub(super) fn live(self) -> Option<Session> {
        match self {
            Self::Live(session) => Some(session),
            Self::Absent | Self::Corrupt => None,
        }
    }
}

/// Log of corrupt keys.
#[derive(Default)]
pub(super) struct CorruptLog {
    hasher: RandomState,
    logged: Mutex<HashSet<u64>>,
}

impl CorruptLog {
    /// Logs a key without its owner, and the cause, which contains no stored data, unless the key was logged before.
    pub(super) fn report(&self, key: &str, cause: &StoreError) {
        if self.is_new(key) {
            let key = keys::without_owner(key);
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
    fn each_key_is_logged_once_up_to_a_limit() {
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
