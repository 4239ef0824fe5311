//! The JSON REST API and the chat page, over the gRPC contract. Holds no state and decides nothing.

pub mod backend;
mod balance;
mod error;
mod extract;
mod json;
mod lanes;
mod metadata;
mod observe;
mod page;
mod routes;
pub mod server;
pub mod settings;
