//! The gRPC service that stores chat sessions until they expire.

mod chat;
pub mod doctor;
pub mod domain;
pub mod model;
pub mod personas;
mod rpc;
pub mod server;
pub mod settings;
pub mod store;
