//! Behaviours of the scripted model.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The response to a request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Streams pieces and a finish reason.
    Reply(Vec<String>),
    /// Streams pieces with a pause before each.
    Slow {
        /// The pieces.
        pieces: Vec<String>,
        /// The pause.
        pause: Duration,
    },
    /// Streams pieces that contain their send time (see [`sent_at`]), with a pause after each.
    Clock {
        /// The number of pieces.
        pieces: usize,
        /// The pause.
        pause: Duration,
    },
    /// Streams one piece for each call of `ModelServer::release`.
    Gated(Vec<String>),
    /// Streams pieces among everything that servers add: comments, roles, nulls, reasoning, usage.
    Verbose(Vec<String>),
    /// Streams pieces and a finish reason, and ends the response later.
    LateEnd {
        /// The pieces.
        pieces: Vec<String>,
        /// The time between the last event and the end of the response.
        delay: Duration,
    },
    /// Streams pieces, then stalls.
    Stall(Vec<String>),
    /// Streams pieces, then closes the connection.
    Cut(Vec<String>),
    /// Streams pieces, then a chunk that is not JSON.
    Garbage(Vec<String>),
    /// Streams one piece and splits its first multi-byte character into two writes.
    SplitUtf8(String),
    /// Streams a piece endlessly.
    Endless(String),
    /// Streams a text as it is.
    Raw(String),
    /// Sends a raw HTTP response with its status line, then closes the connection.
    Http(String),
    /// Sends nothing, not even a status.
    Hang,
    /// Sends an error status.
    Status {
        /// The status.
        code: u16,
        /// The value of the header `retry-after`.
        retry_after: Option<String>,
        /// The body.
        body: String,
    },
}

/// Returns the send times of the pieces of a [`Behaviour::Clock`] in a text, in microseconds (see [`micros`]).
pub fn sent_at(text: &str) -> impl Iterator<Item = u64> + '_ {
    text.split('@').skip(1).step_by(2).filter_map(|digits| digits.parse().ok())
}

/// Returns the microseconds since 1970.
pub fn micros() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
    u64::try_from(now.as_micros()).expect("the time fits into 64 bits")
}
