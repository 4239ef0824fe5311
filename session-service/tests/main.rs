//! Tests of the public interface, in one binary because linking is slow.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unreachable_pub, reason = "the cases are stamped into other modules")]

/// Asserts that a value matches a pattern.
macro_rules! assert_matches {
    ($value:expr, $pattern:pat) => {
        match $value {
            $pattern => {}
            other => panic!("{other:?} is not {}", stringify!($pattern)),
        }
    };
}

mod corrupt;
mod doctor;
mod faults;
mod full_redis;
mod live_keys;
mod long_pages;
mod model;
mod moves;
mod old_records;
mod plain_pages;
mod redis;
mod rotation;
mod suite;
mod topologies;
mod unreachable;
