//! The client of a request: its ids and the owner for whom it acts.

use axum::{Extension, http::HeaderValue};
use runtime::context::RequestContext;
use std::{fmt, sync::Arc};
use tonic::metadata::MetadataMap;

/// Header by which the service learns the owner.
const NONO_OWNER: &str = "nono-owner";

/// Extractor of the caller. Requests of the API that were authenticated have one.
pub(crate) type CallerExtension = Extension<Caller>;

/// Owner of sessions, derived from a credential.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Owner(Option<Arc<str>>);

impl Owner {
    /// Returns the only owner of a gateway without authentication.
    pub(crate) const fn open() -> Self {
        Self(None)
    }

    /// Returns the owner with this name, which is printable ASCII.
    pub(crate) fn named(name: &str) -> Self {
        Self(Some(name.into()))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the name as a header.
    fn header(&self) -> Option<HeaderValue> {
        self.0.as_deref().and_then(|name| HeaderValue::from_str(name).ok())
    }
}

/// An owner identifies a person or a browser, so it does not appear in logs.
impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_open() { "Owner(open)" } else { "Owner(named)" })
    }
}

/// The client of a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Ids of the request.
    pub(crate) context: RequestContext,
    /// Owner of the sessions that the request may access.
    pub(crate) owner: Owner,
}

impl Caller {
    /// Writes the ids and the owner into the metadata of a call.
    pub(crate) fn inject(&self, metadata: &mut MetadataMap) {
        self.context.inject(metadata.as_mut());
        if let Some(owner) = self.owner.header() {
            metadata.as_mut().insert(NONO_OWNER, owner);
        }
    }
}
