//! State of the handlers.

use crate::{backend::Backend, settings::AuthKind};
use runtime::{Lifecycle, memory::MemoryBudget};
use std::sync::Arc;

/// State of the handlers. axum copies it several times for every request.
pub(crate) type Api = Arc<ApiState>;

pub(crate) struct ApiState {
    pub(crate) backend: Backend,
    pub(crate) title: Arc<str>,
    pub(crate) auth: AuthKind,
    pub(crate) lifecycle: Lifecycle,
    /// Memory budget for the bodies of responses.
    pub(crate) responses: MemoryBudget,
}
