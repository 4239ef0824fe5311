//! A store that wakes the watchers of a session after each change, so that they do not wait for the next read of heads.

use super::watchers::Watchers;
use crate::{
    domain::{Batch, HistoryPage, NewReply, NewSession, Owner, RequestId, Session, Timestamp, UserId},
    store::{
        Appended, Changes, Created, FinishedTurn, Flushed, Head, HeadVersion, History, ListPage, Position,
        SessionPage, SessionStore, StoreError, Turn, TurnOutcome, TurnRequest, TurnTag, TurnToken,
    },
};
use async_trait::async_trait;
use std::{sync::Arc, time::Duration};

/// A store that wakes watchers.
pub(crate) struct NotifyingStore {
    inner: Arc<dyn SessionStore>,
    watchers: Watchers,
}

impl NotifyingStore {
    /// Decorates the store that these watchers read.
    pub(crate) fn new(inner: Arc<dyn SessionStore>, watchers: Watchers) -> Self {
        Self { inner, watchers }
    }

    /// Waits for a change and wakes the watchers, even if it failed: it may have been applied anyway.
    async fn change<T>(
        &self,
        owner: &Owner,
        user_id: &UserId,
        change: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let result = change.await;
        self.watchers.wake(owner, user_id);
        result
    }
}

#[async_trait]
impl SessionStore for NotifyingStore {
    async fn create(&self, owner: &Owner, new: &NewSession) -> Result<Created, StoreError> {
        self.change(owner, &new.user_id, self.inner.create(owner, new)).await
    }

    async fn get(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        self.inner.get(owner, user_id).await
    }

    async fn list(&self, owner: &Owner, page: &ListPage) -> Result<SessionPage, StoreError> {
        self.inner.list(owner, page).await
    }

    async fn history(
        &self,
        owner: &Owner,
        user_id: &UserId,
        page: HistoryPage,
    ) -> Result<History, StoreError> {
        self.inner.history(owner, user_id, page).await
    }

    async fn append(
        &self,
        owner: &Owner,
        user_id: &UserId,
        batch: &Batch,
        request_id: Option<&RequestId>,
    ) -> Result<Appended, StoreError> {
        self.change(owner, user_id, self.inner.append(owner, user_id, batch, request_id)).await
    }

    async fn begin_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        lease: Duration,
    ) -> Result<Turn, StoreError> {
        self.change(owner, &turn.user_id, self.inner.begin_turn(owner, turn, lease)).await
    }

    async fn replay_turn(&self, owner: &Owner, turn: &TurnRequest) -> Result<Option<Turn>, StoreError> {
        self.change(owner, &turn.user_id, self.inner.replay_turn(owner, turn)).await
    }

    async fn renew_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        lease: Duration,
    ) -> Result<(), StoreError> {
        self.inner.renew_turn(owner, user_id, token, lease).await
    }

    async fn flush_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        offset: u32,
        text: &str,
    ) -> Result<Flushed, StoreError> {
        let flushing = self.inner.flush_turn(owner, user_id, token, offset, text);
        if text.is_empty() { flushing.await } else { self.change(owner, user_id, flushing).await }
    }

    async fn cancel_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        request_id: Option<&RequestId>,
    ) -> Result<Option<TurnTag>, StoreError> {
        self.inner.cancel_turn(owner, user_id, request_id).await
    }

    async fn finish_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        reply: &NewReply,
    ) -> Result<FinishedTurn, StoreError> {
        self.change(owner, &turn.user_id, self.inner.finish_turn(owner, turn, reply)).await
    }

    async fn release_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        outcome: TurnOutcome,
    ) -> Result<(), StoreError> {
        self.change(owner, user_id, self.inner.release_turn(owner, user_id, token, outcome)).await
    }

    async fn heads(&self, sessions: &[(Owner, UserId)]) -> Result<Vec<Option<Head>>, StoreError> {
        self.inner.heads(sessions).await
    }

    async fn head_versions(
        &self,
        sessions: &[(Owner, UserId)],
    ) -> Result<Vec<Option<HeadVersion>>, StoreError> {
        self.inner.head_versions(sessions).await
    }

    async fn changes(
        &self,
        owner: &Owner,
        user_id: &UserId,
        since: &Position,
    ) -> Result<Changes, StoreError> {
        self.inner.changes(owner, user_id, since).await
    }

    async fn touch(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        self.change(owner, user_id, self.inner.touch(owner, user_id)).await
    }

    async fn delete(&self, owner: &Owner, user_id: &UserId) -> Result<(), StoreError> {
        self.change(owner, user_id, self.inner.delete(owner, user_id)).await
    }

    async fn time(&self) -> Result<Timestamp, StoreError> {
        self.inner.time().await
    }
}
