//! Turns: a stream of server-sent events if the client accepts them, otherwise one JSON object.

use super::{
    Api,
    event_stream::{self as stream, EventSource},
    render::render,
};
use crate::{
    backend::{ChatClient, Idempotency, Method, ServerStream},
    caller::CallerExtension,
    error::{CancelRefusals, ChatRefusals, Problem},
    extract::{JsonFields, UserId},
    header_list,
    json::{self, Accepted, Cancellation, Delta, Done, Reply, schemas},
    request_memory::RequestMemory,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header::ACCEPT},
    response::{IntoResponse, Response},
};
use nono_proto::chat::v1::{ChatResponse, chat_response::Event};
use runtime::Lifecycle;
use std::time::Duration;

/// Interval of the comments that keep a silent stream alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Timeout for the next event of the service: the stall timeout of a model, and time to store the reply.
const EVENT_TIMEOUT: Duration = Duration::from_secs(90);
/// Time for which the service waits for the reply of a cancelled turn.
const CANCEL_WAIT: Duration = Duration::from_secs(2);

/// Send a message and receive the assistant's reply.
///
/// With `Accept: text/event-stream` the response is a stream of the events `accepted`, `delta` (any number) and `done`, or
/// `error` instead of one of them, each with one JSON object as `data`. Otherwise it is one JSON object at the end of the
/// turn. Disconnecting does not cancel the turn. A retry with the same `request_id` returns the stored reply, follows the turn
/// if it is running, or generates the reply if it is missing, without storing the message twice.
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
    let turn = api.backend.chat_stream(&caller, request).await?;
    if wants_events(&headers) {
        return Ok(stream::respond(
            TurnEvents(turn),
            Some(HEARTBEAT),
            caller.0.context,
            api.lifecycle.clone(),
        ));
    }
    RequestMemory::release();
    let done = last(turn).await?;
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
async fn last(mut turn: ServerStream<ChatResponse>) -> Result<Done, Problem> {
    loop {
        if let Some(Event::Done(done)) = next(&mut turn).await? {
            return Ok(Done::from(done));
        }
    }
}

/// Returns the next event of a turn; `None` for an event of a later version.
async fn next(turn: &mut ServerStream<ChatResponse>) -> Result<Option<Event>, Problem> {
    match tokio::time::timeout(EVENT_TIMEOUT, turn.message()).await {
        Err(_) => Err(Problem::timeout()),
        Ok(Err(status)) => Err(status.into()),
        Ok(Ok(None)) => Err(Problem::stream_interrupted()),
        Ok(Ok(Some(response))) => Ok(response.event),
    }
}

/// Events of a turn.
struct TurnEvents(ServerStream<ChatResponse>);

impl EventSource for TurnEvents {
    async fn next(&mut self) -> Result<Option<stream::Event>, stream::End> {
        let event = next(&mut self.0).await?;
        Ok(event.map(|event| match event {
            Event::Accepted(accepted) => stream::Event::new("accepted", &Accepted::from(accepted)),
            Event::Delta(delta) => stream::Event::new("delta", &Delta::from(delta)),
            Event::Done(done) => stream::Event::new("done", &Done::from(done)).last(true),
        }))
    }

    async fn stopped(lifecycle: &Lifecycle) -> Problem {
        lifecycle.force_shutdown().await;
        Problem::stream_interrupted()
    }
}

/// Cancel the running turn of a session.
///
/// The text until then is stored as the reply, with the finish reason `cancelled`. Without any text, nothing is stored. If no
/// turn is running, or only one with another `request_id`, nothing happens and `cancelled` is `false`.
#[utoipa::path(
    post, path = "/api/session/{user_id}/chat/cancel", tag = "chat", request_body = json::CancelRequest,
    params(("user_id" = schemas::UserId, Path)),
    responses(
        (status = 200, description = "The result", body = Cancellation),
        CancelRefusals,
    )
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    caller: CallerExtension,
    UserId(user_id): UserId,
    fields: Option<JsonFields>,
) -> Result<Response, Problem> {
    let request = json::cancel(user_id, fields.unwrap_or_default())?;
    let idempotency = Idempotency::of_request_id(&request.request_id);
    let method = Method::new("Cancel", idempotency).waiting(CANCEL_WAIT);
    let send = |mut client: ChatClient, request| async move { client.cancel(request).await };
    let cancelled = api.backend.call(api.backend.chat(), &caller, method, request, send).await?;
    Ok(render::<_, Cancellation>(cancelled, &api.responses))
}
