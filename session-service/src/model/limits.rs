//! Limits of prompts and replies.

use crate::domain::limits::MESSAGE_CONTENT_MAX_BYTES;
use std::time::Duration;

/// Maximum number of characters of messages in a prompt, without the system prompt.
pub const CONTEXT_MAX_CHARS: usize = 48_000;

/// Maximum length of a reply, which is stored as one message; the rest is cut off.
pub const REPLY_MAX_BYTES: usize = MESSAGE_CONTENT_MAX_BYTES;
/// Maximum duration of a reply.
pub const REPLY_MAX_DURATION: Duration = Duration::from_secs(30 * 60);
/// Stall timeout of a model.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Timeout for connecting to a model.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum length of a line of a model's stream, and of what is buffered of one.
pub const LINE_MAX_BYTES: usize = 256 * 1024;
/// The longest stream of a model. A token of text is some 300 bytes of it, and thoughts are in it too, so this is
/// far beyond [`REPLY_MAX_BYTES`]: it ends what says nothing and does not stop.
pub const STREAM_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The shortest delay that a model's `Retry-After` is taken for.
pub const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);
/// The longest delay that a model's `Retry-After` is taken for. A caller may retry earlier than the model requests, but
/// is never sent away for hours.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
