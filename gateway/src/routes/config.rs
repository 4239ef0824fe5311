//! Personas and configuration, which the page loads first.

use super::Api;
use crate::{
    backend::{ChatClient, ConfigClient, Method},
    caller::CallerExtension,
    error::{Problem, Refusals},
    json::rfc3339,
    settings,
};
use axum::{Json, extract::State};
use nono_proto::{chat::v1 as chat, config::v1 as config, limits::HTTP_BODY_MAX_BYTES};
use serde::Serialize;
use serde_json::Number;
use std::time::Duration;
use utoipa::ToSchema;

/// The personas.
#[derive(Serialize, ToSchema)]
pub(super) struct Personas {
    /// The personas in the configured order.
    personas: Vec<Persona>,
}

/// A persona of the assistant.
#[derive(Serialize, ToSchema)]
struct Persona {
    /// Key for Create.
    #[schema(example = "mental_health_nurse")]
    key: String,
    /// Display name.
    #[schema(example = "Mental Health Nurse")]
    name: String,
    /// Role of the assistant.
    role: String,
    /// Purpose of the persona.
    description: String,
    /// Tags for search.
    tags: Vec<String>,
}

/// List the personas.
#[utoipa::path(
    get, path = "/api/personas", tag = "chat",
    responses((status = 200, description = "The personas", body = Personas), Refusals)
)]
pub(super) async fn personas(
    State(api): State<Api>,
    caller: CallerExtension,
) -> Result<Json<Personas>, Problem> {
    let send = |mut client: ChatClient, request| async move { client.list_personas(request).await };
    let request = chat::ListPersonasRequest {};
    let response = api
        .backend
        .call(api.backend.chat(), &caller, Method::idempotent("ListPersonas"), request, send)
        .await?;
    let render = |persona: chat::Persona| {
        let chat::Persona { key, name, role, description, tags } = persona;
        Persona { key, name, role, description, tags }
    };
    Ok(Json(Personas { personas: response.personas.into_iter().map(render).collect() }))
}

/// Authentication of clients.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AuthKind {
    /// All clients share all sessions.
    None,
    /// Each browser has sessions of its own.
    Cookie,
    /// Each person of an identity provider has sessions of their own.
    Oidc,
}

impl From<settings::AuthKind> for AuthKind {
    fn from(kind: settings::AuthKind) -> Self {
        match kind {
            settings::AuthKind::None => Self::None,
            settings::AuthKind::Cookie => Self::Cookie,
            settings::AuthKind::Oidc => Self::Oidc,
        }
    }
}

/// Configuration of the service.
#[derive(Serialize, ToSchema)]
pub(super) struct Config {
    /// Name of the bot.
    title: String,
    /// Name of the model.
    powered_by: String,
    /// Authentication of clients. With `cookie`, sessions belong to the browser; with `oidc`, to the person.
    auth: AuthKind,
    /// Lifetime of a session after the last activity.
    #[schema(value_type = f64, example = 3600)]
    session_ttl_seconds: Number,
    /// Time of the clock that decides on expiry.
    #[schema(format = DateTime)]
    server_time: String,
    /// Limits of the API.
    limits: Limits,
}

/// Limits of the API.
#[derive(Serialize, ToSchema)]
struct Limits {
    user_id_max_bytes: u32,
    request_id_max_bytes: u32,
    metadata_max_bytes: u32,
    metadata_max_levels: u32,
    metadata_max_number: i64,
    message_content_max_bytes: u32,
    append_max_messages: u32,
    append_max_bytes: u32,
    session_max_messages: u32,
    page_default_items: u32,
    page_max_items: u32,
    history_page_max_bytes: u32,
    http_body_max_bytes: usize,
    grpc_message_max_bytes: u32,
    unary_call_max_seconds: u64,
    /// Absent if there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions_per_owner_max: Option<u32>,
}

/// Return the configuration.
#[utoipa::path(
    get, path = "/api/config", tag = "chat",
    responses((status = 200, description = "The configuration", body = Config), Refusals)
)]
pub(super) async fn config(State(api): State<Api>, caller: CallerExtension) -> Result<Json<Config>, Problem> {
    let send = |mut client: ConfigClient, request| async move { client.get_config(request).await };
    let request = config::GetConfigRequest {};
    let response = api
        .backend
        .call(api.backend.config(), &caller, Method::idempotent("GetConfig"), request, send)
        .await?;
    let ttl = response.session_ttl.and_then(|ttl| Duration::try_from(ttl).ok()).unwrap_or_default();
    Ok(Json(Config {
        title: api.title.to_string(),
        powered_by: response.powered_by,
        auth: api.auth.into(),
        session_ttl_seconds: seconds(ttl),
        server_time: rfc3339(response.server_time),
        limits: limits(
            response.limits.unwrap_or_else(config::Limits::current),
            response.max_sessions_per_owner,
        ),
    }))
}

/// Returns whole seconds as an integer, other durations as a float.
fn seconds(duration: Duration) -> Number {
    match duration.subsec_nanos() {
        0 => Number::from(duration.as_secs()),
        _ => Number::from_f64(duration.as_secs_f64()).expect("a duration is finite"),
    }
}

fn limits(limits: config::Limits, max_sessions_per_owner: u32) -> Limits {
    let timeout = limits.unary_call_timeout.and_then(|timeout| Duration::try_from(timeout).ok());
    Limits {
        user_id_max_bytes: limits.user_id_max_bytes,
        request_id_max_bytes: limits.request_id_max_bytes,
        metadata_max_bytes: limits.metadata_max_bytes,
        metadata_max_levels: limits.metadata_max_levels,
        metadata_max_number: limits.metadata_max_number,
        message_content_max_bytes: limits.message_content_max_bytes,
        append_max_messages: limits.append_max_messages,
        append_max_bytes: limits.append_max_bytes,
        session_max_messages: limits.session_max_messages,
        page_default_items: limits.page_default_items,
        page_max_items: limits.page_max_items,
        history_page_max_bytes: limits.history_page_max_bytes,
        http_body_max_bytes: HTTP_BODY_MAX_BYTES,
        grpc_message_max_bytes: limits.grpc_message_max_bytes,
        unary_call_max_seconds: timeout.unwrap_or_default().as_secs(),
        sessions_per_owner_max: (max_sessions_per_owner > 0).then_some(max_sessions_per_owner),
    }
}
