//! Middleware that admits a request: its host and origin, the rules of its operation, and its body.
//!
//! These are one layer, because axum copies all layers below a middleware for every request.

use crate::{
    origin::{self, AllowedHosts},
    rules::Rules,
    unread_body,
};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Rules that every request obeys.
#[derive(Clone)]
pub(crate) struct Admission {
    pub(crate) hosts: AllowedHosts,
    pub(crate) rules: Rules,
}

/// Middleware that rejects requests which break a rule, and takes care of bodies that are not read.
pub(crate) async fn admit(State(admission): State<Admission>, request: Request, next: Next) -> Response {
    unread_body::handle(request, |request| async move {
        let checked = match origin::check(&admission.hosts, &request) {
            Ok(()) => admission.rules.check(request).await,
            Err(problem) => Err(problem),
        };
        match checked {
            Ok(request) => next.run(request).await,
            Err(problem) => problem.into_response(),
        }
    })
    .await
}
