//! Limits of the service: those of the contract, and internal ones.

pub use nono_proto::limits::*;

use std::time::Duration;

/// Number of request ids that a session remembers.
pub const REMEMBERED_REQUEST_IDS: usize = 64;
/// Lifetime of a listing, from its first page on.
pub const LISTING_TTL: Duration = Duration::from_secs(10 * 60);
/// Maximum number of characters of a session's preview.
pub const PREVIEW_MAX_CHARS: usize = 120;
/// Maximum size of metadata and previews on a page of sessions, so that the page fits into a gRPC message: as a protobuf
/// `Struct` metadata takes up to 5.5 times its size as JSON.
pub const LIST_PAGE_MAX_BYTES: usize = 600 * 1024;
/// Number of sessions that fit on a page even with metadata and previews of maximum size.
pub const LIST_PAGE_MIN_ITEMS: usize = LIST_PAGE_MAX_BYTES / (METADATA_MAX_BYTES + 4 * PREVIEW_MAX_CHARS);
