//! The limits of the contract, each named with its unit: the one place that says how much is too much.

use std::time::Duration;

/// The longest `user_id`.
pub const USER_ID_MAX_BYTES: usize = 128;
/// The longest `request_id`.
pub const REQUEST_ID_MAX_BYTES: usize = 128;
/// The largest metadata, as compact JSON.
pub const METADATA_MAX_BYTES: usize = 16 * 1024;
/// The deepest metadata; the object itself is the first level.
pub const METADATA_MAX_LEVELS: usize = 16;
/// The largest magnitude of a number in metadata, 2^53-1: beyond it a double rounds integers.
pub const METADATA_MAX_NUMBER: i64 = 9_007_199_254_740_991;
/// The longest content of a message.
pub const MESSAGE_CONTENT_MAX_BYTES: usize = 32 * 1024;
/// The most messages in one append.
pub const APPEND_MAX_MESSAGES: usize = 100;
/// The most bytes of content and metadata in one append.
pub const APPEND_MAX_BYTES: usize = 1024 * 1024;
/// The most bytes of an append as protobuf, where a number in metadata takes 11: its answer holds the messages again.
pub const APPEND_MAX_ENCODED_BYTES: usize = GRPC_MESSAGE_MAX_BYTES - 256 * 1024;
/// The most messages in a session.
pub const SESSION_MAX_MESSAGES: u32 = 10_000;
/// The size of a page when none is given.
pub const PAGE_DEFAULT_ITEMS: u32 = 100;
/// The size of the largest page; larger ones are clamped.
pub const PAGE_MAX_ITEMS: u32 = 1000;
/// A page of history ends before its stored messages exceed this, but holds one message at least.
pub const HISTORY_PAGE_MAX_BYTES: usize = 1024 * 1024;
/// Maximum size of an HTTP request's body, counted after its JSON escapes (such as `\u4f60`) are decoded, so that the
/// other limits mean the same however the JSON is written.
pub const HTTP_BODY_MAX_BYTES: usize = 1280 * 1024;
/// Maximum size of an HTTP request's body as sent: an escape takes up to six bytes for one.
pub const HTTP_BODY_MAX_SENT_BYTES: usize = 6 * HTTP_BODY_MAX_BYTES;
/// The largest gRPC message, in both directions.
pub const GRPC_MESSAGE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// The longest that a unary call takes.
pub const UNARY_CALL_MAX: Duration = Duration::from_secs(5);
