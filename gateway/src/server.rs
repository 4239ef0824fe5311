//! The API and the page behind one port: what every request passes through.

use crate::{
    backend::Backend,
    error::Problem,
    observe::{HttpMetrics, observe},
    page::{self, Files},
    routes::{self, Api},
    settings::GatewaySettings,
};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    response::{IntoResponse, Response},
};
use nono_proto::limits::HTTP_BODY_MAX_BYTES;
use process::Lifecycle;
use prometheus_client::registry::Registry;
use std::{any::Any, time::Duration};
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;

/// The name under which the lifecycle knows the session service.
const BACKEND: &str = "session service";
/// How often the session service is looked at.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// The gateway with all that its requests pass through.
pub struct Gateway {
    router: Router,
    backend: Backend,
}

impl Gateway {
    /// Puts the gateway before a session service. The process is ready once that serves.
    pub fn new(
        backend: Backend,
        settings: &GatewaySettings,
        lifecycle: &Lifecycle,
        registry: &mut Registry,
    ) -> Self {
        lifecycle.report(BACKEND, false);
        let api = Api {
            backend: backend.clone(),
            title: settings.title.as_str().into(),
            lifecycle: lifecycle.clone(),
        };
        let files =
            settings.public_dir.clone().map_or_else(Files::embedded, |folder| Files::Folder(folder.into()));
        let pages = Router::new().fallback(page::serve).with_state(files);
        let router = routes::router(api)
            .fallback_service(pages)
            .layer(DefaultBodyLimit::max(HTTP_BODY_MAX_BYTES))
            .layer(CatchPanicLayer::custom(answer_panic))
            .layer(middleware::from_fn_with_state(HttpMetrics::register(registry), observe))
            .layer(middleware::from_fn(page::protect));
        Self { router, backend }
    }
}

/// Serves until the process stops, then lets requests in progress end.
pub async fn serve(listener: TcpListener, gateway: Gateway, lifecycle: &Lifecycle) {
    tokio::spawn(watch(gateway.backend, lifecycle.clone()));
    process::http::serve(listener, gateway.router, lifecycle).await;
}

/// Keeps the lifecycle informed of the session service.
async fn watch(backend: Backend, lifecycle: Lifecycle) {
    let looking = async {
        loop {
            lifecycle.report(BACKEND, backend.health("").await == Some(true));
            tokio::time::sleep(WATCH_EVERY).await;
        }
    };
    tokio::select! {
        () = looking => {}
        () = lifecycle.draining() => {}
    }
}

fn answer_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    Problem::internal(text.unwrap_or("a panic")).into_response()
}
