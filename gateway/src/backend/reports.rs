//! Health reports of a connection, by `grpc.health.v1`.

use super::{connection::Connection, transport::Transport};
use std::time::Duration;
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};
use tower::{service_fn, util::BoxCloneSyncService};

/// Timeout for the first health report of a connection.
pub(super) const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);

/// Health reports of the service over one connection.
pub(super) struct Reports {
    stream: Option<Streaming<HealthCheckResponse>>,
    pub(super) is_serving: bool,
}

impl Reports {
    /// Waits for the next report. Returns `false` if the stream has ended.
    pub(super) async fn next(&mut self) -> bool {
        let Some(stream) = &mut self.stream else { return std::future::pending().await };
        match stream.message().await {
            Ok(Some(report)) => {
                self.is_serving = report.status() == ServingStatus::Serving;
                true
            }
            Ok(None) | Err(_) => false,
        }
    }
}

/// Starts watching the health of the service. A server without this method counts as serving.
pub(super) async fn watch_health(connection: &Connection) -> Result<Reports, Status> {
    let connection = connection.clone();
    let transport: Transport = BoxCloneSyncService::new(service_fn(move |request| {
        let connection = connection.clone();
        async move { connection.send(request).await }
    }));
    let watching = HealthClient::new(transport).watch(HealthCheckRequest::default()).await;
    match watching {
        Err(status) if status.code() == Code::Unimplemented => Ok(Reports { stream: None, is_serving: true }),
        Err(status) => Err(status),
        Ok(response) => {
            let mut reports = Reports { stream: Some(response.into_inner()), is_serving: false };
            if reports.next().await { Ok(reports) } else { Err(Status::unavailable("no health report")) }
        }
    }
}

/// Returns `true` if the service reports its health in time, whatever that is.
pub(super) async fn responds(connection: &Connection) -> bool {
    matches!(timeout(HEALTH_TIMEOUT, watch_health(connection)).await, Ok(Ok(_)))
}
