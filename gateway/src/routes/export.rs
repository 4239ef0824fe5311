//! Export of a conversation as a file, streamed page by page.

use super::{
    Api,
    render::{charged, reserve_page},
};
use crate::{
    backend::{Backend, Method, SessionClient},
    caller::{Caller, CallerExtension},
    error::{Problem, SessionRefusals},
    extract::{QueryParams, UserId},
    json::{Conversation, Message, Session, schemas},
};
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use nono_proto::{limits::PAGE_MAX_ITEMS, session::v1 as pb};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use runtime::{
    Lifecycle, jittered,
    memory::{MemoryBudget, Reservation},
};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    sync::mpsc::{Receiver, Sender},
    time::{sleep, timeout},
};
use tokio_stream::Stream;

/// Timeout for a client that does not read.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Interval of attempts to reserve memory for the next page.
const MEMORY_RETRY_INTERVAL: Duration = Duration::from_millis(100);
/// Characters of a file name that need no encoding (RFC 8187).
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Format of an export.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Markdown,
}

/// Export a conversation as a file. Messages that arrive during the export are not included.
#[utoipa::path(
    get, path = "/api/session/{user_id}/export", tag = "sessions",
    params(
        ("user_id" = schemas::UserId, Path),
        ("format" = Option<schemas::ExportFormat>, Query, description = "`markdown` (the default), for people, or `json`"),
    ),
    responses(
        (status = 200, description = "The file. A connection that breaks off means that it is not whole.", content(
            (String = "text/markdown"),
            (Conversation = "application/json"),
        )),
        SessionRefusals,
    )
)]
pub(super) async fn export(
    State(api): State<Api>,
    caller: CallerExtension,
    UserId(user_id): UserId,
    mut params: QueryParams,
) -> Result<Response, Problem> {
    let format = params.one_of("format", &[("markdown", Format::Markdown), ("json", Format::Json)]);
    let format = params.finish(format)?.unwrap_or(Format::Markdown);
    let pages =
        Pages { backend: api.backend.clone(), caller: caller.0, user_id, memory: api.responses.clone() };
    let session = pages.session().await?;
    // Errors are reported before the response starts.
    let memory = reserve_page(&pages.memory)?;
    let first = (pages.after(0).await?, memory);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (
            header::CONTENT_DISPOSITION,
            disposition(&format!("{}.{}", session.session_id(), format.extension())),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let (sender, parts) = tokio::sync::mpsc::channel(1);
    tokio::spawn(write(pages, format, session, first, sender, api.lifecycle.clone()));
    Ok((headers, Body::from_stream(File { parts, is_over: false })).into_response())
}

/// Part of an export.
enum Part {
    Text(Bytes),
    /// End of a complete export.
    End,
}

/// Body of an export. It fails unless it receives [`Part::End`], so that a truncated file is not taken for a complete one.
struct File {
    parts: Receiver<Part>,
    is_over: bool,
}

impl Stream for File {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let part = ready!(self.parts.poll_recv(cx));
        self.is_over = !matches!(part, Some(Part::Text(_)));
        Poll::Ready(match part {
            Some(Part::Text(text)) => Some(Ok(text)),
            Some(Part::End) => None,
            None => Some(Err(io::Error::other("the export is incomplete"))),
        })
    }
}

/// Reader of a session's history, page by page.
struct Pages {
    backend: Backend,
    caller: Caller,
    user_id: String,
    /// Budget for the parts of the file.
    memory: MemoryBudget,
}

/// A page, and the memory that is reserved for it.
type Page = (pb::HistoryResponse, Reservation);

impl Pages {
    async fn session(&self) -> Result<Session, Problem> {
        let send = |mut client: SessionClient, request| async move { client.get(request).await };
        let request = pb::GetRequest { user_id: self.user_id.clone() };
        let answer = self
            .backend
            .call(self.backend.sessions(), &self.caller, Method::idempotent("Get"), request, send)
            .await?;
        Ok(Session::from(answer.session.unwrap_or_default()))
    }

    async fn after(&self, seq: u32) -> Result<pb::HistoryResponse, Problem> {
        let send = |mut client: SessionClient, request| async move { client.history(request).await };
        let request = pb::HistoryRequest {
            user_id: self.user_id.clone(),
            limit: i32::try_from(PAGE_MAX_ITEMS).unwrap_or(i32::MAX),
            after_seq: Some(seq),
            before_seq: None,
        };
        self.backend
            .call(self.backend.sessions(), &self.caller, Method::idempotent("History"), request, send)
            .await
    }

    /// Returns the next page once there is memory for it; `None` if it cannot be read.
    async fn next(&self, seq: u32) -> Option<Page> {
        let waiting = async {
            loop {
                match reserve_page(&self.memory) {
                    Ok(memory) => return memory,
                    Err(_) => sleep(jittered(MEMORY_RETRY_INTERVAL)).await,
                }
            }
        };
        let memory = timeout(READ_TIMEOUT, waiting).await.ok()?;
        Some((self.after(seq).await.ok()?, memory))
    }
}

/// Writes the export until it is complete, the client disconnects or a call fails.
async fn write(
    pages: Pages,
    format: Format,
    session: Session,
    first: Page,
    sender: Sender<Part>,
    lifecycle: Lifecycle,
) {
    tokio::select! {
        _ = write_all(&pages, format, &session, first, &sender) => {}
        () = lifecycle.force_shutdown() => {}
    }
}

/// Returns `None` if the export is incomplete.
async fn write_all(
    pages: &Pages,
    format: Format,
    session: &Session,
    first: Page,
    sender: &Sender<Part>,
) -> Option<()> {
    let last = session.message_count();
    send(sender, Part::Text(format.begin(session).into())).await?;
    let (mut next, mut seq) = (Some(first), 0);
    while seq < last {
        let (before, mut text) = (seq, String::new());
        let (page, memory) = match next.take() {
            Some(first) => first,
            None => pages.next(seq).await?,
        };
        for message in page.messages.into_iter().filter(|message| message.seq <= last) {
            seq = message.seq;
            format.message(&mut text, &Message::from(message), seq == 1);
        }
        if seq == before {
            return None;
        }
        send(sender, Part::Text(charged(text.into_bytes(), memory))).await?;
    }
    // Pages of a later session with the same name would otherwise follow those of this one.
    if !pages.session().await.ok()?.is_same_as(session) {
        return None;
    }
    send(sender, Part::Text(format.end().into())).await?;
    send(sender, Part::End).await
}

async fn send(sender: &Sender<Part>, part: Part) -> Option<()> {
    sender.send_timeout(part, READ_TIMEOUT).await.ok()
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Markdown => "text/markdown; charset=utf-8",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Markdown => "md",
        }
    }

    fn begin(self, session: &Session) -> String {
        match self {
            Self::Json => format!(r#"{{"session":{},"messages":["#, json(session)),
            Self::Markdown => session.markdown(),
        }
    }

    fn message(self, text: &mut String, message: &Message, is_first: bool) {
        match self {
            Self::Json => {
                text.push_str(if is_first { "\n" } else { ",\n" });
                text.push_str(&json(message));
            }
            Self::Markdown => text.push_str(&message.markdown()),
        }
    }

    fn end(self) -> &'static str {
        match self {
            Self::Json => "\n]}\n",
            Self::Markdown => "",
        }
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers become JSON")
}

/// Returns the header with the file name, in ASCII for old clients and in UTF-8 for others.
fn disposition(name: &str) -> HeaderValue {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_. ".contains(c) { c } else { '_' }).collect();
    let encoded = utf8_percent_encode(name, NAME);
    let value = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
    HeaderValue::from_str(&value).expect("what is not printable ASCII was replaced or encoded")
}
