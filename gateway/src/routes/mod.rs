//! Routes of the REST API.

mod chat;
mod config;
mod document;
mod event_stream;
mod events;
mod export;
mod health;
mod operations;
mod render;
mod security;
mod sessions;
mod state;

pub(crate) use document::OPENAPI_DOCUMENT;
pub use document::write_openapi_document;
pub(crate) use events::LAST_EVENT_ID;
pub(crate) use state::{Api, ApiState};

use crate::{error::Problem, extract::CREATE, page::DOCS};
use axum::{
    Router,
    extract::Request,
    http::{
        HeaderValue,
        header::{ALLOW, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use operations::operations;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Returns the routes of the API, including the document that describes them.
pub(crate) fn router(api: Api) -> Router {
    let document = ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], OPENAPI_DOCUMENT);
    operations()
        .route(CREATE, get(sessions::get).delete(sessions::delete))
        .route("/openapi.json", get(move || std::future::ready(document.clone())))
        .merge(SwaggerUi::new(DOCS).config(Config::from("/openapi.json").try_it_out_enabled(true)))
        .method_not_allowed_fallback(wrong_method)
        .with_state(api)
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
