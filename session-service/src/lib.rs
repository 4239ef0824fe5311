//! The gRPC service that stores chat sessions until they expire.

pub mod auth;
pub mod doctor;
pub mod domain;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod grpc;
pub mod model;
pub mod personas;
pub mod settings;
pub mod store;
pub mod turn;
pub mod watch;
