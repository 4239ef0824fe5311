//! Turns: a stream of server-sent events if the client accepts them, otherwise one JSON object.

use super::Api;
use crate::{
    backend::TurnStream,
    caller::CallerExtension,
    error::{ChatRefusals, Problem},
    extract::{JsonFields, UserId},
    header_list,
    json::{self, Accepted, Delta, Done, Reply, schemas},
    observe::StreamOutcome,
    request_memory::RequestMemory,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::ACCEPT},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event as SseEvent, KeepAlive},
    },
};
use nono_proto::chat::v1::chat_response::Event;
use runtime::{Lifecycle, context::RequestContext};
use std::{convert::Infallible, time::Duration};
use tokio_stream::{Stream, wrappers::ReceiverStream};

/// Interval of the comments that keep a silent stream alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Timeout for the next event of the service: the stall timeout of a model, and time to store the reply.
const EVENT_TIMEOUT: Duration = Duration::from_secs(90);
/// Timeout for a client that does not read.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// The same once the process is about to end.
const SHUTDOWN_READ_TIMEOUT: Duration = Duration::from_millis(250);

/// Send a message and receive the assistant's reply.
///
/// With `Accept: text/event-stream` the response is a stream of the events `accepted`, `delta` (any number) and `done`, or
/// `error` instead of one of them, each with one JSON object as `data`. Otherwise it is one JSON object at the end of the
/// turn. Disconnecting does not cancel the turn. A retry with the same `request_id` returns the stored reply, or generates
/// it if it is missing, without storing the message twice.
#[utoipa::path(
    post, path = "/api/session/{user_id}/chat", tag = "chat", request_body = json::ChatRequest,
    params(("user_id" = schemas::UserId, Path)),
    responses(
        (status = 200, description = "The reply", content(
            (Reply = "application/json"),
            (String = "text/event-stream"),
        )),
        ChatRefusals,
    )
)]
pub(super) async fn chat(
    State(api): State<Api>,
    caller: CallerExtension,
    UserId(user_id): UserId,
    headers: HeaderMap,
    fields: JsonFields,
) -> Result<Response, Problem> {
    let request = json::chat(user_id, fields)?;
    let stream = api.backend.chat_stream(&caller, request).await?;
    if wants_events(&headers) {
        return Ok(events(stream, caller.0.context, api.lifecycle));
    }
    RequestMemory::release();
    let done = last(stream).await?;
    Ok(Json(Reply::from(done)).into_response())
}

/// Returns `true` if the client names server-sent events and does not prefer JSON.
fn wants_events(headers: &HeaderMap) -> bool {
    let accepted: Vec<_> = header_list::items(headers, ACCEPT).collect();
    let events = header_list::quality(&accepted, &["text/event-stream"]).unwrap_or_default();
    let json = header_list::quality(&accepted, &["application/json"]).unwrap_or_default();
    events > 0 && events >= json
}

/// Waits for the end of a turn.
async fn last(mut stream: TurnStream) -> Result<Done, Problem> {
    loop {
        if let Some(Event::Done(done)) = next(&mut stream).await? {
            return Ok(Done::from(done));
        }
    }
}

/// Returns the next event of a turn; `None` for an event of a later version.
async fn next(stream: &mut TurnStream) -> Result<Option<Event>, Problem> {
    match tokio::time::timeout(EVENT_TIMEOUT, stream.message()).await {
        Err(_) => Err(Problem::timeout()),
        Ok(Err(status)) => Err(status.into()),
        Ok(Ok(None)) => Err(Problem::stream_interrupted()),
        Ok(Ok(Some(response))) => Ok(response.event),
    }
}

fn events(stream: TurnStream, context: RequestContext, lifecycle: Lifecycle) -> Response {
    let outcome = StreamOutcome::default();
    let relaying = relay(stream, context, lifecycle, outcome.clone());
    let events = Sse::new(relaying).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    let mut response = events.into_response();
    // Buffering proxies would delay the deltas.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(unbuffered, HeaderValue::from_static("no"));
    response.extensions_mut().insert(outcome);
    response
}

/// Relays the events of the service until the last one, a disconnect of the client or the end of the process.
fn relay(
    mut stream: TurnStream,
    context: RequestContext,
    lifecycle: Lifecycle,
    outcome: StreamOutcome,
) -> impl Stream<Item = Result<SseEvent, Infallible>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let ids = context.clone();
    let relaying = async move {
        loop {
            let event = tokio::select! {
                event = next(&mut stream) => event,
                () = lifecycle.force_shutdown() => Err(Problem::stream_interrupted()),
                () = sender.closed() => return,
            };
            let end = match &event {
                Ok(Some(Event::Accepted(_) | Event::Delta(_)) | None) => None,
                Ok(Some(Event::Done(_))) => Some(StatusCode::OK),
                Err(problem) => Some(problem.status()),
            };
            let Some(event) = render(event, &context) else { continue };
            // The last event, which tells why the stream ends, gets some time even then.
            let overdue = async {
                lifecycle.force_shutdown().await;
                tokio::time::sleep(SHUTDOWN_READ_TIMEOUT).await;
            };
            let is_sent = tokio::select! {
                sent = sender.send_timeout(Ok(event), READ_TIMEOUT) => sent.is_ok(),
                () = overdue => false,
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

fn render(event: Result<Option<Event>, Problem>, context: &RequestContext) -> Option<SseEvent> {
    let (name, data) = match event {
        Ok(None) => return None,
        Ok(Some(Event::Accepted(accepted))) => ("accepted", serde_json::to_string(&Accepted::from(accepted))),
        Ok(Some(Event::Delta(delta))) => ("delta", serde_json::to_string(&Delta::from(delta))),
        Ok(Some(Event::Done(done))) => ("done", serde_json::to_string(&Done::from(done))),
        Err(problem) => ("error", serde_json::to_string(&problem.with_context(context))),
    };
    Some(SseEvent::default().event(name).data(data.expect("strings and numbers become JSON")))
}
