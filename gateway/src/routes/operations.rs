//! The operations of the API.

use super::{Api, chat, config, events, export, health, sessions};
use crate::extract::CREATE;
use axum::{Router, routing::MethodRouter};
use utoipa::OpenApi;

/// Declares the operations of the API: for the router, and for the document. Tests walk the document, so they find a path or a
/// method that is not that of the handler.
macro_rules! operations {
    ($($path:expr => { $($method:ident: $module:ident::$handler:ident),+ })+) => {
        #[derive(OpenApi)]
        #[openapi(paths($($($module::$handler),+),+))]
        pub(super) struct Operations;

        pub(super) fn operations() -> Router<Api> {
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
