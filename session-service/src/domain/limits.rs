//! Every bound of the service: those that callers are told, and its own.

pub use nono_proto::limits::*;

/// The latest time of a session in milliseconds since 1970: the end of the year 9999, the last of a protobuf `Timestamp`.
pub const TIME_MAX_MILLISECONDS: u64 = 253_402_300_799_999;
/// How many request ids of appends a session remembers.
pub const REMEMBERED_REQUEST_IDS: usize = 64;
/// How long the pages of one listing may be read, from its first page on.
pub const LISTING_MAX_MILLISECONDS: u64 = 10 * 60 * 1000;
/// A page of sessions ends before their metadata exceed this, so that it fits into a gRPC message: as a protobuf
/// `Struct` metadata takes up to 5.5 times its JSON.
pub const LIST_PAGE_MAX_METADATA_BYTES: usize = 600 * 1024;
/// So many sessions always fit on a page, whatever their metadata.
pub const LIST_PAGE_SURE_ITEMS: usize = LIST_PAGE_MAX_METADATA_BYTES / METADATA_MAX_BYTES;
