//! The router of the API and the page, with the middleware of every request.

use crate::{
    admission::{Admission, admit},
    backend::Backend,
    cors,
    observe::{HttpMetrics, observe},
    origin::{AllowedHosts, HostSettings},
    page::{self, Files},
    routes::{self, ApiState, OPENAPI_DOCUMENT},
    rules::Rules,
    settings::GatewaySettings,
};
use axum::{
    Router,
    extract::Request,
    http::HeaderValue,
    middleware::{Next, from_fn},
};
use prometheus_client::registry::Registry;
use runtime::{Lifecycle, memory::MemoryBudgets, reload::ReloadSignal, server::Port};
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;

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
        let api = ApiState {
            backend: backend.clone(),
            title: settings.title.as_str().into(),
            auth: settings.access.auth,
            lifecycle: lifecycle.clone(),
            responses: memory.responses.clone(),
        };
        let files =
            settings.public_dir.clone().map_or_else(Files::embedded, |folder| Files::Folder(folder.into()));
        let pages = Router::new().fallback(page::serve).with_state(files);
        let allowed_hosts = AllowedHosts::new(hosts);
        let access = settings.access.build(reload, registry);
        let router = routes::router(Arc::new(api));
        let rules = Rules::new(OPENAPI_DOCUMENT);
        let admission = Admission { hosts: allowed_hosts, access, rules, memory: memory.requests.clone() };
        let metrics = HttpMetrics::register(registry);
        let router = with_middleware(router.fallback_service(pages), &hosts.origins, admission, metrics);
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

/// Adds the middleware of every request. It is one layer where possible: for every request, axum copies and boxes all that is
/// below a layer.
fn with_middleware(
    router: Router,
    origins: &[HeaderValue],
    admission: Admission,
    metrics: HttpMetrics,
) -> Router {
    let (admission, metrics) = (Arc::new(admission), Arc::new(metrics));
    let Some(cors) = cors::layer(origins) else {
        return router.layer(from_fn(move |request: Request, next: Next| {
            let (admission, metrics) = (admission.clone(), metrics.clone());
            page::security_headers(request, async move |request| {
                observe(metrics, request, async |request| {
                    admit(&admission, request, |request| next.run(request)).await
                })
                .await
            })
        }));
    };
    let inner = from_fn(move |request: Request, next: Next| {
        let admission = admission.clone();
        async move { admit(&admission, request, |request| next.run(request)).await }
    });
    let outer = from_fn(move |request: Request, next: Next| {
        let metrics = metrics.clone();
        page::security_headers(request, async move |request| {
            observe(metrics, request, |request| next.run(request)).await
        })
    });
    router.layer(inner).layer(cors).layer(outer)
}
