//! Retries of calls, based on what is known about a failed attempt.

use super::{
    balancer::Balancer,
    metrics::BackendMetrics,
    transport::{Attempts, TransportError},
};
use futures_util::future::{Either, select};
use nono_proto::reason;
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::time::sleep;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;
use tower::retry::budget::{Budget, TpsBudget};

/// Time without a response after which an idempotent call is also sent to another endpoint. Later than nearly all responses,
/// and early enough for a response within a second.
const HEDGE_DELAY: Duration = Duration::from_millis(750);
/// Maximum number of endpoints that a call is sent to one after the other.
const MAX_ATTEMPTS: usize = 3;

/// Permission to retry a call when it is unknown if the first attempt had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idempotency {
    Idempotent,
    NonIdempotent,
}

impl Idempotency {
    /// Returns the idempotency of a write: the service recognizes a retry by its `request_id`.
    pub(crate) fn of_request_id(request_id: &str) -> Self {
        if request_id.is_empty() { Self::NonIdempotent } else { Self::Idempotent }
    }
}

/// A method of the service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method {
    pub(super) name: &'static str,
    idempotency: Idempotency,
    /// Time for which the service may wait before it responds.
    wait: Duration,
}

impl Method {
    pub(crate) const fn new(name: &'static str, idempotency: Idempotency) -> Self {
        Self { name, idempotency, wait: Duration::ZERO }
    }

    /// Creates a method that can be retried without a `request_id`.
    pub(crate) const fn idempotent(name: &'static str) -> Self {
        Self::new(name, Idempotency::Idempotent)
    }

    /// Sets the time for which the service may wait before it responds.
    #[must_use]
    pub(crate) const fn waiting(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }
}

/// Retries of calls.
#[derive(Clone)]
pub(super) struct Retries {
    /// The endpoints of a service in other processes.
    balancer: Option<Arc<Balancer>>,
    /// Budget for attempts that may repeat work: at most one for ten calls, and at least one a second.
    budget: Arc<TpsBudget>,
    metrics: BackendMetrics,
}

impl Retries {
    pub(super) fn new(balancer: Option<Arc<Balancer>>, metrics: BackendMetrics) -> Self {
        let budget = Arc::new(TpsBudget::new(Duration::from_secs(10), 1, 0.1));
        Self { balancer, budget, metrics }
    }

    /// Makes attempts until one succeeds, or until a further one could not help or might do harm.
    pub(super) async fn run<A, F>(
        &self,
        method: Method,
        attempt: impl Fn(Attempts) -> F,
    ) -> Result<Response<A>, Status>
    where
        F: Future<Output = Result<Response<A>, Status>> + Unpin,
    {
        self.budget.deposit();
        let attempts = Attempts::new(method.wait);
        let is_idempotent = method.idempotency == Idempotency::Idempotent;
        for _ in 1..MAX_ATTEMPTS {
            let count = attempts.count();
            let result = if is_idempotent {
                self.hedge(&attempts, &attempt).await
            } else {
                attempt(attempts.clone()).await
            };
            let Err(status) = result else { return result };
            match TransportError::of(&status) {
                // Without an endpoint to send the call to, a further attempt would not find one either.
                Some(error) if error.is_unsent() && attempts.count() > count => {
                    self.metrics.retried("unsent")
                }
                Some(error) if error.is_unsent() => return Err(status),
                error if is_idempotent && (error.is_some() || is_foreign_unavailable(&status)) => {
                    if attempts.count() > 1 || !self.budget.withdraw() {
                        return Err(status);
                    }
                    self.metrics.retried("unanswered");
                }
                _ => return Err(status),
            }
        }
        attempt(attempts).await
    }

    /// Makes an attempt, and a second one on another endpoint if the response is late. Returns the first response.
    async fn hedge<A, F>(
        &self,
        attempts: &Attempts,
        attempt: impl Fn(Attempts) -> F,
    ) -> Result<Response<A>, Status>
    where
        F: Future<Output = Result<Response<A>, Status>> + Unpin,
    {
        let first = attempt(attempts.clone());
        let delay = pin!(sleep(attempts.wait() + HEDGE_DELAY));
        let first = match select(first, delay).await {
            Either::Left((result, _)) => return result,
            Either::Right(((), first)) => first,
        };
        let has_other = self.balancer.as_ref().is_some_and(|balancer| balancer.has_other(attempts));
        if !has_other || !self.budget.withdraw() {
            return first.await;
        }
        self.metrics.retried("slow");
        let (result, other) = match select(first, attempt(attempts.clone())).await {
            Either::Left((result, other)) | Either::Right((result, other)) => (result, other),
        };
        match result {
            // An error of the service itself is final: the other endpoint has the same store.
            Err(status) if TransportError::of(&status).is_some() => other.await,
            result => result,
        }
    }
}

/// Returns `true` for UNAVAILABLE and UNKNOWN of a proxy or a server that is not the service.
fn is_foreign_unavailable(status: &Status) -> bool {
    let is_ours = status.get_details_error_info().is_some_and(|info| info.domain == reason::DOMAIN);
    !is_ours && matches!(status.code(), Code::Unavailable | Code::Unknown)
}
