//! The type of service that carries calls, and its error.

use std::{error::Error, fmt};
use tonic::body::Body;
use tower::{BoxError, util::BoxCloneSyncService};

/// A service that carries gRPC calls. Clones share connections.
pub(super) type Transport = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, TransportError>;

/// Error of a call that did not reach the service or whose response did not arrive.
#[derive(Debug)]
pub(crate) struct TransportError(BoxError);

impl TransportError {
    pub(super) fn new(cause: impl Into<BoxError>) -> Self {
        Self(cause.into())
    }
}

impl From<BoxError> for TransportError {
    fn from(cause: BoxError) -> Self {
        Self(cause)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for TransportError {
    /// Returns the cause itself: tonic searches the chain for errors that it knows.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
