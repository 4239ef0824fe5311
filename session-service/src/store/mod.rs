//! Where sessions live: the trait, what every adapter MUST keep, and the adapters. Knows no protobuf.
//!
//! # What holds for every adapter
//!
//! Each MUST is proved by a case of the store suite (`tests/suite/`), which every adapter passes whole.
//!
//! 1. A session that `list` answers MUST be live, and every live session whose write was acknowledged MUST be listed.
//! 2. Record, messages and list entry MUST end together; reading MUST NOT move the expiry or bring anything back.
//! 3. `message_count` MUST equal the number of messages, in every answer.
//! 4. `seq` MUST be dense from 1 and never reused within a session.
//! 5. An acknowledged append MUST be there once, whatever the caller retries with its request id.
//! 6. A write to a session that is not live MUST create nothing.
//! 7. A call with one owner MUST NOT see, count or change another's sessions.
//! 8. A failure MUST be an error: never an empty list, never a default.
//!
//! A session is live up to and including the millisecond `expires_at`. Every change is atomic, so that a rule which
//! spans several values holds at every moment, and dropping a call's future leaves a change done or not begun.

pub mod memory;
mod metadata;
pub mod observed;
mod record;
pub mod redis;

use crate::domain::{
    Batch, Cursor, HistoryPage, Message, NewMessage, NewReply, NewSession, Owner, PageSize, RequestId,
    Session, Timestamp, UserId, limits::LIST_PAGE_MAX_METADATA_BYTES,
};
use async_trait::async_trait;
use std::{error::Error, fmt, time::Duration};

/// How sessions are kept, the same for every adapter.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How long a session lives after the last activity.
    pub session_ttl: Duration,
    /// How many live sessions an owner may have; none for any number.
    pub max_sessions_per_owner: Option<u32>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { session_ttl: Duration::from_secs(3600), max_sessions_per_owner: None }
    }
}

/// Keeps sessions while they are used.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Makes a session, or answers the live one as `if_exists` says.
    ///
    /// Of any number of simultaneous calls for one handle exactly one MUST create. The request id that created the
    /// live session MUST return it again as created, or fail with [`StoreError::RequestIdReused`] when persona or
    /// metadata differ from those of that request. MUST move the expiry unless it fails. MUST fail with
    /// [`StoreError::Exists`] and change nothing, or with [`StoreError::TooManySessions`] at the policy's bound.
    async fn create(&self, owner: &Owner, new: &NewSession) -> Result<Created, StoreError>;

    /// Answers a live session.
    async fn get(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError>;

    /// Answers a page of the live sessions, the latest expiry first, ties by handle.
    ///
    /// The pages of one listing MUST show the order of its first page's moment: a session that was live then and is
    /// live still MUST be on exactly one of them, whatever is used in between. A page may hold less than asked for and
    /// have a next one: it MUST end before the metadata exceed
    /// [`LIST_PAGE_MAX_METADATA_BYTES`](crate::domain::limits::LIST_PAGE_MAX_METADATA_BYTES). MUST fail with
    /// [`StoreError::ListingExpired`] when it can no longer tell. A corrupt record MUST be left out and counted; it MUST
    /// NOT fail the page.
    async fn list(&self, owner: &Owner, page: &ListPage) -> Result<SessionPage, StoreError>;

    /// Answers a page of a live session's messages, oldest first, which ends before
    /// [`HISTORY_PAGE_MAX_BYTES`](crate::domain::limits::HISTORY_PAGE_MAX_BYTES) but holds one message at least.
    async fn history(
        &self,
        owner: &Owner,
        user_id: &UserId,
        page: HistoryPage,
    ) -> Result<History, StoreError>;

    /// Adds messages to a live session, all or none, and moves its expiry.
    ///
    /// A request id that the session remembers (its last 64 at least) MUST store nothing and answer what it stored,
    /// or fail with [`StoreError::RequestIdReused`] when the messages differ. MUST fail with
    /// [`StoreError::Full`] rather than exceed 10 000 messages.
    async fn append(
        &self,
        owner: &Owner,
        user_id: &UserId,
        batch: &Batch,
        request_id: Option<&RequestId>,
    ) -> Result<Appended, StoreError>;

    /// Stores the user's message of a turn, once for its request id, and takes the session's turn for `lease`; moves
    /// the expiry.
    ///
    /// Of any number of simultaneous calls at most one MUST take the turn; the others MUST fail with
    /// [`StoreError::TurnInProgress`] and store nothing, until the turn is finished, given back or its lease over. A
    /// request whose reply is stored MUST be answered with it, whoever has the turn. MUST fail with
    /// [`StoreError::Full`] unless the reply, too, has room.
    async fn begin_turn(&self, owner: &Owner, turn: &NewTurn, lease: Duration) -> Result<Turn, StoreError>;

    /// Extends the lease of a turn that `token` has.
    async fn renew_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        lease: Duration,
    ) -> Result<(), StoreError>;

    /// Stores the reply and ends the turn, both or neither; moves the expiry.
    ///
    /// MUST fail with [`StoreError::TurnLost`] and store nothing when the turn was given back, another one was taken
    /// since, or the session is another one of the same handle; with [`StoreError::NotFound`] when none is live.
    async fn finish_turn(
        &self,
        owner: &Owner,
        turn: &NewTurn,
        reply: &NewReply,
    ) -> Result<Message, StoreError>;

    /// Ends a turn without a reply, so that another can be taken at once. Does nothing when `token` does not have it.
    async fn give_turn_back(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
    ) -> Result<(), StoreError>;

    /// Moves a live session's expiry.
    async fn touch(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError>;

    /// Removes a live session with everything that belongs to it, even if its record is corrupt.
    async fn delete(&self, owner: &Owner, user_id: &UserId) -> Result<(), StoreError>;

    /// Answers the time by the store's clock, which shows that the store is there.
    async fn time(&self) -> Result<Timestamp, StoreError>;
}

/// The answer to [`SessionStore::create`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The session as it is now.
    pub session: Session,
    /// Whether this request made it.
    pub created: bool,
}

/// Which page of the sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPage {
    /// How many sessions at most.
    pub size: PageSize,
    /// Where to go on; none for the first page.
    pub after: Option<Cursor>,
}

/// A page of the live sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPage {
    /// The sessions, the latest expiry first.
    pub sessions: Vec<Session>,
    /// How many are live, on all pages.
    pub total_count: u32,
    /// Where the next page begins; none on the last one.
    pub next: Option<Cursor>,
    /// The number of corrupt records that this page leaves out.
    pub corrupt: u32,
}

impl SessionPage {
    /// The page of these places and the sessions that are live of them, or as much of it as fits.
    fn fitting(places: Vec<(Cursor, Option<Session>)>, total_count: u32, next: Option<Cursor>) -> Self {
        let mut page = Self { sessions: Vec::with_capacity(places.len()), total_count, next, corrupt: 0 };
        let (mut bytes, mut last) = (0, None);
        for (place, session) in places {
            bytes += session.as_ref().map_or(0, |session| session.metadata.as_json().len());
            if bytes > LIST_PAGE_MAX_METADATA_BYTES {
                page.next = last;
                break;
            }
            page.sessions.extend(session);
            last = Some(place);
        }
        page
    }
}

/// A page of a session's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// How many messages the session holds, on all pages.
    pub message_count: u32,
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// Whether there are more in the direction of paging.
    pub has_more: bool,
}

/// The answer to [`SessionStore::append`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The messages as stored.
    pub messages: Vec<Message>,
    /// The session as it is now.
    pub session: Session,
    /// Whether an earlier call had stored them.
    pub replayed: bool,
}

/// A turn to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTurn {
    /// The session.
    pub user_id: UserId,
    /// What the user says.
    pub message: NewMessage,
    /// What makes retries one request.
    pub request_id: RequestId,
    /// What tells this turn from every other one, for ever.
    pub token: TurnToken,
}

/// Tells a turn from every other one. Whoever takes a turn makes a new one, such as a random UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnToken(pub String);

/// The answer to [`SessionStore::begin_turn`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The session as it is now.
    pub session: Session,
    /// The user's message as stored.
    pub message: Message,
    /// Whether an earlier call had stored it.
    pub replayed: bool,
    /// The reply, when it is stored already; then no turn was taken.
    pub reply: Option<Message>,
}

/// Why the store did not do it.
#[derive(Debug)]
pub enum StoreError {
    /// No live session has this handle.
    NotFound,
    /// A live session has this handle.
    Exists,
    /// The session would hold too many messages.
    Full,
    /// The owner has as many sessions as the policy allows.
    TooManySessions,
    /// The request id belongs to a different request.
    RequestIdReused,
    /// Another turn of the session is not over; its lease ends after this, unless it is extended.
    TurnInProgress(Duration),
    /// Another turn was taken since.
    TurnLost,
    /// The listing can no longer be continued.
    ListingExpired,
    /// The store did not answer in time; a write may or may not have happened.
    Unavailable(Cause),
    /// What the store answered makes no sense: a bug, or somebody else's data.
    Broken(Cause),
}

/// What lies beneath an error, for the log only.
pub type Cause = Box<dyn Error + Send + Sync>;

impl StoreError {
    /// A word for logs and metrics.
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Exists => "exists",
            Self::Full => "full",
            Self::TooManySessions => "too_many_sessions",
            Self::RequestIdReused => "request_id_reused",
            Self::TurnInProgress(_) => "turn_in_progress",
            Self::TurnLost => "turn_lost",
            Self::ListingExpired => "listing_expired",
            Self::Unavailable(_) => "unavailable",
            Self::Broken(_) => "broken",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(cause) => write!(f, "the store is unavailable: {cause}"),
            Self::Broken(cause) => write!(f, "the store's answer makes no sense: {cause}"),
            other => f.write_str(other.outcome()),
        }
    }
}

impl Error for StoreError {}
