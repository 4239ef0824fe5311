//! Events of a watched session.

use crate::{
    domain::{Message, Session, Timestamp},
    store::{RunningTurn, TurnOutcome},
};

/// An event of a watched session. Large ones are boxed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WatchEvent {
    /// The present state. Always first.
    Snapshot(Box<Snapshot>),
    /// A stored message.
    Message(Box<Message>),
    /// A turn began or ended.
    Turn(TurnChange),
    /// More text of the running reply.
    Delta(Delta),
    /// The session after its lifetime was extended other than by a message.
    Session(Box<Session>),
    /// The session expires at this time unless it is used before.
    Expiring(Timestamp),
    /// The session ended. Always last.
    Ended(EndReason),
    /// Time of the store, when nothing else happened.
    Checkpoint(Timestamp),
}

/// Present state of a session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) session: Session,
    /// Time of the store.
    pub(crate) now: Timestamp,
    pub(crate) turn: Option<TurnText>,
    /// `true` if messages are missing from the stream.
    pub(crate) has_gap: bool,
}

/// A running turn with the text of its reply from an offset on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TurnText {
    pub(crate) turn: RunningTurn,
    pub(crate) offset: u32,
    pub(crate) text: String,
}

/// Beginning or end of a turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TurnChange {
    pub(crate) state: TurnState,
    pub(crate) reply_seq: u32,
    pub(crate) request_id: String,
}

/// State of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnState {
    Running,
    Ended(TurnOutcome),
    /// The lease ended without an outcome.
    Lost,
}

/// More text of the running reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Delta {
    pub(crate) reply_seq: u32,
    /// Offset of the text in bytes.
    pub(crate) offset: u32,
    pub(crate) text: String,
}

/// Reason why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    Expired,
    Deleted,
}
