//! Limits of the contract, each with its unit in its name.

use crate::config::v1::Limits;
use std::time::Duration;

/// Maximum length of a `user_id`.
pub const USER_ID_MAX_BYTES: usize = 128;
/// Maximum length of an owner.
pub const OWNER_MAX_BYTES: usize = 512;
/// Maximum length of a `request_id`.
pub const REQUEST_ID_MAX_BYTES: usize = 128;
/// Maximum size of metadata as compact JSON.
pub const METADATA_MAX_BYTES: usize = 16 * 1024;
/// Maximum depth of metadata; the object itself is the first level.
pub const METADATA_MAX_LEVELS: usize = 16;
/// Maximum magnitude of a number in metadata, 2^53-1: a double rounds larger integers.
pub const METADATA_MAX_NUMBER: i64 = 9_007_199_254_740_991;
/// Maximum length of the content of a message.
pub const MESSAGE_CONTENT_MAX_BYTES: usize = 32 * 1024;
/// Maximum number of messages in an append.
pub const APPEND_MAX_MESSAGES: usize = 100;
/// Maximum size of content and metadata of all messages in an append.
pub const APPEND_MAX_BYTES: usize = 1024 * 1024;
/// Maximum size of an append as protobuf, where a number in metadata takes 11 bytes. The response contains the messages
/// again.
pub const APPEND_MAX_ENCODED_BYTES: usize = GRPC_MESSAGE_MAX_BYTES - 256 * 1024;
/// Maximum number of messages in a session.
pub const SESSION_MAX_MESSAGES: u32 = 10_000;
/// Default size of a page.
pub const PAGE_DEFAULT_ITEMS: u32 = 100;
/// Maximum size of a page; larger sizes are clamped.
pub const PAGE_MAX_ITEMS: u32 = 1000;
/// Maximum size of the stored messages on a page of history, which has at least one message.
pub const HISTORY_PAGE_MAX_BYTES: usize = 1024 * 1024;
/// Maximum size of an HTTP request's body, counted after its JSON escapes (such as `\u4f60`) are decoded, so that the
/// other limits mean the same however the JSON is written.
pub const HTTP_BODY_MAX_BYTES: usize = 1280 * 1024;
/// Maximum size of an HTTP request's body as sent: an escape takes up to six bytes for one.
pub const HTTP_BODY_MAX_SENT_BYTES: usize = 6 * HTTP_BODY_MAX_BYTES;
/// Maximum size of a gRPC message in both directions.
pub const GRPC_MESSAGE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Timeout of a unary call.
pub const UNARY_CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Latest time of a session in milliseconds since 1970: the end of the year 9999, the maximum of a protobuf `Timestamp`.
pub const TIME_MAX_MILLISECONDS: u64 = 253_402_300_799_999;

impl Limits {
    /// Returns the limits of this version.
    pub fn current() -> Self {
        let bytes = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        Self {
            user_id_max_bytes: bytes(USER_ID_MAX_BYTES),
            request_id_max_bytes: bytes(REQUEST_ID_MAX_BYTES),
            metadata_max_bytes: bytes(METADATA_MAX_BYTES),
            metadata_max_levels: bytes(METADATA_MAX_LEVELS),
            metadata_max_number: METADATA_MAX_NUMBER,
            message_content_max_bytes: bytes(MESSAGE_CONTENT_MAX_BYTES),
            append_max_messages: bytes(APPEND_MAX_MESSAGES),
            append_max_bytes: bytes(APPEND_MAX_BYTES),
            session_max_messages: SESSION_MAX_MESSAGES,
            page_default_items: PAGE_DEFAULT_ITEMS,
            page_max_items: PAGE_MAX_ITEMS,
            history_page_max_bytes: bytes(HISTORY_PAGE_MAX_BYTES),
            grpc_message_max_bytes: bytes(GRPC_MESSAGE_MAX_BYTES),
            unary_call_timeout: prost_types::Duration::try_from(UNARY_CALL_TIMEOUT).ok(),
        }
    }
}
