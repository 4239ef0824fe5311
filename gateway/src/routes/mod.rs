//! Routes of the REST API.

mod chat;
mod config;
mod document;
mod event_stream;
mod events;
mod export;
mod health;
mod render;
mod security;
mod sessions;

pub(crate) use document::OPENAPI_DOCUMENT;
pub use document::write_openapi_document;
pub(crate) use events::LAST_EVENT_ID;

use crate::{backend::Backend, error::Problem, extract::CREATE};
use axum::{
    Router,
    extract::Request,
    http::{
        HeaderValue,
        header::{ALLOW, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use runtime::{Lifecycle, memory::MemoryBudget};
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Path of the page to try the API.
pub(crate) const DOCS: &str = "/docs";

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

/// Declares the operations of the API: for the router, and for the document. Tests walk the document, so they find a path or a
/// method that is not that of the handler.
macro_rules! operations {
    ($($path:expr => { $($method:ident: $module:ident::$handler:ident),+ })+) => {
        #[derive(OpenApi)]
        #[openapi(paths($($($module::$handler),+),+))]
        struct Operations;

        fn operations() -> Router<Api> {
            Router::new()$(.route($path, MethodRouter::new()$(.$method($module::$handler))+))+
        }
    };
}

operations! {
    CREATE => { post: sessions::create }
    "/api/sessions" => { get: sessions::list }
    "/api/session/{user_id}" => { get: sessions::get, delete: sessions::delete }
    "/api/session/{user_id}/history" => { get: sessions::history }
    "/api/session/{user_id}/export" => { get: export::export }
    "/api/session/{user_id}/messages" => { post: sessions::append }
    "/api/session/{user_id}/touch" => { post: sessions::touch }
    "/api/session/{user_id}/events" => { get: events::events }
    "/api/session/{user_id}/chat" => { post: chat::chat }
    "/api/session/{user_id}/chat/cancel" => { post: chat::cancel }
    "/api/personas" => { get: config::personas }
    "/api/config" => { get: config::config }
    "/health" => { get: health::health }
}

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
