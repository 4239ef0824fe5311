//! The gRPC services behind one port, with the middleware of every call.

mod admission;
mod authentication;
mod chat;
mod config;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod health;
mod memory;
mod metadata;
mod metrics;
mod middleware;
mod page_token;
mod parse;
mod received;
mod reflection;
mod render;
mod session;
mod status;
mod watch_stream;

use crate::{
    domain::limits::GRPC_MESSAGE_MAX_BYTES,
    model::Model,
    personas::Personas,
    store::{Policy, SessionStore},
    turn::{TurnContext, TurnLimits, TurnMetrics, Turns},
    watch::{NotifyingStore, WatchMetrics, Watchers},
};
use authentication::{Authentication, AuthenticationMetrics};
use axum::{Router, middleware::from_fn_with_state};
use chat::ChatApi;
use config::ConfigApi;
use metrics::GrpcMetrics;
use middleware::{CallLayerState, observe_call};
use nono_proto::{
    chat::v1::chat_service_server::ChatServiceServer, config::v1::config_service_server::ConfigServiceServer,
    session::v1::session_service_server::SessionServiceServer,
};
use prometheus_client::registry::Registry;
use runtime::{Lifecycle, memory::MemoryBudgets, server::Port};
use session::SessionApi;
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch};
use tonic::{codec::CompressionEncoding, service::Routes};
use tonic_health::server::HealthReporter;

pub use authentication::{Access, RateKey};

/// Maximum age of a connection. Older ones are asked to close, so that new replicas get their share.
pub const CONNECTION_MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// Dependencies of the service.
pub struct Dependencies {
    /// Store of the sessions.
    pub store: Arc<dyn SessionStore>,
    /// Policy of the store.
    pub policy: Policy,
    /// Access rules of the gRPC port.
    pub access: Access,
    /// The configured personas.
    pub personas: Arc<Personas>,
    /// Model that generates replies.
    pub model: Arc<dyn Model>,
    /// Maximum number of messages in a prompt.
    pub context_messages: usize,
    /// Limits of turns.
    pub turn_limits: TurnLimits,
    /// Maximum number of watchers.
    pub max_watchers: u32,
}

/// The service, ready to be served on a port.
#[derive(Clone)]
pub struct Service {
    router: Router,
    local_router: Router,
    store: Arc<dyn SessionStore>,
    health: HealthReporter,
    model_health: watch::Receiver<bool>,
    turns: Turns,
}

impl Service {
    /// Creates the service. It is healthy once the store was reachable.
    pub async fn new(
        dependencies: Dependencies,
        lifecycle: &Lifecycle,
        memory: &MemoryBudgets,
        registry: &mut Registry,
    ) -> Self {
        let Dependencies {
            store,
            policy,
            access,
            personas,
            model,
            context_messages,
            turn_limits,
            max_watchers,
        } = dependencies;
        let watch_metrics = WatchMetrics::register(registry);
        let watchers = Watchers::new(store.clone(), max_watchers, lifecycle.stopping_token(), watch_metrics);
        let store: Arc<dyn SessionStore> = Arc::new(NotifyingStore::new(store, watchers.clone()));
        lifecycle.set_dependency(health::STORE, false);
        let powered_by = model.name().to_owned();
        let (model_health, model_health_changes) = watch::channel(true);
        let turns = Turns::new(TurnContext {
            store: store.clone(),
            watchers: watchers.clone(),
            personas: personas.clone(),
            model,
            model_health,
            context_messages,
            limits: turn_limits,
            lifecycle: lifecycle.clone(),
            metrics: TurnMetrics::register(registry),
        });
        let (health, reporter) = health::service(store.clone()).await;
        macro_rules! limited {
            ($server:ident, $api:expr) => {
                $server::new($api)
                    .accept_compressed(CompressionEncoding::Gzip)
                    .max_decoding_message_size(GRPC_MESSAGE_MAX_BYTES)
                    .max_encoding_message_size(GRPC_MESSAGE_MAX_BYTES)
            };
        }
        let routes = Routes::new(limited!(
            SessionServiceServer,
            SessionApi { store: store.clone(), personas, watchers }
        ))
        .add_service(limited!(ChatServiceServer, ChatApi { turns: turns.clone() }))
        .add_service(limited!(ConfigServiceServer, ConfigApi { store: store.clone(), policy, powered_by }))
        .add_service(health.accept_compressed(CompressionEncoding::Gzip))
        .add_service(reflection::v1().accept_compressed(CompressionEncoding::Gzip))
        .add_service(reflection::v1alpha().accept_compressed(CompressionEncoding::Gzip));
        let authentication = Authentication { access, metrics: AuthenticationMetrics::register(registry) };
        let state = CallLayerState {
            authentication: authentication.clone(),
            metrics: GrpcMetrics::register(registry),
            admission: admission::register(registry),
            memory: memory.clone(),
            stopping: lifecycle.stopping_token(),
        };
        let local = CallLayerState {
            authentication: Authentication { access: Access::trusted(), ..authentication },
            ..state.clone()
        };
        let routes = routes.into_axum_router();
        let local_router = routes.clone().layer(from_fn_with_state(Arc::new(local), observe_call));
        let router = routes.layer(from_fn_with_state(Arc::new(state), observe_call));
        Self { router, local_router, store, health: reporter, model_health: model_health_changes, turns }
    }

    /// Returns the service for callers in this process, which authenticate owners themselves.
    pub fn local_router(&self) -> Router {
        self.local_router.clone()
    }
}

/// Serves on a port until the process stops, then waits until the calls and turns in progress have finished.
pub async fn serve(listener: TcpListener, service: Service, port: Port, lifecycle: &Lifecycle) {
    tokio::spawn(health::watch(service.store, service.model_health, service.health, lifecycle.clone()));
    port.serve(listener, service.router, lifecycle).await;
    service.turns.finish().await;
}
