//! Middleware that gives every request its ids, span, metrics and log line, even if the client disconnects. A request ends
//! with the body of its response.

mod body;

pub(crate) use body::StreamOutcome;

use crate::error::Problem;
use axum::{
    Extension,
    body::{Body, HttpBody},
    extract::{MatchedPath, Request, State},
    http::{StatusCode, header::CONTENT_LENGTH},
    middleware::Next,
    response::{IntoResponse, Response},
};
use body::RecordedBody;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use runtime::context::RequestContext;
use std::time::Instant;
use tracing::{Instrument, Span, field, info_span};

/// Extractor of the request context.
pub(crate) type ContextExtension = Extension<RequestContext>;

/// Metrics of HTTP requests.
#[derive(Clone)]
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

pub(crate) async fn observe(
    State(metrics): State<HttpMetrics>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let method = known_method(request.method().as_str());
    let is_quiet = route == "/health" || route == "other";
    let span = if is_quiet { Span::none() } else { span_of(method, &route) };
    let context = RequestContext::begin(request.headers(), &span);
    request.extensions_mut().insert(context.clone());
    let record = Record {
        metrics,
        method,
        route,
        context: context.clone(),
        span: span.clone(),
        is_quiet,
        begun: Instant::now(),
        status: None,
    };
    let response = context.scope(next.run(request).instrument(span)).await;
    let mut response = with_ids(response, &context);
    context.write_response_headers(response.headers_mut());
    record.span.record("http.response.status_code", response.status().as_u16());
    if response.body().size_hint().exact().is_some() {
        record.end(response.status());
        return response;
    }
    let outcome = response.extensions_mut().remove::<StreamOutcome>();
    response.map(|body| Body::new(RecordedBody::new(body, record, outcome)))
}

/// Adds the ids of the request to a problem.
fn with_ids(mut response: Response, context: &RequestContext) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, problem.with_context(context).into_response().into_body())
}

fn span_of(method: &'static str, route: &str) -> Span {
    info_span!(
        "http",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
        otel.status_code = field::Empty,
        error.type = field::Empty,
    )
}

/// Returns the method, or `OTHER` for unusual ones: a label must have few values.
fn known_method(method: &str) -> &'static str {
    ["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("OTHER")
}

/// Status in logs and metrics of a request whose client disconnected before the end of the response.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Record of a request in progress. If it is dropped before its end, the client disconnected.
struct Record {
    metrics: HttpMetrics,
    method: &'static str,
    route: String,
    context: RequestContext,
    span: Span,
    is_quiet: bool,
    begun: Instant,
    status: Option<StatusCode>,
}

impl Record {
    fn end(mut self, status: StatusCode) {
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
