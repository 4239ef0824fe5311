//! State of sessions by which watchers follow them: heads, and what is new since a position.

use super::TurnToken;
use crate::domain::{Incarnation, Message, Session, Timestamp};

/// Number of characters of a [`TurnTag`].
const TAG_LEN: usize = 8;

/// Beginning of a turn's token. It tells the turns of one session apart and does not allow to change them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnTag(String);

impl TurnTag {
    /// Returns the tag of the turn with this token, or the tag itself.
    pub fn new(text: &str) -> Self {
        Self(text.chars().take(TAG_LEN).collect())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&TurnToken> for TurnTag {
    fn from(token: &TurnToken) -> Self {
        Self::new(&token.0)
    }
}

/// A running turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningTurn {
    /// Its tag.
    pub tag: TurnTag,
    /// Expected seq of its reply. Messages that are appended in the meantime increase the actual one.
    pub reply_seq: u32,
    /// Its request id; empty for a turn of an older version.
    pub request_id: String,
}

/// Outcome of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnOutcome {
    /// The reply was stored.
    Done,
    /// The turn was cancelled. The text until then, if there was any, was stored as its reply.
    Cancelled,
    /// The turn ended without a reply.
    Failed(TurnFailure),
}

/// Reason why a turn ended without a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnFailure {
    /// The model generated no reply, or not all of it.
    Model,
    /// The session has no room for the reply.
    SessionFull,
    /// The store was unavailable.
    Store,
    /// The process was about to end.
    ShuttingDown,
    /// The caller had disconnected, and there was no text.
    Orphaned,
}

impl TurnOutcome {
    const ALL: [Self; 7] = [
        Self::Done,
        Self::Cancelled,
        Self::Failed(TurnFailure::Model),
        Self::Failed(TurnFailure::SessionFull),
        Self::Failed(TurnFailure::Store),
        Self::Failed(TurnFailure::ShuttingDown),
        Self::Failed(TurnFailure::Orphaned),
    ];

    /// Returns the name of the outcome.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed(TurnFailure::Model) => "model",
            Self::Failed(TurnFailure::SessionFull) => "session_full",
            Self::Failed(TurnFailure::Store) => "store",
            Self::Failed(TurnFailure::ShuttingDown) => "shutting_down",
            Self::Failed(TurnFailure::Orphaned) => "orphaned",
        }
    }

    /// Returns the outcome of this name. A name of a later version is a failure of the model.
    pub fn stored(name: &str) -> Self {
        let known = Self::ALL.into_iter().find(|outcome| outcome.as_str() == name);
        known.unwrap_or(Self::Failed(TurnFailure::Model))
    }
}

/// The turn of a session that ended last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedTurn {
    /// Its tag.
    pub tag: TurnTag,
    /// Its outcome.
    pub outcome: TurnOutcome,
    /// Seq of its reply; without a reply the seq that it was expected to have.
    pub reply_seq: u32,
    /// Its request id; empty for a turn of an older version.
    pub request_id: String,
}

/// State of a live session. It differs after every change that is visible to callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Life of the session's name.
    pub incarnation: Incarnation,
    /// Number of changes. Those of older versions are not counted.
    pub revision: u64,
    /// Number of messages.
    pub message_count: u32,
    /// Time of the last activity.
    pub last_activity: Timestamp,
    /// Time at which the session expires unless it is used before.
    pub expires_at: Timestamp,
    /// The running turn.
    pub turn: Option<RunningTurn>,
    /// The turn that ended last.
    pub ended_turn: Option<EndedTurn>,
}

impl Head {
    /// Returns its version.
    pub fn version(&self) -> HeadVersion {
        HeadVersion {
            incarnation: self.incarnation.clone(),
            revision: self.revision,
            last_activity: self.last_activity,
        }
    }
}

/// Part of a head that differs after every change, except when a turn ends because its lease does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadVersion {
    /// Life of the session's name.
    pub incarnation: Incarnation,
    /// Number of changes.
    pub revision: u64,
    /// Time of the last activity, which changes of older versions set, too.
    pub last_activity: Timestamp,
}

/// Part of a session that a watcher knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Seq of the newest message.
    pub seq: u32,
    /// Number of known bytes of the text of a running turn.
    pub text: Option<(TurnTag, u32)>,
}

/// Maximum number of messages that [`SessionStore::changes`](super::SessionStore::changes) returns.
pub(super) const CHANGES_MAX_MESSAGES: i32 = 100;

/// Returns the number of bytes of the running turn's text that are known at a position.
pub(super) fn text_start(since: &Position, running: Option<&RunningTurn>) -> u32 {
    match (&since.text, running) {
        (Some((tag, bytes)), Some(turn)) if *tag == turn.tag => *bytes,
        _ => 0,
    }
}

/// Result of [`SessionStore::changes`](super::SessionStore::changes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Time of the store's clock.
    pub now: Timestamp,
    /// The session.
    pub session: Session,
    /// State of the session.
    pub head: Head,
    /// The first messages after the position.
    pub messages: Vec<Message>,
    /// Offset in bytes of the text. Zero unless the position is in the running turn.
    pub text_offset: u32,
    /// Text of the running turn from the offset on.
    pub text: String,
}

/// Result of [`SessionStore::flush_turn`](super::SessionStore::flush_turn).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// Number of bytes of the text that are stored.
    pub stored: u32,
    /// `true` if the turn was cancelled.
    pub cancelled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_have_unique_names() {
        for outcome in TurnOutcome::ALL {
            assert_eq!(TurnOutcome::stored(outcome.as_str()), outcome);
        }
        assert_eq!(TurnOutcome::stored("a later version"), TurnOutcome::Failed(TurnFailure::Model));
    }
}
