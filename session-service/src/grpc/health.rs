//! gRPC health of the service and its dependencies. A check of the store queries it.

use crate::store::{SessionStore, StoreError};
use futures_util::{Stream, StreamExt, stream};
use runtime::Lifecycle;
use std::{pin::Pin, sync::Arc, time::Duration};
use tokio::sync::watch as changes;
use tonic::{Code, Request, Response, Status};
use tonic_health::{
    ServingStatus,
    pb::{
        HealthCheckRequest, HealthCheckResponse,
        health_check_response::ServingStatus as Answer,
        health_server::{Health, HealthServer},
    },
    server::{HealthReporter, HealthService},
};

/// Name of the store in health checks.
pub(super) const STORE: &str = "store";
/// Name of the model in health checks.
const MODEL: &str = "model";
/// Interval between checks of the store.
const STORE_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Implementation of [`Health`]. All states but the store's come from the reporter.
pub(super) struct HealthApi {
    reported: HealthService,
    store: Arc<dyn SessionStore>,
}

/// Returns the health-check service names; the empty name is the whole server.
fn names() -> [&'static str; 4] {
    ["", "nono.session.v1.SessionService", "nono.chat.v1.ChatService", "nono.config.v1.ConfigService"]
}

/// Creates the health service, which is not serving yet, and its reporter.
pub(super) async fn service(store: Arc<dyn SessionStore>) -> (HealthServer<HealthApi>, HealthReporter) {
    let reporter = HealthReporter::new();
    for name in names().into_iter().chain([STORE]) {
        reporter.set_service_status(name, ServingStatus::NotServing).await;
    }
    reporter.set_service_status(MODEL, ServingStatus::Serving).await;
    let reported = HealthService::from_health_reporter(reporter.clone());
    (HealthServer::new(HealthApi { reported, store }), reporter)
}

/// Reports the state of store and model until the process drains.
///
/// The store is checked regularly. The model is as healthy as its most recent call, and healthy before the first one.
pub(super) async fn watch(
    store: Arc<dyn SessionStore>,
    mut model: changes::Receiver<bool>,
    reporter: HealthReporter,
    lifecycle: Lifecycle,
) {
    let (mut has_served, mut was_up) = (false, false);
    let checks = async {
        loop {
            let error = store.time().await.err();
            let is_up = error.is_none();
            lifecycle.set_dependency(STORE, is_up);
            lifecycle.set_dependency_reason(STORE, error.map(reason));
            // Every report is sent to all watchers, so only changes are reported.
            if is_up != was_up {
                was_up = is_up;
                reporter.set_service_status(STORE, serving_status(is_up)).await;
            }
            if is_up && !has_served {
                has_served = true;
                set_all(&reporter, ServingStatus::Serving).await;
                tracing::info!("store reachable; serving");
            }
            tokio::time::sleep(STORE_CHECK_INTERVAL).await;
        }
    };
    let model_changes = async {
        while model.changed().await.is_ok() {
            let is_up = *model.borrow_and_update();
            reporter.set_service_status(MODEL, serving_status(is_up)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = checks => {}
        () = model_changes => {}
        () = lifecycle.draining() => set_all(&reporter, ServingStatus::NotServing).await,
    }
}

fn reason(error: StoreError) -> String {
    error.unreachable().map_or_else(|| error.to_string(), ToString::to_string)
}

async fn set_all(reporter: &HealthReporter, status: ServingStatus) {
    for name in names() {
        reporter.set_service_status(name, status).await;
    }
}

fn serving_status(is_up: bool) -> ServingStatus {
    if is_up { ServingStatus::Serving } else { ServingStatus::NotServing }
}

#[tonic::async_trait]
impl Health for HealthApi {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if request.get_ref().service != STORE {
            return self.reported.check(request).await;
        }
        let is_up = self.store.time().await.is_ok();
        let status = if is_up { Answer::Serving } else { Answer::NotServing };
        Ok(Response::new(HealthCheckResponse { status: status.into() }))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        match self.reported.watch(request).await {
            Ok(watched) => Ok(watched.map(|watched| Box::pin(watched) as Self::WatchStream)),
            // The protocol requires a stream that reports this and stays open. No service is added later.
            Err(status) if status.code() == Code::NotFound => {
                let unknown = HealthCheckResponse { status: Answer::ServiceUnknown.into() };
                Ok(Response::new(Box::pin(stream::iter([Ok(unknown)]).chain(stream::pending()))))
            }
            Err(status) => Err(status),
        }
    }
}
