//! Faults under load: no acknowledged write is lost where the settings guarantee it, nothing is duplicated, no call
//! exceeds its timeout, and the store is found again in time.

pub mod check;
mod load;
mod one_server;
mod sets;

use crate::suite::harness::*;
use check::{Kept, LONGEST_CALL};
use load::{Load, Record};
use session_service::store::{
    Policy,
    redis::{RedisSettings, RedisStore, RedisUrl},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Seed of the random choices, a new one for each round of `make faults`.
fn seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "it is for the test alone")]
    std::env::var("NONO_FAULTS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7)
}

/// Number of calls before, during and after a fault.
fn calls() -> usize {
    #[expect(clippy::disallowed_methods, reason = "it is for the test alone")]
    std::env::var("NONO_FAULTS_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(150)
}

fn store_at(url: &str, min_replicas_ack: u8) -> Store {
    let mut settings = RedisSettings::from_url(RedisUrl::parse(url).unwrap());
    settings.min_replicas_ack = min_replicas_ack;
    Arc::new(RedisStore::new(&settings, Policy::default()).unwrap())
}

/// Asserts that no guarantee was violated, nothing was lost or duplicated, and no call exceeded its timeout.
fn is_right(record: &Record, kept: &Kept) {
    assert_eq!(record.wrong, Vec::<String>::new());
    assert_eq!(*kept, Kept::default());
    assert!(record.longest < LONGEST_CALL, "a call took {:?}", record.longest);
}

/// Waits until the store serves reads.
async fn is_there(store: &Store) {
    let begun = Instant::now();
    while store.time().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not come back");
    }
}
