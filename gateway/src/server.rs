//! The router of the API and the page, with the middleware of every request.

use crate::{
    admission::{Admission, admit},
    backend::Backend,
    cors,
    error::Problem,
    observe::{HttpMetrics, observe},
    origin::{AllowedHosts, HostSettings},
    page::{self, Files},
    routes::{self, Api},
    settings::GatewaySettings,
};
use axum::{
    Router, middleware,
    response::{IntoResponse, Response},
};
use prometheus_client::registry::Registry;
use runtime::{Lifecycle, memory::MemoryBudgets, reload::ReloadSignal, server::Port};
use std::{any::Any, time::Duration};
use tokio::net::TcpListener;
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;

/// Name of the session service among the dependencies.
const BACKEND: &str = "session service";
/// Interval between health checks of the session service.
const HEALTH_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The gateway, ready to be served on a port.
pub struct Gateway {
    router: Router,
    backend: Backend,
}

impl Gateway {
    /// Creates a gateway to a session service. The process becomes ready once that service is healthy.
    pub fn new(
        backend: Backend,
        settings: &GatewaySettings,
        hosts: &HostSettings,
        lifecycle: &Lifecycle,
        memory: &MemoryBudgets,
        reload: &ReloadSignal,
        registry: &mut Registry,
    ) -> Self {
        lifecycle.set_dependency(BACKEND, false);
        let api = Api {
            backend: backend.clone(),
            title: settings.title.as_str().into(),
            auth: settings.access.auth.into(),
            lifecycle: lifecycle.clone(),
            responses: memory.responses.clone(),
        };
        let files =
            settings.public_dir.clone().map_or_else(Files::embedded, |folder| Files::Folder(folder.into()));
        let pages = Router::new().fallback(page::serve).with_state(files);
        let allowed_hosts = AllowedHosts::new(hosts);
        let access = settings.access.build(reload, registry);
        let (router, rules) = routes::router(api);
        let admission = Admission { hosts: allowed_hosts, access, rules, memory: memory.requests.clone() };
        let router = router
            .fallback_service(pages)
            .layer(CatchPanicLayer::custom(panic_response))
            // Outside everything that can respond before the body is read.
            .layer(middleware::from_fn_with_state(admission, admit))
            .layer(option_layer(cors::layer(&hosts.origins)))
            .layer(middleware::from_fn_with_state(HttpMetrics::register(registry), observe))
            .layer(middleware::from_fn(page::security_headers));
        Self { router, backend }
    }
}

/// Serves on a port until the process stops, then waits until the requests in progress have finished.
pub async fn serve(listener: TcpListener, gateway: Gateway, port: Port, lifecycle: &Lifecycle) {
    tokio::spawn(watch_backend(gateway.backend, lifecycle.clone()));
    port.serve(listener, gateway.router, lifecycle).await;
}

/// Checks the session service until the process drains, and reports its state.
async fn watch_backend(backend: Backend, lifecycle: Lifecycle) {
    let checks = async {
        loop {
            let is_up = backend.health("").await == Some(true);
            lifecycle.set_dependency(BACKEND, is_up);
            lifecycle.set_dependency_reason(BACKEND, backend.tls_failures().filter(|_| !is_up));
            let endpoints = backend.endpoints().into_iter();
            let states = endpoints.map(|(name, state)| (name.to_string(), state.to_owned())).collect();
            lifecycle.set_dependency_parts(BACKEND, states);
            tokio::time::sleep(HEALTH_CHECK_INTERVAL).await;
        }
    };
    tokio::select! {
        () = checks => {}
        () = lifecycle.draining() => {}
    }
}

/// Returns the response to a panic. Its location is in the log; its message may quote a request and is not.
fn panic_response(_: Box<dyn Any + Send>) -> Response {
    Problem::internal("a panic").into_response()
}
