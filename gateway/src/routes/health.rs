//! Whether everything that a chat needs is there.

use super::Api;
use crate::json::rfc3339;
use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use std::time::SystemTime;
use utoipa::ToSchema;

/// The health of everything that a chat needs.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// Healthy when every dependency is.
    status: Word,
    /// Each dependency.
    dependencies: Dependencies,
    /// When this was found out.
    #[schema(format = DateTime)]
    timestamp: String,
}

#[derive(Serialize, ToSchema)]
struct Dependencies {
    session_service: Word,
    store: Word,
    model: Word,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    Healthy,
    Unhealthy,
    /// Nobody is there to ask.
    Unknown,
}

/// Tell whether everything that a chat needs is there.
#[utoipa::path(
    get, path = "/health", tag = "operations",
    responses(
        (status = 200, description = "Everything is there", body = Health),
        (status = 503, description = "Something is missing", body = Health),
    )
)]
pub(super) async fn health(State(api): State<Api>) -> (StatusCode, Json<Health>) {
    let (service, store, model) =
        tokio::join!(api.backend.health(""), api.backend.health("store"), api.backend.health("model"));
    let dependencies = Dependencies {
        session_service: service.map_or(Word::Unhealthy, word),
        store: store.map_or(Word::Unknown, word),
        model: model.map_or(Word::Unknown, word),
    };
    let Dependencies { session_service, store, model } = &dependencies;
    let is_healthy = [session_service, store, model].into_iter().all(|word| *word == Word::Healthy);
    let code = if is_healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let timestamp = rfc3339(Some(SystemTime::now().into()));
    (code, Json(Health { status: word(is_healthy), dependencies, timestamp }))
}

fn word(is_healthy: bool) -> Word {
    if is_healthy { Word::Healthy } else { Word::Unhealthy }
}
