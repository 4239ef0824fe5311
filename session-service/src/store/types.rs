//! Parameters and results of the store's operations.

use crate::domain::{
    Cursor, Message, NewMessage, PageSize, RequestId, Session, UserId, limits::LIST_PAGE_MAX_BYTES,
};
use std::time::Duration;

/// Retention of sessions, the same for every adapter.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Lifetime of a session after its last activity.
    pub session_ttl: Duration,
    /// Maximum number of live sessions per owner; `None` for no limit.
    pub max_sessions_per_owner: Option<u32>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { session_ttl: Duration::from_secs(3600), max_sessions_per_owner: None }
    }
}

/// Result of [`SessionStore::create`](super::SessionStore::create).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The session.
    pub session: Session,
    /// `true` if this request, or the one that it retries, created the session.
    pub created: bool,
}

/// A page of an owner's sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// Maximum number of sessions.
    pub size: PageSize,
    /// Position after which the page starts; `None` for the first page.
    pub after: Option<Cursor>,
}

/// Result of [`SessionStore::list`](super::SessionStore::list).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPage {
    /// Sessions by descending expiry.
    pub sessions: Vec<Session>,
    /// Number of live sessions on all pages.
    pub total_count: u32,
    /// Position after which the next page starts; `None` on the last page.
    pub next: Option<Cursor>,
    /// Number of corrupt records that this page leaves out.
    pub corrupt: u32,
}

impl SessionPage {
    /// Returns the page of these index entries and their live sessions, cut at [`LIST_PAGE_MAX_BYTES`].
    pub(super) fn fit(
        entries: Vec<(Cursor, Option<Session>)>,
        total_count: u32,
        next: Option<Cursor>,
    ) -> Self {
        let mut page = Self { sessions: Vec::with_capacity(entries.len()), total_count, next, corrupt: 0 };
        let (mut bytes, mut last) = (0, None);
        for (entry, session) in entries {
            bytes += session
                .as_ref()
                .map_or(0, |session| session.metadata.as_json().len() + session.preview.as_str().len());
            if bytes > LIST_PAGE_MAX_BYTES {
                page.next = last;
                break;
            }
            page.sessions.extend(session);
            last = Some(entry);
        }
        page
    }
}

/// Result of [`SessionStore::history`](super::SessionStore::history).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Number of messages on all pages.
    pub message_count: u32,
    /// Messages, oldest first.
    pub messages: Vec<Message>,
    /// `true` if there are more messages in the direction of paging.
    pub has_more: bool,
}

/// Result of [`SessionStore::append`](super::SessionStore::append).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The messages as stored.
    pub messages: Vec<Message>,
    /// The session after the append.
    pub session: Session,
    /// `true` if an earlier call had stored the messages.
    pub replayed: bool,
}

/// A turn to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnRequest {
    /// Name of the session.
    pub user_id: UserId,
    /// Message of the user.
    pub message: NewMessage,
    /// Idempotency key.
    pub request_id: RequestId,
    /// Unique token of this turn.
    pub token: TurnToken,
}

/// Fencing token of a turn, such as a random UUID. Must be unique and contain no spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnToken(pub String);

/// Result of [`SessionStore::begin_turn`](super::SessionStore::begin_turn).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The session.
    pub session: Session,
    /// Message of the user as stored.
    pub message: Message,
    /// `true` if an earlier call had stored the message.
    pub replayed: bool,
    /// The reply, if it is already stored. No turn is acquired then.
    pub reply: Option<Message>,
    /// Token of the turn of an earlier call with the same request, if that turn is running. No turn is acquired then.
    pub running: Option<TurnToken>,
}

/// Result of [`SessionStore::finish_turn`](super::SessionStore::finish_turn).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedTurn {
    /// The session after the turn.
    pub session: Session,
    /// The reply as stored.
    pub reply: Message,
}
