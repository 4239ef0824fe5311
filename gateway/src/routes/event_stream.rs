//! Server-sent events of a stream that the service sends.

use crate::{error::Problem, observe::StreamOutcome};
use axum::{
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response, Sse, sse},
};
use runtime::{Lifecycle, context::RequestContext};
use serde::Serialize;
use std::{convert::Infallible, pin::pin, time::Duration};
use tokio::time::sleep;
use tokio_stream::{Stream, wrappers::ReceiverStream};

/// Timeout for a client that does not read.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// The same once the process is about to end.
const SHUTDOWN_READ_TIMEOUT: Duration = Duration::from_millis(250);

/// Source of the events of a response.
pub(super) trait EventSource: Send + 'static {
    /// Timeout for a client that does not read, once the stream has to end.
    const LAST_READ_TIMEOUT: Duration = SHUTDOWN_READ_TIMEOUT;
    /// Status in logs and metrics of a stream that had to end; `None` for that of its error.
    const STOPPED_STATUS: Option<StatusCode> = None;

    /// Waits for the next event. `None` for one that the client does not receive.
    fn next(&mut self) -> impl Future<Output = Result<Option<Event>, End>> + Send;

    /// Waits until the stream has to end, such as because the process does. Returns its last event.
    fn stopped(lifecycle: &Lifecycle) -> impl Future<Output = Problem> + Send;
}

/// Reason why a source has no more events.
pub(super) enum End {
    Failed(Problem),
    /// The stream had to end although nothing failed.
    Stopped(Problem),
}

impl From<Problem> for End {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

/// An event of a response.
pub(super) struct Event {
    event: sse::Event,
    is_last: bool,
}

impl Event {
    /// Creates an event with an object as JSON.
    pub(super) fn new(name: &str, data: &impl Serialize) -> Self {
        let data = serde_json::to_string(data).expect("strings and numbers become JSON");
        Self { event: sse::Event::default().event(name).data(data), is_last: false }
    }

    /// Marks the event as the last one of a complete stream.
    pub(super) fn last(self, is_last: bool) -> Self {
        Self { is_last, ..self }
    }

    /// Sets the id from which the stream can be resumed after the event.
    pub(super) fn with_id(self, id: &str) -> Self {
        Self { event: self.event.id(id), ..self }
    }

    /// Sets the delay before a client of the browser connects again.
    pub(super) fn with_retry_delay(self, delay: Duration) -> Self {
        Self { event: self.event.retry(delay), ..self }
    }
}

/// Creates a response with the events of a source. With a heartbeat, comments keep a silent stream alive.
pub(super) fn respond(
    source: impl EventSource,
    heartbeat: Option<Duration>,
    context: RequestContext,
    lifecycle: Lifecycle,
) -> Response {
    let outcome = StreamOutcome::default();
    let events = Sse::new(relay(source, context, lifecycle, outcome.clone()));
    let mut response = match heartbeat {
        Some(interval) => events.keep_alive(sse::KeepAlive::new().interval(interval)).into_response(),
        None => events.into_response(),
    };
    // Buffering proxies would delay the events.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(unbuffered, HeaderValue::from_static("no"));
    response.extensions_mut().insert(outcome);
    response
}

/// Relays events until the last one, a disconnect of the client or the end of the process.
fn relay<S: EventSource>(
    mut source: S,
    context: RequestContext,
    lifecycle: Lifecycle,
    outcome: StreamOutcome,
) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let ids = context.clone();
    let relaying = async move {
        let mut stopped = pin!(S::stopped(&lifecycle));
        loop {
            let (event, end) = tokio::select! {
                event = source.next() => match event {
                    Ok(None) => continue,
                    Ok(Some(Event { event, is_last })) => (event, is_last.then_some(StatusCode::OK)),
                    // A service in the same process stops at the same time.
                    Err(End::Failed(problem)) if lifecycle.stopping_token().is_cancelled() => {
                        stop::<S>(problem, &context)
                    }
                    Err(End::Failed(problem)) => failure(problem, &context),
                    Err(End::Stopped(problem)) => stop::<S>(problem, &context),
                },
                problem = stopped.as_mut() => stop::<S>(problem, &context),
                () = sender.closed() => return,
            };
            let is_sent = tokio::select! {
                sent = sender.send_timeout(Ok(event), READ_TIMEOUT) => sent.is_ok(),
                () = overdue::<S>(&lifecycle) => false,
            };
            if is_sent && let Some(status) = end {
                outcome.set(status);
            }
            if !is_sent || end.is_some() {
                return;
            }
        }
    };
    tokio::spawn(ids.scope(relaying));
    ReceiverStream::new(receiver)
}

/// Resolves when the last event, which tells why the stream ends, has had its time.
async fn overdue<S: EventSource>(lifecycle: &Lifecycle) {
    let ending = async {
        S::stopped(lifecycle).await;
        sleep(S::LAST_READ_TIMEOUT).await;
    };
    let shutdown = async {
        lifecycle.force_shutdown().await;
        sleep(SHUTDOWN_READ_TIMEOUT).await;
    };
    tokio::select! {
        () = ending => {}
        () = shutdown => {}
    }
}

/// Returns the event of an error with which a stream has to end, and its status.
fn stop<S: EventSource>(problem: Problem, context: &RequestContext) -> (sse::Event, Option<StatusCode>) {
    let (event, status) = failure(problem, context);
    (event, S::STOPPED_STATUS.or(status))
}

/// Returns the event of an error, and the status of a stream that ends with it.
fn failure(problem: Problem, context: &RequestContext) -> (sse::Event, Option<StatusCode>) {
    let status = problem.status();
    (Event::new("error", &problem.with_context(context)).event, Some(status))
}
