//! Kinds of calls.

/// Kind of a call. Each has connections of its own, so that none can end or delay the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A call with one response.
    Unary,
    /// A stream of a turn, which lasts as long as the model generates.
    Chat,
    /// A stream that watches a session, which is idle most of the time and lasts as long as its client listens.
    Watch,
}

impl Kind {
    /// Returns the receive window of a stream; `None` for the default. A client that does not read lets the window of its
    /// stream fill up. For watch streams, which are not limited in time, the window of the connection has room for all of them.
    pub(super) fn stream_window(self) -> Option<u32> {
        (self == Self::Watch).then_some(32 * 1024)
    }
}
