//! Middleware that gives every call its span, metrics, log line and deadline, even if the caller disconnects.

use super::{
    authentication::Authentication,
    memory::{ResponseMemory, charge_request, reserve_response, reserve_stream},
    metrics::{GrpcMetrics, Method},
    received::receive_body,
    status,
};
use crate::domain::limits::UNARY_CALL_TIMEOUT;
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt;
use http_body::Frame;
use runtime::{
    admission::{Admission, Admitted, Class},
    context::RequestContext,
    memory::{MemoryBudgets, Reservation},
};
use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use tonic::{Code, Status};
use tracing::{Instrument, Span, field, info_span};

/// Path of health checks, which are too frequent for the log and traces.
const HEALTH_PATH: &str = "/grpc.health.v1.Health/";

/// State of the middleware. It is shared, because axum copies it several times for every call.
#[derive(Clone)]
pub(super) struct CallLayerState {
    pub(super) authentication: Authentication,
    pub(super) metrics: GrpcMetrics,
    pub(super) admission: Admission,
    pub(super) memory: MemoryBudgets,
    pub(super) stopping: CancellationToken,
}

pub(super) async fn observe_call(
    State(state): State<Arc<CallLayerState>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let is_health = path.starts_with(HEALTH_PATH);
    let method = state.metrics.method(path);
    let span = if is_health { Span::none() } else { span_of(&method) };
    let context = RequestContext::begin(request.headers(), &span);
    let timeout = timeout_of(&method, request.headers());
    // Watchers send a last event before they end.
    let is_cut = method.ends_at_shutdown && !method.is_ours;
    let stopped = is_cut.then(|| Box::pin(state.stopping.clone().cancelled_owned()));
    let stream = reserve_stream(&request, &state.memory);
    let has_memory = stream.is_some();
    let stream = stream.unwrap_or_else(|| state.memory.requests.empty());
    let (request, request_memory) = charge_request(request, stream);
    let class = method.class;
    let record = CallRecord::begin(method, context.clone(), span.clone(), is_health);
    let call = async {
        if !has_memory {
            return (status::out_of_memory().into_http(), None);
        }
        let mut request = request;
        if !is_health && let Err(rejection) = state.authentication.check(&mut request) {
            return (rejection.into_http(), None);
        }
        let (request, timeout) = match receive(request, class, timeout).await {
            Ok(received) => received,
            Err(rejection) => return (Status::into_http(rejection), None),
        };
        let admission = match admit(&state, class, timeout).await {
            Ok(admission) => admission,
            Err(rejection) => return (Status::into_http(rejection), None),
        };
        // The log has the location of a panic, but not its message, which may quote the request.
        let call = AssertUnwindSafe(with_timeout(timeout, next.run(request))).catch_unwind();
        let response = call.await.unwrap_or_else(|_| status::internal("a panic").into_http());
        (response, Some(admission))
    };
    let (mut response, admission) = context.scope(call.instrument(span)).await;
    let mut status = Status::from_header_map(response.headers());
    if let Some(replacement) = status.as_ref().and_then(status::from_library) {
        response = replacement.clone().into_http();
        status = Some(replacement);
    }
    context.write_response_headers(response.headers_mut());
    let (mut admitted, reserved) = admission.unwrap_or_else(|| (None, state.memory.responses.empty()));
    // The latency of a failed call depends on the availability of the store, and not on the load.
    if let Some(admitted) = &mut admitted
        && status.as_ref().is_none_or(|status| status.code() != Code::Unavailable)
    {
        admitted.record_latency();
    }
    if let Some(status) = status {
        record.end(status.code());
        return response;
    }
    let in_progress = admitted.and_then(Admitted::hold_until_sent);
    let record = Some(record);
    let memory = ResponseMemory { reserved, request: Some(request_memory) };
    response.map(|body| Body::new(RecordedBody { body, stopped, context, record, in_progress, memory }))
}

/// Receives a request that has a limit of calls. Returns it with what is left of its timeout.
async fn receive(
    request: Request,
    class: Option<Class>,
    timeout: Option<Duration>,
) -> Result<(Request, Option<Duration>), Status> {
    if class.is_none() {
        return Ok((request, timeout));
    }
    let start = Instant::now();
    let request = receive_body(request, timeout).await?;
    Ok((request, timeout.map(|timeout| timeout.saturating_sub(start.elapsed()))))
}

/// Admits a call and reserves memory for its response. Returns the error of a call that is not begun.
async fn admit(
    state: &CallLayerState,
    class: Option<Class>,
    timeout: Option<Duration>,
) -> Result<(Option<Admitted>, Reservation), Status> {
    let admitted = match class {
        Some(class) => Some(state.admission.admit(class, timeout).await.ok_or_else(status::too_many_calls)?),
        None => None,
    };
    let reserved = reserve_response(class, &state.memory).ok_or_else(status::out_of_memory)?;
    Ok((admitted, reserved))
}

fn span_of(method: &Method) -> Span {
    info_span!(
        "grpc",
        otel.name = format!("{}/{}", method.service, method.name),
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = method.service,
        rpc.method = method.name,
        rpc.grpc.status_code = field::Empty,
        otel.status_code = field::Empty,
    )
}

/// Returns the timeout of a call: the caller's, and at most that of unary calls for those.
fn timeout_of(method: &Method, headers: &HeaderMap) -> Option<Duration> {
    let own = (!method.is_streaming).then_some(UNARY_CALL_TIMEOUT);
    // The response must arrive before the caller's library reports a timeout with another code.
    let margin =
        |timeout: Duration| (timeout / 10).clamp(Duration::from_millis(5), Duration::from_millis(100));
    let callers = grpc_timeout(headers).map(|timeout| timeout.saturating_sub(margin(timeout)));
    own.into_iter().chain(callers).min()
}

/// Parses the `grpc-timeout` header: up to eight digits and a unit.
fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let n: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(n * 3600),
        "M" => Duration::from_secs(n * 60),
        "S" => Duration::from_secs(n),
        "m" => Duration::from_millis(n),
        "u" => Duration::from_micros(n),
        "n" => Duration::from_nanos(n),
        _ => return None,
    })
}

async fn with_timeout(timeout: Option<Duration>, call: impl Future<Output = Response>) -> Response {
    match timeout {
        None => call.await,
        Some(timeout) => match tokio::time::timeout(timeout, call).await {
            Ok(response) => response,
            Err(_) => status::deadline_exceeded().into_http(),
        },
    }
}

/// Record of a call in progress. If it is dropped before the end, the caller cancelled the call.
struct CallRecord {
    method: Arc<Method>,
    context: RequestContext,
    span: Span,
    is_health: bool,
    start: Instant,
    is_over: bool,
}

impl CallRecord {
    fn begin(method: Arc<Method>, context: RequestContext, span: Span, is_health: bool) -> Self {
        method.begin();
        Self { method, context, span, is_health, start: Instant::now(), is_over: false }
    }

    fn end(mut self, code: Code) {
        self.write(code);
    }

    fn write(&mut self, code: Code) {
        self.is_over = true;
        let took = self.start.elapsed();
        let code_name = self.method.end(code, took);
        self.span.record("rpc.grpc.status_code", i32::from(code));
        if matches!(code, Code::Internal | Code::Unknown | Code::DataLoss | Code::Unavailable) {
            self.span.record("otel.status_code", "ERROR");
        }
        let (service, method) = (&self.method.service, &self.method.name);
        let duration_ms = took.as_secs_f64() * 1000.0;
        let (request_id, trace_id) = (self.context.request_id(), self.context.trace_id());
        if self.is_health {
            tracing::debug!(service, method, code = code_name, duration_ms, request_id, "call");
        } else {
            tracing::info!(service, method, code = code_name, duration_ms, request_id, trace_id, "call");
        }
    }
}

impl Drop for CallRecord {
    fn drop(&mut self) {
        if !self.is_over {
            self.write(Code::Cancelled);
        }
    }
}

/// Body that records the status in its trailers. Endless streams end when the process stops.
struct RecordedBody {
    body: Body,
    stopped: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    context: RequestContext,
    record: Option<CallRecord>,
    /// Counts the call as in progress.
    in_progress: Option<DropGuard>,
    /// Memory for the response.
    memory: ResponseMemory,
}

impl RecordedBody {
    /// Returns the code of a stream in metrics and logs. An endless one that ends with the process is complete.
    fn outcome(&self, trailers: &HeaderMap) -> Code {
        let ends_at_shutdown = self.record.as_ref().is_some_and(|record| record.method.ends_at_shutdown);
        match Status::from_header_map(trailers) {
            None => Code::Unknown,
            Some(status) if ends_at_shutdown && status::is_shutdown(&status) => Code::Ok,
            Some(status) => status.code(),
        }
    }

    /// Charges the data of a frame.
    fn charge(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_data() {
            Ok(data) => Frame::data(self.memory.charge(data)),
            Err(frame) => frame,
        }
    }
}

impl HttpBody for RecordedBody {
    type Data = <Body as HttpBody>::Data;
    type Error = <Body as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let is_stopped =
            self.stopped.as_mut().is_some_and(|stopped| stopped.as_mut().poll(context).is_ready());
        let mut frame = if is_stopped && self.record.is_some() {
            Some(Ok(Frame::trailers(status::shutdown_trailers())))
        } else {
            let request = self.context.clone();
            ready!(request.enter(|| Pin::new(&mut self.body).poll_frame(context)))
        };
        frame = frame.map(|frame| Ok(self.charge(frame?)));
        if let Some(trailers) = frame.as_mut().and_then(|frame| frame.as_mut().ok()?.trailers_mut()) {
            replace_library_status(trailers);
        }
        let code = match &frame {
            Some(Ok(frame)) => frame.trailers_ref().map(|trailers| self.outcome(trailers)),
            Some(Err(_)) => Some(Code::Unknown),
            None => Some(Code::Ok),
        };
        if let Some(code) = code
            && let Some(record) = self.record.take()
        {
            record.end(code);
            self.in_progress = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.record.is_none()
    }
}

/// Replaces a status that a library raised.
fn replace_library_status(trailers: &mut HeaderMap) {
    let status = Status::from_header_map(trailers).filter(|status| status.code() != Code::Ok);
    if let Some(status) = status.as_ref().and_then(status::from_library) {
        // Without a valid replacement the trailers stay as they are.
        let _ = status.add_header(trailers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_timeouts_are_parsed_in_every_unit() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            grpc_timeout(&headers)
        };
        assert_eq!(read("2S"), Some(Duration::from_secs(2)));
        assert_eq!(read("150m"), Some(Duration::from_millis(150)));
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for wrong in ["S", "1", "1x", "-1S", "123456789S", "1.5S"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
