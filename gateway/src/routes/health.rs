//! Health of the dependencies.

use super::Api;
use crate::json::rfc3339;
use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use std::time::SystemTime;
use utoipa::ToSchema;

/// Health of the dependencies.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `healthy` if every dependency is.
    status: HealthStatus,
    /// Status of each dependency.
    dependencies: Dependencies,
    /// Time of the check.
    #[schema(format = DateTime)]
    timestamp: String,
}

#[derive(Serialize, ToSchema)]
struct Dependencies {
    session_service: HealthStatus,
    store: HealthStatus,
    model: HealthStatus,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum HealthStatus {
    Healthy,
    Unhealthy,
    /// The service that checks it is unreachable.
    Unknown,
}

/// Check the health of the dependencies.
#[utoipa::path(
    get, path = "/health", tag = "operations",
    responses(
        (status = 200, description = "All dependencies are healthy", body = Health),
        (status = 503, description = "A dependency is unhealthy", body = Health),
    )
)]
pub(super) async fn health(State(api): State<Api>) -> (StatusCode, Json<Health>) {
    let (service, store, model) =
        tokio::join!(api.backend.health(""), api.backend.health("store"), api.backend.health("model"));
    let dependencies = Dependencies {
        session_service: service.map_or(HealthStatus::Unhealthy, HealthStatus::from),
        store: store.map_or(HealthStatus::Unknown, HealthStatus::from),
        model: model.map_or(HealthStatus::Unknown, HealthStatus::from),
    };
    let Dependencies { session_service, store, model } = &dependencies;
    let is_healthy =
        [session_service, store, model].into_iter().all(|status| *status == HealthStatus::Healthy);
    let code = if is_healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let timestamp = rfc3339(Some(SystemTime::now().into()));
    (code, Json(Health { status: is_healthy.into(), dependencies, timestamp }))
}

impl From<bool> for HealthStatus {
    fn from(is_healthy: bool) -> Self {
        if is_healthy { Self::Healthy } else { Self::Unhealthy }
    }
}
