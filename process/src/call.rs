//! What a call is known by in logs, traces and errors: its request id and its trace.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

/// The header that carries a request's id, in both directions.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that tells the caller the trace.
pub const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
/// The W3C header that carries the trace to the next service.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest request id that is taken over from a caller.
const REQUEST_ID_MAX_BYTES: usize = 128;

/// What one call is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The caller's `x-request-id`, or a new one.
    pub request_id: String,
    /// The W3C trace id, 32 hexadecimal digits.
    pub trace_id: String,
    traceparent: String,
}

impl Call {
    /// The call that comes with these headers and is handled in `span`, which must not have been entered yet.
    ///
    /// Without an exporter there are no spans to take the trace from; the caller's is passed on, or a new one.
    pub fn begin(headers: &HeaderMap, span: &Span) -> Self {
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        // It fails where no exporter is installed, and then there is nothing to link.
        let _ = span.set_parent(parent.clone());
        let request_id = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
        let request_id = request_id.filter(|id| (1..=REQUEST_ID_MAX_BYTES).contains(&id.len()));
        let own = span.context();
        let context = if own.span().span_context().is_valid() { own } else { parent };
        let (trace_id, traceparent) = describe(&context);
        Self {
            request_id: request_id.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned),
            trace_id,
            traceparent,
        }
    }

    /// Tells the next service of this call.
    pub fn pass_on(&self, headers: &mut HeaderMap) {
        set(headers, X_REQUEST_ID, &self.request_id);
        set(headers, TRACEPARENT, &self.traceparent);
    }

    /// Tells the caller.
    pub fn answer(&self, headers: &mut HeaderMap) {
        set(headers, X_REQUEST_ID, &self.request_id);
        set(headers, X_TRACE_ID, &self.trace_id);
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The trace id and the `traceparent` of a context, made up where there is none.
fn describe(context: &Context) -> (String, String) {
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
    fn a_callers_trace_and_request_id_are_passed_on() {
        let mut headers = HeaderMap::new();
        set(&mut headers, TRACEPARENT, GIVEN);
        set(&mut headers, X_REQUEST_ID, "r-1");
        let call = Call::begin(&headers, &Span::none());
        assert_eq!((call.request_id.as_str(), call.trace_id.as_str()), ("r-1", &GIVEN[3..35]));
        let mut next = HeaderMap::new();
        call.pass_on(&mut next);
        assert_eq!(next[TRACEPARENT], GIVEN);
        assert_eq!(next[X_REQUEST_ID], "r-1");
    }

    #[test]
    fn a_call_without_either_gets_new_ones() {
        let mut headers = HeaderMap::new();
        set(&mut headers, TRACEPARENT, "garbage");
        set(&mut headers, X_REQUEST_ID, &"x".repeat(129));
        let (one, two) = (Call::begin(&headers, &Span::none()), Call::begin(&headers, &Span::none()));
        assert_ne!(one.request_id, two.request_id);
        assert_ne!(one.trace_id, two.trace_id);
        assert_eq!(one.trace_id.len(), 32);
        assert!(one.request_id.len() < 129);
    }
}
