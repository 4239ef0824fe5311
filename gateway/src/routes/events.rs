//! The events of a session as a stream of server-sent events.

use super::{
    Api,
    event_stream::{End, Event, EventSource, respond},
};
use crate::{
    backend::ServerStream,
    caller::CallerExtension,
    error::{Problem, SessionRefusals, is_shutdown},
    extract::{QueryParams, UserId},
    json::{WatchEvent, schemas},
};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode},
    response::Response,
};
use nono_proto::session::v1::{WatchRequest, WatchResponse};
use runtime::Lifecycle;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Header with the id of the last event that a browser has received.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Timeout for the next event of the service, which sends one at least every 15 s.
const EVENT_TIMEOUT: Duration = Duration::from_secs(20);
/// Delay after which a browser opens a broken stream again.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Maximum duration of a stream. The next one needs a valid credential, and may go to a new address of the service.
const STREAM_MAX_AGE: Duration = Duration::from_secs(15 * 60);
/// Time in which the last events of a service in the same process arrive once it stops.
const LAST_EVENTS_TIMEOUT: Duration = Duration::from_millis(100);

/// Watch a session: its messages, the running reply as it grows, its expiry and its end. Does not extend its expiry.
///
/// A stream of server-sent events, each with a JSON object as `data` and a cursor as `id`: `snapshot`, always first
/// (`Snapshot`), `message` (`Message`), `turn` (`TurnState`), `delta` (`ReplyDelta`), `session` (`Session`), `expiring`
/// (`Expiring`), `checkpoint` after 15 seconds without another event (`Checkpoint`), `ended`, always last (`Ended`); or
/// `error` without an `id` (`Problem`), after which a new stream continues from the last cursor.
#[utoipa::path(
    get, path = "/api/session/{user_id}/events", tag = "sessions",
    params(
        ("user_id" = schemas::UserId, Path),
        ("cursor" = Option<String>, Query, description = "The `id` of the last event of an earlier stream; without one the stream starts with the present state"),
        ("Last-Event-ID" = Option<String>, Header, description = "The same, as browsers send it. It takes precedence over `cursor`"),
    ),
    responses(
        (status = 200, description = "The events", content_type = "text/event-stream", body = String),
        SessionRefusals,
    )
)]
pub(super) async fn events(
    State(api): State<Api>,
    caller: CallerExtension,
    UserId(user_id): UserId,
    headers: HeaderMap,
    mut params: QueryParams,
) -> Result<Response, Problem> {
    let cursor = params.string("cursor").unwrap_or_default();
    let cursor = params.finish(cursor)?;
    let cursor = last_event_id(&headers)?.unwrap_or(cursor);
    let stream = api.backend.watch_stream(&caller, WatchRequest { user_id, cursor }).await?;
    Ok(respond(Watched { stream, is_first: true }, None, caller.0.context, api.lifecycle.clone()))
}

/// Returns the id of the last event, if the client sent one.
fn last_event_id(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(LAST_EVENT_ID).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return match headers.contains_key(LAST_EVENT_ID) {
            true => Err(Problem::invalid_field("cursor", "must be given once in Last-Event-ID")),
            false => Ok(None),
        };
    };
    let id = value.to_str().map_err(|_| {
        Problem::invalid_field("cursor", "is malformed in Last-Event-ID: pass the id of an event unchanged")
    })?;
    Ok(Some(id.to_owned()).filter(|id| !id.is_empty()))
}

/// Events of a watched session.
struct Watched {
    stream: ServerStream<WatchResponse>,
    is_first: bool,
}

impl EventSource for Watched {
    const LAST_READ_TIMEOUT: Duration = Duration::from_secs(2);
    /// The client misses nothing, so the stream is complete.
    const STOPPED_STATUS: Option<StatusCode> = Some(StatusCode::OK);

    async fn next(&mut self) -> Result<Option<Event>, End> {
        let response = match timeout(EVENT_TIMEOUT, self.stream.message()).await {
            Err(_) => return Err(Problem::watch_timeout().into()),
            Ok(Err(status)) if is_shutdown(&status) => return Err(End::Stopped(status.into())),
            Ok(Err(status)) => return Err(Problem::from(status).into()),
            Ok(Ok(None)) => return Err(Problem::watch_interrupted().into()),
            Ok(Ok(Some(response))) => response,
        };
        // An event of a later version.
        let Some(event) = response.event.map(WatchEvent::from) else { return Ok(None) };
        let is_last = matches!(event, WatchEvent::Ended(_));
        let mut rendered = Event::new(event.name(), &event).with_id(&response.cursor).last(is_last);
        if std::mem::take(&mut self.is_first) {
            rendered = rendered.with_retry_delay(RETRY_DELAY);
        }
        Ok(Some(rendered))
    }

    /// Waits until the process stops: clients continue at another gateway, so nothing is gained by waiting longer.
    async fn stopped(lifecycle: &Lifecycle) -> Problem {
        tokio::select! {
            () = lifecycle.stopping() => {
                sleep(LAST_EVENTS_TIMEOUT).await;
                Problem::watch_stopped("the gateway is shutting down")
            }
            () = sleep(runtime::jittered(STREAM_MAX_AGE)) => {
                Problem::watch_stopped("the stream has reached its maximum duration")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use tokio::time::Instant;

    fn of(values: &[&str]) -> Result<Option<String>, u16> {
        let value = |text: &&str| HeaderValue::from_bytes(text.as_bytes()).unwrap();
        let headers = values.iter().map(|text| (LAST_EVENT_ID, value(text))).collect();
        last_event_id(&headers).map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn an_empty_last_event_id_is_absent() {
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[""]), Ok(None));
        assert_eq!(of(&["a.1.0"]), Ok(Some("a.1.0".into())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_at_its_maximum_duration() {
        let start = Instant::now();
        let problem = Watched::stopped(&Lifecycle::default()).await;
        let minutes = start.elapsed().as_secs_f64() / 60.0;
        assert!((13.0..17.0).contains(&minutes), "{minutes}");
        let problem = serde_json::to_value(problem).unwrap();
        assert!((500..=1500).contains(&problem["retry_after_ms"].as_u64().unwrap()), "{problem}");
    }

    #[test]
    fn an_ambiguous_last_event_id_is_rejected() {
        assert_eq!(of(&["a.1.0", "a.2.0"]), Err(400));
        assert_eq!(of(&["\u{e9}"]), Err(400));
    }
}
