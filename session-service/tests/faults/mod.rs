//! Faults under load: nothing acknowledged is lost where the settings promise it, nothing is doubled, no call takes
//! longer than it may, and the store is found again in time.

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

/// Where the random choices begin: another one each time with `make faults`.
fn seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "it is for the test alone")]
    std::env::var("NONO_FAULTS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7)
}

/// How much is called before, in and after a fault.
fn calls() -> usize {
    #[expect(clippy::disallowed_methods, reason = "it is for the test alone")]
    std::env::var("NONO_FAULTS_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(150)
}

fn store_at(url: &str, min_replicas_ack: u8) -> Store {
    let mut settings = RedisSettings::at(RedisUrl::parse(url).unwrap());
    settings.min_replicas_ack = min_replicas_ack;
    Arc::new(RedisStore::new(&settings, Policy::default()).unwrap())
}

/// Nothing was wrong, lost or doubled, and every call ended in time.
fn is_right(record: &Record, kept: &Kept) {
    assert_eq!(record.wrong, Vec::<String>::new());
    assert_eq!(*kept, Kept::default());
    assert!(record.longest < LONGEST_CALL, "a call took {:?}", record.longest);
}

/// Waits until the store answers reads.
async fn is_there(store: &Store) {
    let begun = Instant::now();
    while store.time().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not come back");
    }
}
