//! The OpenAPI document. Programs serve the text in `docs/openapi.json`, because to write it from the handlers at each start
//! takes a megabyte, which the allocator keeps (docs/performance.md). A test compares both.

use super::{
    operations::Operations,
    security::{Security, without_credential},
};
use crate::{
    error::Problem,
    json::{Checkpoint, Ended, Expiring, ReplyDelta, Snapshot, TurnState, schemas},
};
use utoipa::{
    OpenApi,
    openapi::{RefOr, Required},
};

/// The document as it is served.
pub(crate) const OPENAPI_DOCUMENT: &str = include_str!("../../../docs/openapi.json");

/// Path of the health of the dependencies, which needs no credential.
const HEALTH: &str = "/health";

/// Path of Cancel, which needs no body.
const CANCEL: &str = "/api/session/{user_id}/chat/cancel";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Nono",
        description = "Chat sessions that expire after their last activity.\n\nTimes are RFC 3339 in UTC with milliseconds. \
                       Errors are `application/problem+json` (RFC 9457) with a stable `reason`. Unknown fields and \
                       parameters are rejected. Every response carries `x-request-id` and `x-trace-id`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(
        Problem,
        Checkpoint,
        Ended,
        Expiring,
        ReplyDelta,
        Snapshot,
        TurnState,
        schemas::MetadataValue,
        schemas::ExportFormat,
        schemas::PageSize,
        schemas::Seq
    )),
    modifiers(&Security)
)]
struct Document;

/// Writes the OpenAPI document of the REST API from its handlers.
#[must_use]
pub fn write_openapi_document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    document.merge(Operations::openapi());
    without_credential(&mut document, HEALTH);
    optional_body(&mut document, CANCEL);
    document
}

/// Marks the body of an operation as optional. The attribute of an optional type would also permit the body `null`.
fn optional_body(document: &mut utoipa::openapi::OpenApi, path: &str) {
    let operation = document.paths.paths.get_mut(path).and_then(|item| item.post.as_mut());
    let body = operation.and_then(|operation| operation.request_body.as_mut());
    if let Some(RefOr::T(body)) = body {
        body.required = Some(Required::False);
    }
}
