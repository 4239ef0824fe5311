//! Metrics, span and log line of a request.

use axum::http::StatusCode;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use runtime::context::RequestContext;
use std::{sync::Arc, time::Instant};
use tracing::Span;

/// Metrics of HTTP requests.
pub(crate) struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
}

impl HttpMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let new: fn() -> Histogram = runtime::metrics::call_duration_histogram;
        let metrics = Self { requests: Family::default(), seconds: Family::new_with_constructor(new) };
        registry.register("http_requests", "Finished requests by status", metrics.requests.clone());
        registry.register("http_request_duration_seconds", "Duration of requests", metrics.seconds.clone());
        metrics
    }
}

/// Status in logs and metrics of a request whose client disconnected before the end of the response.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Record of a request in progress. If it is dropped before its end, the client disconnected.
pub(super) struct Record {
    pub(super) metrics: Arc<HttpMetrics>,
    pub(super) method: &'static str,
    pub(super) route: String,
    pub(super) context: RequestContext,
    pub(super) span: Span,
    /// `true` if the request is logged at `debug`.
    pub(super) is_quiet: bool,
    pub(super) begun: Instant,
    pub(super) status: Option<StatusCode>,
}

impl Record {
    pub(super) fn end(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let (took, method) = (self.begun.elapsed(), self.method);
        let status = self.status.map_or(CLIENT_CLOSED_REQUEST, |status| status.as_u16());
        let route = self.route.clone();
        self.metrics.requests.get_or_create(&RequestLabels { method, route: route.clone(), status }).inc();
        self.metrics.seconds.get_or_create(&RouteLabels { method, route }).observe(took.as_secs_f64());
        if self.status.is_some_and(|status| status.is_server_error()) {
            self.span.record("otel.status_code", "ERROR");
            self.span.record("error.type", status);
        }
        let duration_ms = took.as_secs_f64() * 1000.0;
        let (route, context) = (&self.route, &self.context);
        let (request_id, trace_id) = (context.request_id(), context.trace_id());
        if self.is_quiet {
            tracing::debug!(method, route, status, duration_ms, request_id, "request");
        } else {
            tracing::info!(method, route, status, duration_ms, request_id, trace_id, "request");
        }
    }
}
