//! Sessions in Redis (6.2 or later) or Valkey: one script per change.
//!
//! On a single node a call takes one round trip, and a list two. In a cluster, where the owner's index is on another node
//! than the session, a change takes one more.

mod admin;
mod changes;
mod client;
mod context;
mod corrupt;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod head;
mod history;
mod index;
mod keys;
mod list;
mod reply;
mod scripts;
mod sessions;
mod turns;

use super::{
    Appended, Changes, Created, FinishedTurn, Flushed, Head, HeadVersion, History, ListPage, Position,
    SessionPage, SessionStore, StoreError, Turn, TurnOutcome, TurnRequest, TurnTag, TurnToken,
};
use crate::domain::{Batch, HistoryPage, NewReply, NewSession, Owner, RequestId, Session, Timestamp, UserId};
use async_trait::async_trait;
use context::with_timeout;
use std::time::Duration;

pub use admin::{Consistency, ServerInfo};
pub use client::{RedisSettings, RedisTls, RedisUrl, SentinelCredentials};
pub use context::RedisStore;

#[async_trait]
impl SessionStore for RedisStore {
    async fn create(&self, owner: &Owner, new: &NewSession) -> Result<Created, StoreError> {
        with_timeout(self.create_session(owner, new)).await
    }

    async fn get(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        with_timeout(self.read_session(owner, user_id)).await
    }

    async fn list(&self, owner: &Owner, page: &ListPage) -> Result<SessionPage, StoreError> {
        with_timeout(self.list_sessions(owner, page)).await
    }

    async fn history(
        &self,
        owner: &Owner,
        user_id: &UserId,
        page: HistoryPage,
    ) -> Result<History, StoreError> {
        with_timeout(self.read_history(owner, user_id, page)).await
    }

    async fn append(
        &self,
        owner: &Owner,
        user_id: &UserId,
        batch: &Batch,
        request_id: Option<&RequestId>,
    ) -> Result<Appended, StoreError> {
        with_timeout(self.append_messages(owner, user_id, batch, request_id)).await
    }

    async fn begin_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        lease: Duration,
    ) -> Result<Turn, StoreError> {
        with_timeout(self.acquire_turn(owner, turn, lease)).await
    }

    async fn replay_turn(&self, owner: &Owner, turn: &TurnRequest) -> Result<Option<Turn>, StoreError> {
        with_timeout(self.find_turn(owner, turn)).await
    }

    async fn renew_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        lease: Duration,
    ) -> Result<(), StoreError> {
        with_timeout(self.extend_lease(owner, user_id, token, lease)).await
    }

    async fn flush_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        offset: u32,
        text: &str,
    ) -> Result<Flushed, StoreError> {
        with_timeout(self.store_text(owner, user_id, token, offset, text)).await
    }

    async fn cancel_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        request_id: Option<&RequestId>,
    ) -> Result<Option<TurnTag>, StoreError> {
        with_timeout(self.request_cancellation(owner, user_id, request_id)).await
    }

    async fn finish_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        reply: &NewReply,
    ) -> Result<FinishedTurn, StoreError> {
        with_timeout(self.store_reply(owner, turn, reply)).await
    }

    async fn release_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        outcome: TurnOutcome,
    ) -> Result<(), StoreError> {
        match with_timeout(self.end_turn(owner, user_id, token, outcome)).await {
            Err(StoreError::TurnLost | StoreError::NotFound) => Ok(()),
            result => result,
        }
    }

    async fn heads(&self, sessions: &[(Owner, UserId)]) -> Result<Vec<Option<Head>>, StoreError> {
        with_timeout(self.read_heads(sessions)).await
    }

    async fn head_versions(
        &self,
        sessions: &[(Owner, UserId)],
    ) -> Result<Vec<Option<HeadVersion>>, StoreError> {
        with_timeout(self.read_head_versions(sessions)).await
    }

    async fn changes(
        &self,
        owner: &Owner,
        user_id: &UserId,
        since: &Position,
    ) -> Result<Changes, StoreError> {
        with_timeout(self.read_changes(owner, user_id, since)).await
    }

    async fn touch(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        with_timeout(self.touch_session(owner, user_id)).await
    }

    async fn delete(&self, owner: &Owner, user_id: &UserId) -> Result<(), StoreError> {
        with_timeout(self.delete_session(owner, user_id)).await
    }

    async fn time(&self) -> Result<Timestamp, StoreError> {
        with_timeout(self.server_time()).await
    }
}
