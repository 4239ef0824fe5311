//! Routes of the REST API.

mod chat;
mod config;
mod event_stream;
mod events;
mod export;
mod health;
mod render;
mod security;
mod sessions;

pub(crate) use events::LAST_EVENT_ID;

use crate::{
    backend::Backend,
    error::Problem,
    extract::CREATE,
    json::{Checkpoint, Ended, Expiring, ReplyDelta, Snapshot, TurnState, schemas},
    rules::Rules,
};
use axum::{
    Router,
    body::Bytes,
    extract::Request,
    http::{
        HeaderValue,
        header::{ALLOW, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use runtime::{Lifecycle, memory::MemoryBudget};
use security::{Security, without_credential};
use std::sync::Arc;
use utoipa::{
    OpenApi,
    openapi::{RefOr, Required},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Path of the page to try the API.
pub(crate) const DOCS: &str = "/docs";

/// Path of the health of the dependencies, which needs no credential.
const HEALTH: &str = "/health";

/// Path of Cancel, which needs no body.
const CANCEL: &str = "/api/session/{user_id}/chat/cancel";

/// State of the handlers. axum copies it several times for every request.
pub(crate) type Api = Arc<ApiState>;

pub(crate) struct ApiState {
    pub(crate) backend: Backend,
    pub(crate) title: Arc<str>,
    pub(crate) auth: config::AuthKind,
    pub(crate) lifecycle: Lifecycle,
    /// Memory budget for the bodies of responses.
    pub(crate) responses: MemoryBudget,
}

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

/// Returns the routes of the API, including the document that describes them, and the rules in that document.
pub(crate) fn router(api: Api) -> (Router, Rules) {
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(sessions::create))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::get, sessions::delete))
        .routes(routes!(sessions::history))
        .routes(routes!(export::export))
        .routes(routes!(sessions::append))
        .routes(routes!(sessions::touch))
        .routes(routes!(events::events))
        .routes(routes!(chat::chat))
        .routes(routes!(chat::cancel))
        .routes(routes!(config::personas))
        .routes(routes!(config::config))
        .routes(routes!(health::health))
        .split_for_parts();
    without_credential(&mut document, HEALTH);
    optional_body(&mut document, CANCEL);
    let rules = Rules::new(&document);
    // Encoded once, so that clients that do not read it share its memory.
    let document = Bytes::from(serde_json::to_vec(&document).expect("strings become JSON"));
    let document = ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], document);
    let router = router
        .route(CREATE, get(sessions::get).delete(sessions::delete))
        .route("/openapi.json", get(move || std::future::ready(document.clone())))
        .merge(SwaggerUi::new(DOCS).config(Config::from("/openapi.json").try_it_out_enabled(true)))
        .method_not_allowed_fallback(wrong_method)
        .with_state(api);
    (router, rules)
}

/// Marks the body of an operation as optional. The attribute of an optional type would also permit the body `null`.
fn optional_body(document: &mut utoipa::openapi::OpenApi, path: &str) {
    let operation = document.paths.paths.get_mut(path).and_then(|item| item.post.as_mut());
    let body = operation.and_then(|operation| operation.request_body.as_mut());
    if let Some(RefOr::T(body)) = body {
        body.required = Some(Required::False);
    }
}

/// Rejects a method. The path of Create allows one method of its own; the others belong to the session of this name.
async fn wrong_method(request: Request) -> Response {
    let problem = Problem::wrong_method(request.method().as_str(), request.uri().path());
    let mut response = problem.into_response();
    if request.uri().path() == CREATE {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}
