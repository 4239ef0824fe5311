//! One conversation, kept while somebody uses it.

use super::{Metadata, PersonaKey, RequestId, Timestamp, UserId};

/// A live session, as the store answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The handle.
    pub user_id: UserId,
    /// The voice in which the assistant speaks.
    pub persona: PersonaKey,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_activity: Timestamp,
    /// Its last moment, unless it is used before.
    pub expires_at: Timestamp,
    /// How many messages it holds.
    pub message_count: u32,
    /// What the caller attached.
    pub metadata: Metadata,
}

impl Session {
    /// The label that callers may store.
    pub fn session_id(&self) -> String {
        format!("session_{}_{}", self.user_id, self.created_at.as_secs())
    }
}

/// What to do when a live session has the handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfExists {
    /// Refuse and change nothing.
    Fail,
    /// Answer the live one.
    Return,
}

/// A session to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// The handle.
    pub user_id: UserId,
    /// The voice.
    pub persona: PersonaKey,
    /// What the caller attached.
    pub metadata: Metadata,
    /// What to do when a live session has the handle.
    pub if_exists: IfExists,
    /// What makes retries one request.
    pub request_id: Option<RequestId>,
}
