//! Turns: as server-sent events for those who ask for them, as one answer for the others.

use super::Api;
use crate::{
    backend::Repeat,
    error::{ChatRefusals, Problem},
    extract::{JsonFields, UserId},
    header_list,
    json::{self, Accepted, Delta, Done, Reply, Session, schemas},
    observe::CallExtension,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header::ACCEPT},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event as SseEvent, KeepAlive},
    },
};
use nono_proto::{
    chat::v1::{ChatResponse, chat_response::Event},
    session::v1 as pb,
};
use process::{Lifecycle, call::Call};
use std::{convert::Infallible, time::Duration};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::Streaming;

/// How often a comment shows that a silent stream is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The longest silence of the service: a model's, and some time to store what it said.
const SILENCE_MAX: Duration = Duration::from_secs(90);

/// Say something and get the assistant's reply.
///
/// With `Accept: text/event-stream` the answer is a stream of the events `accepted`, `delta` (any number), `done`, or
/// `error` in their place, each with one JSON object as `data`. Otherwise it is one JSON object when the turn is over.
/// Going away does not end the turn. The same `request_id` again answers the stored reply, or has it written if it is
/// missing, without storing the message twice.
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
    call: CallExtension,
    UserId(user_id): UserId,
    headers: HeaderMap,
    fields: JsonFields,
) -> Result<Response, Problem> {
    let request = json::chat(user_id.clone(), fields)?;
    let stream = api.backend.chat_stream(&call, request).await?;
    if wants_events(&headers) {
        return Ok(events(stream, call.0, api.lifecycle));
    }
    let send = |mut client: super::sessions::Client, request| async move { client.get(request).await };
    let session = pb::GetRequest { user_id };
    let session = api.backend.call(api.backend.sessions(), &call, Repeat::Safe, session, send).await?;
    let session = Session::from(session.session.unwrap_or_default());
    let done = last(stream).await?;
    Ok(Json(Reply::new(session, done)).into_response())
}

/// Returns `true` if the client names server-sent events and does not prefer JSON.
fn wants_events(headers: &HeaderMap) -> bool {
    let accepted: Vec<_> = header_list::items(headers, ACCEPT).collect();
    let events = header_list::quality(&accepted, &["text/event-stream"]).unwrap_or_default();
    let json = header_list::quality(&accepted, &["application/json"]).unwrap_or_default();
    events > 0 && events >= json
}

/// Waits for the end of a turn.
async fn last(mut stream: Streaming<ChatResponse>) -> Result<Done, Problem> {
    loop {
        if let Some(Event::Done(done)) = next(&mut stream).await? {
            return Ok(Done::from(done));
        }
    }
}

/// The next event of a turn; none for one that is not known here.
async fn next(stream: &mut Streaming<ChatResponse>) -> Result<Option<Event>, Problem> {
    match tokio::time::timeout(SILENCE_MAX, stream.message()).await {
        Err(_) => Err(Problem::timeout()),
        Ok(Err(status)) => Err(status.into()),
        Ok(Ok(None)) => Err(Problem::cut()),
        Ok(Ok(Some(response))) => Ok(response.event),
    }
}

fn events(stream: Streaming<ChatResponse>, call: Call, lifecycle: Lifecycle) -> Response {
    let events = Sse::new(relay(stream, call, lifecycle)).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    let mut response = events.into_response();
    // Proxies that buffer would hold the pieces back.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(unbuffered, HeaderValue::from_static("no"));
    response
}

/// Turns the service's events into ours. It ends with the last one, with the client, or with the process.
fn relay(
    mut stream: Streaming<ChatResponse>,
    call: Call,
    lifecycle: Lifecycle,
) -> impl Stream<Item = Result<SseEvent, Infallible>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                event = next(&mut stream) => event,
                () = lifecycle.hurrying() => Err(Problem::cut()),
                () = sender.closed() => return,
            };
            let is_last = !matches!(event, Ok(Some(Event::Accepted(_) | Event::Delta(_)) | None));
            let Some(event) = render(event, &call) else { continue };
            if sender.send(Ok(event)).await.is_err() || is_last {
                return;
            }
        }
    });
    ReceiverStream::new(receiver)
}

fn render(event: Result<Option<Event>, Problem>, call: &Call) -> Option<SseEvent> {
    let (name, data) = match event {
        Ok(None) => return None,
        Ok(Some(Event::Accepted(accepted))) => ("accepted", serde_json::to_string(&Accepted::from(accepted))),
        Ok(Some(Event::Delta(delta))) => ("delta", serde_json::to_string(&Delta::from(delta))),
        Ok(Some(Event::Done(done))) => ("done", serde_json::to_string(&Done::from(done))),
        Err(problem) => ("error", serde_json::to_string(&problem.of(call))),
    };
    Some(SseEvent::default().event(name).data(data.expect("strings and numbers become JSON")))
}
