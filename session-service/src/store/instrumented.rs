//! Decorator of a store: a span and a duration per operation, and the reachability of the store in metrics and log.

use super::{
    Appended, Changes, Created, FinishedTurn, Flushed, Head, HeadVersion, History, ListPage, Position,
    SessionPage, SessionStore, StoreError, Turn, TurnOutcome, TurnRequest, TurnTag, TurnToken,
    reachability::ReachabilityLog,
};
use crate::domain::{Batch, HistoryPage, NewReply, NewSession, Owner, RequestId, Session, Timestamp, UserId};
use async_trait::async_trait;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{Instrument, Span, field, info_span};

/// Operation that is called regularly to check the store.
const CHECK: &str = "time";

const OPERATIONS: [&str; 17] = [
    "create",
    "get",
    "list",
    "history",
    "append",
    "begin_turn",
    "replay_turn",
    "renew_turn",
    "flush_turn",
    "cancel_turn",
    "finish_turn",
    "release_turn",
    "heads",
    "changes",
    "touch",
    "delete",
    CHECK,
];

/// A store with spans and metrics.
pub struct InstrumentedStore {
    inner: Arc<dyn SessionStore>,
    system: &'static str,
    metrics: StoreMetrics,
    reachability: ReachabilityLog,
}

/// Metrics of a store.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    up: Gauge,
    corrupt: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    operation: &'static str,
    outcome: &'static str,
}

impl StoreMetrics {
    /// Registers the metrics. Expected label sets start at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let new: fn() -> Histogram =
            || Histogram::new([0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0]);
        let (seconds, up, corrupt) =
            (Family::new_with_constructor(new), Gauge::default(), Counter::default());
        let metrics = Self { seconds, up, corrupt };
        for operation in OPERATIONS {
            for outcome in ["ok", "unavailable"] {
                drop(metrics.seconds.get_or_create(&Labels { operation, outcome }));
            }
        }
        let (seconds, up) = (metrics.seconds.clone(), metrics.up.clone());
        registry.register("nono_store_operation_seconds", "Duration of store operations", seconds);
        registry.register("nono_store_up", "1 if the store responded to the last operation, otherwise 0", up);
        let corrupt = metrics.corrupt.clone();
        registry.register("nono_store_corrupt_records", "Corrupt records left out of lists", corrupt);
        metrics
    }
}

impl InstrumentedStore {
    /// Decorates a store. `system` is the name of the database in spans.
    pub fn new(inner: Arc<dyn SessionStore>, system: &'static str, metrics: StoreMetrics) -> Self {
        Self { inner, system, metrics, reachability: ReachabilityLog::default() }
    }

    async fn instrument<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let span = info_span!(
            "store",
            otel.name = operation,
            otel.kind = "client",
            db.system.name = self.system,
            db.operation.name = operation,
            otel.status_code = field::Empty,
            outcome = field::Empty,
        );
        let start = Instant::now();
        let result = call.instrument(span.clone()).await;
        let error = result.as_ref().err();
        self.record(operation, start, &span, error);
        match error {
            _ if operation == CHECK => self.reachability.record_check(error),
            Some(error) => self.reachability.record_error(error),
            None => {}
        }
        result
    }

    fn record(&self, operation: &'static str, start: Instant, span: &Span, error: Option<&StoreError>) {
        let outcome = error.map_or("ok", StoreError::as_label);
        let is_failure = matches!(error, Some(StoreError::Unavailable(_) | StoreError::Corrupt(_)));
        span.record("outcome", outcome);
        if is_failure {
            span.record("otel.status_code", "ERROR");
        }
        self.metrics.up.set(i64::from(!matches!(error, Some(StoreError::Unavailable(_)))));
        let labels = Labels { operation, outcome };
        self.metrics.seconds.get_or_create(&labels).observe(start.elapsed().as_secs_f64());
    }
}

#[async_trait]
impl SessionStore for InstrumentedStore {
    async fn create(&self, owner: &Owner, new: &NewSession) -> Result<Created, StoreError> {
        self.instrument("create", self.inner.create(owner, new)).await
    }

    async fn get(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        self.instrument("get", self.inner.get(owner, user_id)).await
    }

    async fn list(&self, owner: &Owner, page: &ListPage) -> Result<SessionPage, StoreError> {
        let page = self.instrument("list", self.inner.list(owner, page)).await?;
        self.metrics.corrupt.inc_by(page.corrupt.into());
        Ok(page)
    }

    async fn history(
        &self,
        owner: &Owner,
        user_id: &UserId,
        page: HistoryPage,
    ) -> Result<History, StoreError> {
        self.instrument("history", self.inner.history(owner, user_id, page)).await
    }

    async fn append(
        &self,
        owner: &Owner,
        user_id: &UserId,
        batch: &Batch,
        request_id: Option<&RequestId>,
    ) -> Result<Appended, StoreError> {
        self.instrument("append", self.inner.append(owner, user_id, batch, request_id)).await
    }

    async fn begin_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        lease: Duration,
    ) -> Result<Turn, StoreError> {
        self.instrument("begin_turn", self.inner.begin_turn(owner, turn, lease)).await
    }

    async fn replay_turn(&self, owner: &Owner, turn: &TurnRequest) -> Result<Option<Turn>, StoreError> {
        self.instrument("replay_turn", self.inner.replay_turn(owner, turn)).await
    }

    async fn renew_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        lease: Duration,
    ) -> Result<(), StoreError> {
        self.instrument("renew_turn", self.inner.renew_turn(owner, user_id, token, lease)).await
    }

    async fn flush_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        offset: u32,
        text: &str,
    ) -> Result<Flushed, StoreError> {
        self.instrument("flush_turn", self.inner.flush_turn(owner, user_id, token, offset, text)).await
    }

    async fn cancel_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        request_id: Option<&RequestId>,
    ) -> Result<Option<TurnTag>, StoreError> {
        self.instrument("cancel_turn", self.inner.cancel_turn(owner, user_id, request_id)).await
    }

    async fn finish_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        reply: &NewReply,
    ) -> Result<FinishedTurn, StoreError> {
        self.instrument("finish_turn", self.inner.finish_turn(owner, turn, reply)).await
    }

    async fn release_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        outcome: TurnOutcome,
    ) -> Result<(), StoreError> {
        self.instrument("release_turn", self.inner.release_turn(owner, user_id, token, outcome)).await
    }

    async fn heads(&self, sessions: &[(Owner, UserId)]) -> Result<Vec<Option<Head>>, StoreError> {
        self.instrument("heads", self.inner.heads(sessions)).await
    }

    async fn head_versions(
        &self,
        sessions: &[(Owner, UserId)],
    ) -> Result<Vec<Option<HeadVersion>>, StoreError> {
        self.instrument("head_versions", self.inner.head_versions(sessions)).await
    }

    async fn changes(
        &self,
        owner: &Owner,
        user_id: &UserId,
        since: &Position,
    ) -> Result<Changes, StoreError> {
        self.instrument("changes", self.inner.changes(owner, user_id, since)).await
    }

    async fn touch(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        self.instrument("touch", self.inner.touch(owner, user_id)).await
    }

    async fn delete(&self, owner: &Owner, user_id: &UserId) -> Result<(), StoreError> {
        self.instrument("delete", self.inner.delete(owner, user_id)).await
    }

    async fn time(&self) -> Result<Timestamp, StoreError> {
        self.instrument(CHECK, self.inner.time()).await
    }
}
