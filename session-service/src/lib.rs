//! The gRPC service that keeps chat sessions while somebody uses them.

mod chat;
pub mod doctor;
pub mod domain;
pub mod model;
pub mod personas;
mod rpc;
pub mod server;
pub mod settings;
pub mod store;
