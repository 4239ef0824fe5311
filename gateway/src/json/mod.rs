//! JSON of the REST API. The OpenAPI document is generated from these types.

mod chat;
mod events;
mod export;
mod requests;
pub(crate) mod schemas;

pub(crate) use chat::{Accepted, CancelRequest, Cancellation, ChatRequest, Delta, Done, Reply, cancel, chat};
pub(crate) use events::{Checkpoint, Ended, Expiring, ReplyDelta, Snapshot, TurnState, WatchEvent};
pub(crate) use export::Conversation;
pub(crate) use requests::{AppendRequest, CreateRequest, append, create};

use nono_proto::{EncodedStruct, limits::TIME_MAX_MILLISECONDS, metadata, session::v1 as pb};
use serde::{Serialize, Serializer};
use std::time::{Duration, SystemTime};
use utoipa::ToSchema;

/// Author of a message.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// The user.
    User,
    /// The assistant.
    Assistant,
    /// Neither of them: instructions and notes.
    System,
}

/// Response of Create.
#[derive(Serialize, ToSchema)]
pub(crate) struct Created {
    /// Label that callers may store; no operation looks a session up by it.
    #[schema(example = "session_John Doe_1697856000")]
    session_id: String,
    /// Name of the session.
    #[schema(example = "John Doe")]
    user_id: String,
    /// Time of creation.
    #[schema(format = DateTime, example = "2024-10-20T12:00:00.000Z")]
    created_at: String,
    /// Key of the persona.
    #[schema(example = "mental_health_nurse")]
    persona: String,
    /// Time at which the session expires unless it is used before.
    #[schema(format = DateTime)]
    expires_at: String,
    /// `true` if this request, or an earlier one with its `request_id`, created the session.
    created: bool,
}

impl From<pb::CreateResponse> for Created {
    fn from(answer: pb::CreateResponse) -> Self {
        let session = Session::from(answer.session.unwrap_or_default());
        Self {
            session_id: session.session_id,
            user_id: session.user_id,
            created_at: session.created_at,
            persona: session.persona,
            expires_at: session.expires_at,
            created: answer.created,
        }
    }
}

/// A live session.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    /// Label that callers may store; no operation looks a session up by it.
    #[schema(example = "session_John Doe_1697856000")]
    session_id: String,
    /// Name of the session.
    #[schema(example = "John Doe")]
    user_id: String,
    /// Key of the persona.
    #[schema(example = "mental_health_nurse")]
    persona: String,
    /// Time of creation.
    #[schema(format = DateTime)]
    created_at: String,
    /// Time of the last activity.
    #[schema(format = DateTime)]
    last_activity: String,
    /// Number of messages.
    message_count: u32,
    /// Metadata passed by the caller.
    #[schema(value_type = schemas::Metadata)]
    #[serde(serialize_with = "as_json")]
    metadata: Option<EncodedStruct>,
    /// Time at which the session expires unless it is used before.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Beginning of the newest message on one line: at most 120 characters. Absent without messages.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false, max_length = 120, example = "hello")]
    preview: String,
}

impl From<pb::Session> for Session {
    fn from(session: pb::Session) -> Self {
        Self {
            session_id: session.session_id,
            user_id: session.user_id,
            persona: session.persona,
            created_at: rfc3339(session.created_at),
            last_activity: rfc3339(session.last_activity),
            message_count: session.message_count,
            metadata: session.metadata,
            expires_at: rfc3339(session.expires_at),
            preview: session.preview,
        }
    }
}

/// Page of the live sessions.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sessions {
    /// The sessions, latest activity first.
    sessions: Vec<Session>,
    /// Number of live sessions on all pages.
    count: u32,
    /// Token of the next page; absent on the last page.
    #[serde(skip_serializing_if = "String::is_empty")]
    next_page_token: String,
}

impl From<pb::ListResponse> for Sessions {
    fn from(answer: pb::ListResponse) -> Self {
        Self {
            sessions: answer.sessions.into_iter().map(Session::from).collect(),
            count: answer.total_count,
            next_page_token: answer.next_page_token,
        }
    }
}

/// Reason why a reply ended.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FinishReason {
    /// The model completed the reply.
    Stop,
    /// The reply was cut at a limit.
    Length,
    /// The model's provider withheld the rest.
    ContentFilter,
    /// The turn was cancelled.
    Cancelled,
    /// The model sent no reason, or one that is not known.
    Unknown,
}

/// A stored message.
#[derive(Serialize, ToSchema)]
pub(crate) struct Message {
    /// Position in the session, dense from 1.
    seq: u32,
    /// Author of the message.
    role: Role,
    /// Text of the message.
    content: String,
    /// Time of the append.
    #[schema(format = DateTime)]
    timestamp: String,
    /// Metadata passed by the caller.
    #[schema(value_type = schemas::Metadata)]
    #[serde(serialize_with = "as_json")]
    metadata: Option<EncodedStruct>,
    /// Reason why the reply of a turn ended; absent in other messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<FinishReason>,
}

impl From<pb::Message> for Message {
    fn from(message: pb::Message) -> Self {
        Self {
            finish_reason: match message.finish_reason() {
                pb::FinishReason::Unspecified => None,
                pb::FinishReason::Stop => Some(FinishReason::Stop),
                pb::FinishReason::Length => Some(FinishReason::Length),
                pb::FinishReason::ContentFilter => Some(FinishReason::ContentFilter),
                pb::FinishReason::Cancelled => Some(FinishReason::Cancelled),
            },
            seq: message.seq,
            role: match message.role() {
                pb::Role::Assistant => Role::Assistant,
                pb::Role::System => Role::System,
                pb::Role::User | pb::Role::Unspecified => Role::User,
            },
            content: message.content,
            timestamp: rfc3339(message.timestamp),
            metadata: message.metadata,
        }
    }
}

/// Page of a session's messages.
#[derive(Serialize, ToSchema)]
pub(crate) struct History {
    /// Name of the session.
    user_id: String,
    /// Number of messages in the session, on all pages.
    message_count: u32,
    /// The messages of this page, oldest first.
    messages: Vec<Message>,
    /// `true` if there are more messages in the direction of paging.
    has_more: bool,
}

impl From<pb::HistoryResponse> for History {
    fn from(answer: pb::HistoryResponse) -> Self {
        Self {
            user_id: answer.user_id,
            message_count: answer.message_count,
            messages: answer.messages.into_iter().map(Message::from).collect(),
            has_more: answer.has_more,
        }
    }
}

/// Response of Append.
#[derive(Serialize, ToSchema)]
pub(crate) struct Appended {
    /// The messages as stored.
    messages: Vec<Message>,
    /// The session after the append.
    session: Session,
    /// `true` if an earlier request with this `request_id` had stored the messages.
    replayed: bool,
}

impl From<pb::AppendResponse> for Appended {
    fn from(answer: pb::AppendResponse) -> Self {
        Self {
            messages: answer.messages.into_iter().map(Message::from).collect(),
            session: Session::from(answer.session.unwrap_or_default()),
            replayed: answer.replayed,
        }
    }
}

/// Writes metadata as JSON. It is decoded here, one after the other, because it takes much more memory then.
fn as_json<S: Serializer>(metadata: &Option<EncodedStruct>, serializer: S) -> Result<S::Ok, S::Error> {
    let decoded = metadata.as_ref().and_then(|metadata| {
        let decoded = metadata.decode_struct();
        // The service stores no such metadata.
        decoded.map_err(|len| tracing::error!(len, "metadata is beyond the limit and was left out")).ok()
    });
    metadata::to_json(decoded).serialize(serializer)
}

/// Formats a timestamp as RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(timestamp: Option<prost_types::Timestamp>) -> String {
    let timestamp = timestamp.unwrap_or_default();
    // The service sends no time before 1970.
    let seconds = u64::try_from(timestamp.seconds).unwrap_or_default().min(TIME_MAX_MILLISECONDS / 1000);
    let nanos = u32::try_from(timestamp.nanos).unwrap_or_default().min(999_999_999);
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc_with_milliseconds() {
        let at = |seconds, nanos| rfc3339(Some(prost_types::Timestamp { seconds, nanos }));
        assert_eq!(at(1_729_425_600, 7_000_000), "2024-10-20T12:00:00.007Z");
        assert_eq!(at(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(253_402_300_799, 999_999_999), "9999-12-31T23:59:59.999Z");
        assert_eq!(at(i64::MAX, i32::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(at(i64::MIN, i32::MIN), "1970-01-01T00:00:00.000Z");
    }
}
