//! Sessions.

use super::{Metadata, PersonaKey, Preview, RequestId, Timestamp, UserId};

/// A live session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Name of the session.
    pub user_id: UserId,
    /// Key of the persona.
    pub persona: PersonaKey,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last activity.
    pub last_activity: Timestamp,
    /// Time at which it expires unless it is used before.
    pub expires_at: Timestamp,
    /// Number of messages.
    pub message_count: u32,
    /// Metadata passed by the caller.
    pub metadata: Metadata,
    /// Beginning of the newest message. Empty if an older version stored that message.
    pub preview: Preview,
}

impl Session {
    /// Returns the label that callers may store.
    pub fn session_id(&self) -> String {
        ["session_", self.user_id.as_str(), "_", &self.created_at.as_secs().to_string()].concat()
    }
}

/// Behaviour of Create if a live session has the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfExists {
    /// Fail and change nothing.
    Fail,
    /// Return the live session.
    Return,
}

/// A session to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// Name of the session.
    pub user_id: UserId,
    /// Key of the persona.
    pub persona: PersonaKey,
    /// Metadata passed by the caller.
    pub metadata: Metadata,
    /// Behaviour of Create if a live session has the name.
    pub if_exists: IfExists,
    /// Idempotency key.
    pub request_id: Option<RequestId>,
}
