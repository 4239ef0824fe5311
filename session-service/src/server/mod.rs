//! The gRPC services behind one port, with the middleware of every call.

mod config;
mod health;
mod metrics;
mod observe;
mod reflection;

use crate::{
    chat::{Chat, ChatApi, ChatMetrics},
    domain::limits::GRPC_MESSAGE_MAX_BYTES,
    model::Model,
    personas::Personas,
    rpc::{SessionApi, status},
    store::{Policy, SessionStore},
};
use axum::{Router, middleware, response::Response};
use config::ConfigApi;
use metrics::GrpcMetrics;
use nono_proto::{
    chat::v1::chat_service_server::ChatServiceServer, config::v1::config_service_server::ConfigServiceServer,
    session::v1::session_service_server::SessionServiceServer,
};
use observe::{Observer, observe};
use prometheus_client::registry::Registry;
use runtime::{Lifecycle, server::Port};
use std::{any::Any, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use tonic::{codec::CompressionEncoding, service::Routes};
use tonic_health::server::HealthReporter;
use tower_http::catch_panic::CatchPanicLayer;

/// Age at which connections are asked to close, so that new replicas get their share.
pub const CONNECTION_MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// Dependencies of the service.
pub struct Parts {
    /// Address of the store.
    pub store: Arc<dyn SessionStore>,
    /// Policy of the store.
    pub policy: Policy,
    /// The configured personas.
    pub personas: Arc<Personas>,
    /// The model that generates replies.
    pub model: Arc<dyn Model>,
    /// Maximum number of messages in a prompt.
    pub context_messages: usize,
}

/// The service, ready to be served on a port.
#[derive(Clone)]
pub struct Service {
    router: Router,
    store: Arc<dyn SessionStore>,
    health: HealthReporter,
    turns: TaskTracker,
}

impl Service {
    /// Creates the service. It is healthy once the store was reachable.
    pub async fn new(parts: Parts, lifecycle: &Lifecycle, registry: &mut Registry) -> Self {
        let Parts { store, policy, personas, model, context_messages } = parts;
        lifecycle.set_dependency(health::STORE, false);
        let powered_by = model.name().to_owned();
        let (turns, metrics) = (TaskTracker::new(), ChatMetrics::register(registry));
        let chat = Chat {
            store: store.clone(),
            personas: personas.clone(),
            model,
            context_messages,
            lifecycle: lifecycle.clone(),
            metrics,
        };
        let (health, reporter) = health::service(store.clone()).await;
        macro_rules! bounded {
            ($server:ident, $api:expr) => {
                $server::new($api)
                    .accept_compressed(CompressionEncoding::Gzip)
                    .max_decoding_message_size(GRPC_MESSAGE_MAX_BYTES)
                    .max_encoding_message_size(GRPC_MESSAGE_MAX_BYTES)
            };
        }
        let routes = Routes::new(bounded!(SessionServiceServer, SessionApi::new(store.clone(), personas)))
            .add_service(bounded!(ChatServiceServer, ChatApi::new(chat, turns.clone())))
            .add_service(bounded!(
                ConfigServiceServer,
                ConfigApi { store: store.clone(), policy, powered_by }
            ))
            .add_service(health.accept_compressed(CompressionEncoding::Gzip))
            .add_service(reflection::v1().accept_compressed(CompressionEncoding::Gzip))
            .add_service(reflection::v1alpha().accept_compressed(CompressionEncoding::Gzip));
        let observer =
            Observer { metrics: GrpcMetrics::register(registry), stopping: lifecycle.stopping_token() };
        let router = routes
            .into_axum_router()
            .layer(CatchPanicLayer::custom(answer_panic))
            .layer(middleware::from_fn_with_state(observer, observe));
        Self { router, store, health: reporter, turns }
    }

    /// Returns the service for callers in this process.
    pub fn router(&self) -> Router {
        self.router.clone()
    }
}

/// Serves on a port until the process stops, then waits until the calls and turns in progress have finished.
pub async fn serve(listener: TcpListener, service: Service, port: Port, lifecycle: &Lifecycle) {
    let watching = health::watch(service.store.clone(), service.health.clone(), lifecycle.clone());
    tokio::spawn(watching);
    port.serve(listener, service.router, lifecycle).await;
    service.turns.close();
    service.turns.wait().await;
}

/// Returns the response to a panic. Its location is in the log; its message may quote a request and is not.
fn answer_panic(_: Box<dyn Any + Send>) -> Response {
    status::internal("a panic").into_http()
}
