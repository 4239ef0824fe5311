//! The type of service that carries calls, its error, and the record of a call's attempts.

use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tonic::{Status, body::Body};
use tower::{BoxError, util::BoxCloneSyncService};

/// A service that carries gRPC calls. Clones share connections.
pub(super) type Transport = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, TransportError>;

/// Error of a call that did not reach the service or whose response did not arrive.
#[derive(Debug)]
pub(crate) struct TransportError {
    /// `true` if the service cannot have received the request.
    is_unsent: bool,
    cause: BoxError,
}

impl TransportError {
    /// Creates the error of a request that the service cannot have received.
    pub(super) fn unsent(cause: impl Into<BoxError>) -> Self {
        Self { is_unsent: true, cause: cause.into() }
    }

    /// Creates the error of a request that the service may have received.
    pub(super) fn unanswered(cause: impl Into<BoxError>) -> Self {
        Self { is_unsent: false, cause: cause.into() }
    }

    pub(crate) fn is_unsent(&self) -> bool {
        self.is_unsent
    }

    pub(super) fn cause(&self) -> &(dyn Error + 'static) {
        &*self.cause
    }

    /// Returns the transport error that a status was created from.
    pub(crate) fn of(status: &Status) -> Option<&Self> {
        let causes = std::iter::successors(status.source(), |&cause| cause.source());
        causes.filter_map(|cause| cause.downcast_ref()).next()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = if self.is_unsent { "not sent" } else { "no response" };
        write!(f, "{effect}: {}", self.cause)
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}

/// The endpoints that a call was sent to, shared by its attempts as an extension of the requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempts {
    endpoints: Arc<Mutex<Vec<Arc<str>>>>,
    wait: Duration,
}

impl Attempts {
    /// Creates the record of a call for which the service may wait before it responds.
    pub(super) fn new(wait: Duration) -> Self {
        Self { wait, ..Self::default() }
    }

    /// Returns the time for which the service may wait before it responds.
    pub(super) fn wait(&self) -> Duration {
        self.wait
    }

    pub(super) fn add(&self, endpoint: &Arc<str>) {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner).push(endpoint.clone());
    }

    /// Returns the number of endpoints.
    pub(super) fn count(&self) -> usize {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Returns `true` if an earlier attempt was sent to this endpoint.
    pub(super) fn contains(&self, endpoint: &str) -> bool {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|tried| **tried == *endpoint)
    }
}
