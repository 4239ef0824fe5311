//! Every bound on what a model is told, and on what it may answer.

use crate::domain::limits::MESSAGE_CONTENT_MAX_BYTES;
use std::time::Duration;

/// How many of the newest messages a model is told, unless the settings say otherwise.
pub const CONTEXT_DEFAULT_MESSAGES: usize = 20;
/// The most characters of messages that a model is told, without the system prompt.
pub const CONTEXT_MAX_CHARS: usize = 48_000;

/// The longest text of a reply, for it is to be stored as one message; the rest is cut off.
pub const REPLY_MAX_BYTES: usize = MESSAGE_CONTENT_MAX_BYTES;
/// The longest that a reply takes, however lively the model is.
pub const REPLY_MAX_DURATION: Duration = Duration::from_secs(30 * 60);
/// How long a model may be silent, unless the settings say otherwise.
pub const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The longest wait for a connection to a model.
pub const CONNECT_MAX: Duration = Duration::from_secs(5);
/// The longest line of a model's stream, and so the most that is kept in memory of one.
pub const LINE_MAX_BYTES: usize = 256 * 1024;
/// The longest stream of a model. A token of text is some 300 bytes of it, and thoughts are in it too, so this is
/// far beyond [`REPLY_MAX_BYTES`]: it ends what says nothing and does not stop.
pub const STREAM_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The shortest delay that a model's `Retry-After` is taken for.
pub const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);
/// The longest delay that a model's `Retry-After` is taken for. A caller may retry earlier than the model requests, but
/// is never sent away for hours.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
