//! The identity of a request in logs, traces and errors: its request id and its trace.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::sync::Arc;
use tokio::task_local;
use tokio_util::either::Either;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

/// Header of the request id, in both directions.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Response header of the trace id.
pub const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
/// W3C header that passes the trace on to the next service.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Maximum length of a request id that is accepted from a caller.
const REQUEST_ID_MAX_BYTES: usize = 128;

/// The request id and the trace of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext(Arc<Ids>);

#[derive(Debug, PartialEq, Eq)]
struct Ids {
    request_id: String,
    trace_id: String,
    traceparent: String,
}

task_local! {
    /// Context of the request that the current task handles. Its ids are added to every log line.
    static CURRENT: RequestContext;
}

impl RequestContext {
    /// Reads the context of a request that is handled in `span`. The span must not have been entered yet.
    ///
    /// Without an exporter there are no spans to take the trace from. Then a call within this process has the context of the
    /// request that makes it, and any other request the caller's trace, or a new one.
    pub fn begin(headers: &HeaderMap, span: &Span) -> Self {
        if span.is_disabled()
            && let Ok(current) = CURRENT.try_with(Self::clone)
        {
            return current;
        }
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        // This fails if no exporter is installed; then there is nothing to link.
        let _ = span.set_parent(parent.clone());
        let request_id = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
        let request_id = request_id.filter(|id| (1..=REQUEST_ID_MAX_BYTES).contains(&id.len()));
        let own = span.context();
        let context = if own.span().span_context().is_valid() { own } else { parent };
        let (trace_id, traceparent) = trace_headers(&context);
        let request_id = request_id.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        Self(Arc::new(Ids { request_id, trace_id, traceparent }))
    }

    /// Returns the caller's `x-request-id`, or the one that replaces it.
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// Returns the W3C trace id, 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        &self.0.trace_id
    }

    /// Runs a future whose log lines carry the ids of this request.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), future)
    }

    /// Runs a function whose log lines carry the ids of this request.
    pub fn enter<T>(&self, function: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), function)
    }

    /// Returns the future of a new task that belongs to the current request, if there is one.
    pub fn propagate<F: Future>(future: F) -> impl Future<Output = F::Output> + use<F> {
        // Not an async block, which would store the future twice.
        match CURRENT.try_with(Self::clone) {
            Ok(context) => Either::Left(CURRENT.scope(context, future)),
            Err(_) => Either::Right(future),
        }
    }

    /// Calls a function with the context of the current request, if there is one.
    pub(crate) fn with_current(function: impl FnOnce(&Self)) {
        let _ = CURRENT.try_with(function);
    }

    /// Writes the context into the headers of a request to the next service.
    pub fn inject(&self, headers: &mut HeaderMap) {
        set(headers, X_REQUEST_ID, &self.0.request_id);
        set(headers, TRACEPARENT, &self.0.traceparent);
    }

    /// Writes the context into the headers of a response.
    pub fn write_response_headers(&self, headers: &mut HeaderMap) {
        set(headers, X_REQUEST_ID, &self.0.request_id);
        set(headers, X_TRACE_ID, &self.0.trace_id);
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Returns the trace id and the `traceparent` of a context, new ones if it has none.
fn trace_headers(context: &Context) -> (String, String) {
    let span = context.span();
    let known = span.span_context();
    if !known.is_valid() {
        let trace_id = Uuid::new_v4().simple().to_string();
        let span_id = &Uuid::new_v4().simple().to_string()[..16];
        return (trace_id.clone(), format!("00-{trace_id}-{span_id}-00"));
    }
    let mut headers = HeaderMap::new();
    TraceContextPropagator::new().inject_context(context, &mut HeadersMut(&mut headers));
    let traceparent = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    (known.trace_id().to_string(), traceparent.to_owned())
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let Ok(name) = HeaderName::try_from(key) {
            set(self.0, name, &value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_trace_and_request_id_of_a_caller_are_passed_on() {
        let mut headers = HeaderMap::new();
        set(&mut headers, TRACEPARENT, GIVEN);
        set(&mut headers, X_REQUEST_ID, "r-1");
        let context = RequestContext::begin(&headers, &Span::none());
        assert_eq!((context.request_id(), context.trace_id()), ("r-1", &GIVEN[3..35]));
        let mut next = HeaderMap::new();
        context.inject(&mut next);
        assert_eq!(next[TRACEPARENT], GIVEN);
        assert_eq!(next[X_REQUEST_ID], "r-1");
    }

    #[tokio::test]
    async fn a_call_within_the_process_has_the_context_of_its_request() {
        let begin = || RequestContext::begin(&HeaderMap::new(), &Span::none());
        let request = begin();
        assert_eq!(request.scope(async { begin() }).await, request);
        assert_ne!(begin(), request);
    }

    #[test]
    fn a_request_without_ids_gets_new_ones() {
        let mut headers = HeaderMap::new();
        set(&mut headers, TRACEPARENT, "garbage");
        set(&mut headers, X_REQUEST_ID, &"x".repeat(129));
        let (one, two) =
            (RequestContext::begin(&headers, &Span::none()), RequestContext::begin(&headers, &Span::none()));
        assert_ne!(one.request_id(), two.request_id());
        assert_ne!(one.trace_id(), two.trace_id());
        assert_eq!(one.trace_id().len(), 32);
        assert!(one.request_id().len() < 129);
    }
}
