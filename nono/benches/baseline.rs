//! Baselines for the gateway: an axum route that returns a constant, and one that makes the cheapest gRPC call.
//!
//! `baseline LISTEN BACKEND`, started by `make bench`.
#![expect(clippy::unwrap_used, reason = "a benchmark ends with an error if a port is in use")]

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// The allocator of the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (listen, backend) = (arguments.next().unwrap(), arguments.next().unwrap());
    let channel = Endpoint::from_shared(backend).unwrap().connect_lazy();
    let router = Router::new()
        .route("/constant", get(|| async { r#"{"status":"SERVING"}"# }))
        .route("/health", get(check))
        .with_state(channel);
    let listener = tokio::net::TcpListener::bind(listen).await.unwrap();
    axum::serve(listener, router).await.unwrap();
}

async fn check(State(channel): State<Channel>) -> impl IntoResponse {
    match HealthClient::new(channel).check(HealthCheckRequest::default()).await {
        Ok(_) => (StatusCode::OK, r#"{"status":"SERVING"}"#),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"UNKNOWN"}"#),
    }
}
