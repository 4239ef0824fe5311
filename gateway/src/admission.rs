//! Admission of a request: its host and origin, its credential, the rules of its operation, and its body and memory.

use crate::{
    auth::Access,
    error::Problem,
    origin::{self, AllowedHosts},
    request_memory::RequestMemory,
    rules::Rules,
    unread_body,
};
use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use runtime::{memory::MemoryBudget, server::stream_bytes};
use std::panic::AssertUnwindSafe;

/// Memory of a stream of HTTP/2 whose request is not complete, as measured.
const STREAM_BYTES: usize = 17 * 1024;

/// Rules that every request obeys.
pub(crate) struct Admission {
    pub(crate) hosts: AllowedHosts,
    pub(crate) access: Access,
    pub(crate) rules: Rules,
    /// Budget for the bodies of requests, and for streams of HTTP/2.
    pub(crate) memory: MemoryBudget,
}

/// Rejects a request that breaks a rule, or calls `respond`, whose panic becomes an error. Takes care of bodies that are not
/// read.
pub(crate) async fn admit<F>(
    admission: &Admission,
    request: Request,
    respond: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    unread_body::handle(request, |request| async move {
        let handling = async {
            RequestMemory::charge(stream_bytes(&request, STREAM_BYTES))?;
            let mut request = origin::check(&admission.hosts, &request).map(|()| request)?;
            let client = admission.access.check(&mut request).await?;
            let cookie = admission.access.cookie(&request, &client);
            let responding = respond(admission.rules.check(request).await?);
            // The location of a panic is in the log; its message may quote the request and is not sent.
            let response = AssertUnwindSafe(responding).catch_unwind().await;
            let mut response = response.map_err(|_| Problem::internal("a panic"))?;
            admission.access.set_cookie(&mut response, cookie);
            Ok(response)
        };
        RequestMemory::scope(&admission.memory, handling).await.unwrap_or_else(Problem::into_response)
    })
    .await
}
