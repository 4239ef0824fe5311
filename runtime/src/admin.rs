//! Admin port: liveness, readiness and metrics. It must not be reachable from outside.

use crate::{Lifecycle, server::is_local_name};
use axum::{
    Json, Router,
    extract::{RawQuery, Request, State},
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HOST},
        uri::Authority,
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::registry::Registry;
use serde_json::json;
use std::sync::Arc;

/// Returns the routes of the admin port. On a loopback address, only requests for local names are served: another web page
/// could otherwise read the metrics by DNS rebinding.
pub fn router(lifecycle: Lifecycle, registry: Registry, is_loopback: bool) -> Router {
    let routes = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .with_state(lifecycle)
        .merge(Router::new().route("/metrics", get(metrics)).with_state(Arc::new(registry)));
    if is_loopback { routes.layer(middleware::from_fn(require_local_name)) } else { routes }
}

async fn require_local_name(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    if host.is_some_and(|host| !is_local_name(host.host())) {
        return (StatusCode::MISDIRECTED_REQUEST, "use the IP address or localhost\n").into_response();
    }
    next.run(request).await
}

async fn readyz(State(lifecycle): State<Lifecycle>, RawQuery(query): RawQuery) -> Response {
    let is_ready = lifecycle.is_ready();
    let (code, status) =
        if is_ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    if query.is_none_or(|query| !query.split('&').any(|part| part.split('=').next() == Some("verbose"))) {
        return (code, format!("{status}\n")).into_response();
    }
    let state = |is_up| if is_up { "up" } else { "down" };
    let [mut dependencies, mut parts, mut reasons] = std::array::from_fn(|_| serde_json::Map::new());
    for dependency in lifecycle.dependencies() {
        dependencies.insert(dependency.name.to_owned(), state(dependency.is_up).into());
        if !dependency.parts.is_empty() {
            parts.insert(dependency.name.to_owned(), json!(dependency.parts));
        }
        if let Some(reason) = dependency.reason {
            reasons.insert(dependency.name.to_owned(), reason.into());
        }
    }
    let mut body = json!({ "status": status, "dependencies": dependencies });
    if lifecycle.is_draining() {
        body["draining"] = true.into();
    }
    for (name, values) in [("parts", parts), ("reasons", reasons)] {
        if !values.is_empty() {
            body[name] = values.into();
        }
    }
    (code, Json(body)).into_response()
}

async fn metrics(State(registry): State<Arc<Registry>>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &registry) {
        Ok(()) => {
            const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
