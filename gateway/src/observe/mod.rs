//! Ids, span, metrics and log line of every request, even if the client disconnects. A request ends
//! with the body of its response.

mod body;
mod record;

pub(crate) use body::StreamOutcome;
pub(crate) use record::HttpMetrics;

use crate::error::Problem;
use axum::{
    body::{Body, HttpBody},
    extract::{MatchedPath, Request},
    http::header::CONTENT_LENGTH,
    response::{IntoResponse, Response},
};
use body::RecordedBody;
use record::Record;
use runtime::context::RequestContext;
use std::{sync::Arc, time::Instant};
use tracing::{Instrument, Span, field, info_span};

/// Calls `respond`, and records the request.
pub(crate) async fn observe<F>(
    metrics: Arc<HttpMetrics>,
    mut request: Request,
    respond: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
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
    let response = context.scope(respond(request).instrument(span)).await;
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
