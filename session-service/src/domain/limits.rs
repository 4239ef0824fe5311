//! Every bound of the service: those that callers are told, and its own.

pub use nono_proto::limits::*;

/// How many request ids of appends a session remembers.
pub const REMEMBERED_REQUEST_IDS: usize = 64;
/// How long the pages of one listing may be read, from its first page on.
pub const LISTING_MAX_MILLISECONDS: u64 = 10 * 60 * 1000;
