//! The `user_id` in a path.

use crate::error::Problem;
use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};

/// Path of Create.
pub(crate) const CREATE: &str = "/api/session/create";

/// The percent-decoded `user_id` of the path. The service validates it.
pub(crate) struct UserId(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for UserId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // The path of Create shadows the path of the session with this name.
        if parts.uri.path() == CREATE {
            return Ok(Self("create".into()));
        }
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(user_id)) => Ok(Self(user_id)),
            Err(_) => Err(Problem::invalid_field("user_id", "must be percent-encoded UTF-8")),
        }
    }
}
