//! Storage of sessions: the trait, the guarantees of every adapter, and the adapters. Knows no protobuf.
//!
//! # Guarantees of every adapter
//!
//! Each MUST is proved by a case of the store suite (`tests/suite/`), which runs against every adapter.
//!
//! 1. A session returned by `list` MUST be live, and every live session whose write was acknowledged MUST be listed.
//! 2. Record, messages and list entry MUST expire together. Reads MUST NOT extend the lifetime or restore anything.
//! 3. `message_count` MUST equal the number of messages in every result.
//! 4. `seq` MUST be dense from 1 and never reused within a session.
//! 5. An acknowledged append MUST be stored exactly once, even if it is retried with its request id.
//! 6. A write to a session that is not live MUST create nothing.
//! 7. A call with one owner MUST NOT see, count or change sessions of another.
//! 8. A failure MUST be an error: never an empty list, never a default.
//!
//! A session is live up to and including the millisecond `expires_at`. Every change is atomic, so that invariants over
//! several values always hold, and a call whose future is dropped is applied completely or not at all.

mod error;
pub mod instrumented;
mod live;
pub mod memory;
mod metadata;
mod reachability;
mod record;
pub mod redis;
mod types;

use crate::domain::{Batch, HistoryPage, NewReply, NewSession, Owner, RequestId, Session, Timestamp, UserId};
use async_trait::async_trait;
use std::time::Duration;

pub use error::{Cause, StoreError, Unreachable};
pub use live::{
    Changes, EndedTurn, Flushed, Head, HeadVersion, Position, RunningTurn, TurnFailure, TurnOutcome, TurnTag,
};
pub use types::{
    Appended, Created, FinishedTurn, History, ListPage, Policy, SessionPage, Turn, TurnRequest, TurnToken,
};

/// Stores sessions until they expire.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Creates a session, or returns the live one if `if_exists` allows it.
    ///
    /// Exactly one of any number of concurrent calls for one name MUST create it. A retry with the request id that
    /// created the live session MUST return it as created, or fail with [`StoreError::RequestIdReused`] if persona or
    /// metadata differ from that request. MUST extend the lifetime unless it fails. MUST fail with
    /// [`StoreError::AlreadyExists`] and change nothing, or with [`StoreError::TooManySessions`] at the policy's limit.
    async fn create(&self, owner: &Owner, new: &NewSession) -> Result<Created, StoreError>;

    /// Returns a live session.
    async fn get(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError>;

    /// Returns a page of the live sessions, ordered by descending expiry, then by name.
    ///
    /// All pages of a listing MUST have the order at the time of the first page: a session that was live then and still
    /// is MUST be on exactly one of them, whichever sessions are used in between. MUST fail with
    /// [`StoreError::ListingExpired`] if that order is no longer known. A page MUST end before metadata and previews exceed
    /// [`LIST_PAGE_MAX_BYTES`](crate::domain::limits::LIST_PAGE_MAX_BYTES), so it may have fewer
    /// sessions than requested and a next page. A corrupt record MUST be left out and counted; it MUST NOT fail the page.
    async fn list(&self, owner: &Owner, page: &ListPage) -> Result<SessionPage, StoreError>;

    /// Returns a page of a live session's messages, oldest first, of at most
    /// [`HISTORY_PAGE_MAX_BYTES`](crate::domain::limits::HISTORY_PAGE_MAX_BYTES) but at least one message.
    async fn history(
        &self,
        owner: &Owner,
        user_id: &UserId,
        page: HistoryPage,
    ) -> Result<History, StoreError>;

    /// Appends all messages to a live session or none, and extends its lifetime.
    ///
    /// A retry with one of at least the last 64 request ids of the session MUST store nothing and return the stored
    /// messages, or fail with [`StoreError::RequestIdReused`] if the messages differ. MUST fail with
    /// [`StoreError::SessionFull`] rather than exceed 10 000 messages.
    async fn append(
        &self,
        owner: &Owner,
        user_id: &UserId,
        batch: &Batch,
        request_id: Option<&RequestId>,
    ) -> Result<Appended, StoreError>;

    /// Stores the user's message of a turn, once per request id, and acquires the session's turn for `lease`. Extends the
    /// lifetime.
    ///
    /// At most one of any number of concurrent calls MUST acquire the turn. The others MUST store nothing and fail with
    /// [`StoreError::TurnInProgress`] until the turn is finished or released or its lease has ended; a retry of the request
    /// of that turn MUST return its token instead and change nothing. A retry of a request whose reply is stored MUST
    /// return the reply, even if another turn is in progress. MUST fail with [`StoreError::SessionFull`] unless the session
    /// has room for the reply, too.
    async fn begin_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        lease: Duration,
    ) -> Result<Turn, StoreError>;

    /// Returns the turn of a request whose reply is stored, and extends the lifetime, or that of a request whose turn is
    /// running, and changes nothing.
    ///
    /// MUST change nothing and return `None` if `begin_turn` would acquire the turn, and fail like it otherwise.
    async fn replay_turn(&self, owner: &Owner, turn: &TurnRequest) -> Result<Option<Turn>, StoreError>;

    /// Extends the lease of the turn with this token.
    async fn renew_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        lease: Duration,
    ) -> Result<(), StoreError>;

    /// Stores the text of a running turn from an offset on, for watchers, and reports whether the turn was cancelled. Its end
    /// removes the text.
    ///
    /// MUST store nothing if less than `offset` bytes are stored, such as after a failover. A full store MUST NOT fail it.
    async fn flush_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        offset: u32,
        text: &str,
    ) -> Result<Flushed, StoreError>;

    /// Requests the end of the running turn, or only of that with this request id. Returns the tag of the turn, `None` if no
    /// such turn is running.
    async fn cancel_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        request_id: Option<&RequestId>,
    ) -> Result<Option<TurnTag>, StoreError>;

    /// Stores the reply and ends the turn, atomically. Extends the lifetime.
    ///
    /// MUST store nothing and fail with [`StoreError::TurnCancelled`] if the turn was cancelled and the reply does not have
    /// [`FinishReason::Cancelled`](crate::domain::FinishReason::Cancelled); with [`StoreError::TurnLost`] if the turn was released, another one was acquired since,
    /// or the session was deleted and created again; with [`StoreError::NotFound`] if none is live.
    async fn finish_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        reply: &NewReply,
    ) -> Result<FinishedTurn, StoreError>;

    /// Ends a turn without a reply, so that another one can be acquired immediately, and records its outcome. Does nothing if
    /// the token has no turn.
    async fn release_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        outcome: TurnOutcome,
    ) -> Result<(), StoreError>;

    /// Returns the heads of sessions in this order; `None` for a session that is not live or whose record is corrupt.
    ///
    /// A head MUST differ after every change of the session. No read MUST extend a lifetime.
    async fn heads(&self, sessions: &[(Owner, UserId)]) -> Result<Vec<Option<Head>>, StoreError>;

    /// Returns the versions of the heads of sessions in this order, like [`heads`](Self::heads) at a lower cost; `None` also
    /// for a session whose head has to be read.
    async fn head_versions(
        &self,
        sessions: &[(Owner, UserId)],
    ) -> Result<Vec<Option<HeadVersion>>, StoreError> {
        let heads = self.heads(sessions).await?;
        Ok(heads.iter().map(|head| head.as_ref().map(Head::version)).collect())
    }

    /// Returns a live session, its head and what is new since a position, all from one state of the session.
    ///
    /// The messages are the first ones after the position's, of at most
    /// [`HISTORY_PAGE_MAX_BYTES`](crate::domain::limits::HISTORY_PAGE_MAX_BYTES) but at least one if there is any.
    async fn changes(&self, owner: &Owner, user_id: &UserId, since: &Position)
    -> Result<Changes, StoreError>;

    /// Extends the lifetime of a live session.
    async fn touch(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError>;

    /// Deletes a live session with its messages, even if its record is corrupt.
    async fn delete(&self, owner: &Owner, user_id: &UserId) -> Result<(), StoreError>;

    /// Returns the time of the store's clock. It also proves that the store is reachable.
    async fn time(&self) -> Result<Timestamp, StoreError>;
}
