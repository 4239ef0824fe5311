//! The JSON REST API and the chat page, over the gRPC contract. Holds no state and decides nothing.

pub mod backend;
mod balance;
mod detached;
mod error;
mod extract;
mod header_list;
mod json;
mod lanes;
mod observe;
mod origin;
mod page;
mod routes;
mod rules;
pub mod server;
pub mod settings;
mod strict_json;
mod unread_body;
