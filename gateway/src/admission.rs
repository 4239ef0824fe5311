//! Middleware that admits a request: its host and origin, its credential, the rules of its operation, and its body and memory.
//!
//! These are one layer, because axum copies all layers below a middleware for every request.

use crate::{
    auth::Access,
    error::Problem,
    origin::{self, AllowedHosts},
    request_memory::RequestMemory,
    rules::Rules,
    unread_body,
};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use runtime::{memory::MemoryBudget, server::stream_bytes};

/// Memory of a stream of HTTP/2 whose request is not complete, as measured.
const STREAM_BYTES: usize = 17 * 1024;

/// Rules that every request obeys.
#[derive(Clone)]
pub(crate) struct Admission {
    pub(crate) hosts: AllowedHosts,
    pub(crate) access: Access,
    pub(crate) rules: Rules,
    /// Budget for the bodies of requests, and for streams of HTTP/2.
    pub(crate) memory: MemoryBudget,
}

/// Middleware that rejects requests which break a rule, and takes care of bodies that are not read.
pub(crate) async fn admit(State(admission): State<Admission>, request: Request, next: Next) -> Response {
    unread_body::handle(request, |request| async move {
        let handling = async {
            RequestMemory::charge(stream_bytes(&request, STREAM_BYTES))?;
            let mut request = origin::check(&admission.hosts, &request).map(|()| request)?;
            let client = admission.access.check(&mut request).await?;
            let cookie = admission.access.cookie(&request, &client);
            let mut response = next.run(admission.rules.check(request).await?).await;
            admission.access.set_cookie(&mut response, cookie);
            Ok(response)
        };
        RequestMemory::scope(&admission.memory, handling).await.unwrap_or_else(Problem::into_response)
    })
    .await
}
