//! Gateway: translates the JSON REST API to gRPC and serves the chat page. It is stateless and makes no decisions that belong
//! to the service.

mod admission;
mod auth;
pub mod backend;
mod caller;
mod cors;
mod error;
mod extract;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod header_list;
mod json;
mod observe;
mod origin;
mod page;
mod request_memory;
mod routes;
mod rules;
pub mod server;
pub mod settings;
mod strict_json;
mod unread_body;

pub use routes::write_openapi_document;
