//! The API and the page behind one port: what every request passes through.

use crate::{
    backend::Backend,
    error::Problem,
    observe::{HttpMetrics, observe},
    origin::{self, AllowedHosts},
    page::{self, Files},
    routes::{self, Api},
    settings::GatewaySettings,
    unread_body,
};
use axum::{
    Router, middleware,
    response::{IntoResponse, Response},
};
use process::{Lifecycle, server::Port};
use prometheus_client::registry::Registry;
use std::{any::Any, time::Duration};
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;

/// The name under which the lifecycle knows the session service.
const BACKEND: &str = "session service";
/// How often the session service is looked at.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Host names under which the gateway is reached.
#[derive(Clone, Debug, Default)]
pub struct HostSettings {
    /// Names besides IP addresses and `localhost`.
    pub allowed: Vec<String>,
    /// `true` if the port is bound to a loopback address. Other names are then rejected even if none is given.
    pub is_loopback: bool,
}

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
        hosts: &HostSettings,
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
        let hosts = AllowedHosts::new(hosts);
        let router = routes::router(api)
            .fallback_service(pages)
            .layer(middleware::from_fn(unread_body::handle))
            .layer(middleware::from_fn_with_state(hosts, origin::protect))
            .layer(CatchPanicLayer::custom(answer_panic))
            .layer(middleware::from_fn_with_state(HttpMetrics::register(registry), observe))
            .layer(middleware::from_fn(page::protect));
        Self { router, backend }
    }
}

/// Serves on a port until the process stops, then waits until the requests in progress have finished.
pub async fn serve(listener: TcpListener, gateway: Gateway, port: Port, lifecycle: &Lifecycle) {
    tokio::spawn(watch(gateway.backend, lifecycle.clone()));
    port.serve(listener, gateway.router, lifecycle).await;
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

/// Responds to a panic, whose location is in the log. Its message is not: it may quote a text.
fn answer_panic(_: Box<dyn Any + Send>) -> Response {
    Problem::internal("a panic").into_response()
}
