//! The JSON of the REST API, exactly as documented. The OpenAPI document comes from these types.

mod chat;
mod export;
mod requests;
pub(crate) mod schemas;

pub(crate) use chat::{Accepted, ChatRequest, Delta, Done, Reply, chat};
pub(crate) use export::Conversation;
pub(crate) use requests::{AppendRequest, CreateRequest, append, create};

use nono_proto::{metadata, session::v1 as pb};
use serde::Serialize;
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use utoipa::ToSchema;

const MILLISECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Who speaks.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// The person.
    User,
    /// The bot.
    Assistant,
    /// Neither: instructions and notes.
    System,
}

/// The answer to a create.
#[derive(Serialize, ToSchema)]
pub(crate) struct Created {
    /// A label that callers may store.
    #[schema(example = "session_John Doe_1697856000")]
    session_id: String,
    /// The handle.
    #[schema(example = "John Doe")]
    user_id: String,
    /// When the session was made.
    #[schema(format = DateTime, example = "2024-10-20T12:00:00.000Z")]
    created_at: String,
    /// The key of the persona.
    #[schema(example = "mental_health_nurse")]
    persona: String,
    /// The session's last moment unless it is used before.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Whether this request made it.
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
    /// A label that callers may store.
    #[schema(example = "session_John Doe_1697856000")]
    session_id: String,
    /// The handle.
    #[schema(example = "John Doe")]
    user_id: String,
    /// The key of the persona.
    #[schema(example = "mental_health_nurse")]
    persona: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last used.
    #[schema(format = DateTime)]
    last_activity: String,
    /// How many messages it holds.
    message_count: u32,
    /// What the caller attached.
    #[schema(value_type = schemas::Metadata)]
    metadata: Map<String, Value>,
    /// Its last moment unless it is used before.
    #[schema(format = DateTime)]
    expires_at: String,
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
            metadata: metadata::to_json(session.metadata),
            expires_at: rfc3339(session.expires_at),
        }
    }
}

/// A page of the live sessions.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sessions {
    /// The latest activity first.
    sessions: Vec<Session>,
    /// How many are live, on all pages.
    count: u32,
    /// What the next page's request needs; absent on the last page.
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

/// A message at its place.
#[derive(Serialize, ToSchema)]
pub(crate) struct Message {
    /// The place in the session, dense from 1.
    seq: u32,
    /// Who speaks.
    role: Role,
    /// What was said.
    content: String,
    /// When it was appended.
    #[schema(format = DateTime)]
    timestamp: String,
    /// What the caller attached.
    #[schema(value_type = schemas::Metadata)]
    metadata: Map<String, Value>,
}

impl From<pb::Message> for Message {
    fn from(message: pb::Message) -> Self {
        Self {
            seq: message.seq,
            role: match message.role() {
                pb::Role::Assistant => Role::Assistant,
                pb::Role::System => Role::System,
                pb::Role::User | pb::Role::Unspecified => Role::User,
            },
            content: message.content,
            timestamp: rfc3339(message.timestamp),
            metadata: metadata::to_json(message.metadata),
        }
    }
}

/// A page of a session's messages.
#[derive(Serialize, ToSchema)]
pub(crate) struct History {
    /// The handle.
    user_id: String,
    /// How many messages the session holds, on all pages.
    message_count: u32,
    /// The messages of this page, oldest first.
    messages: Vec<Message>,
    /// Whether there are more in the direction of paging.
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

/// The answer to an append.
#[derive(Serialize, ToSchema)]
pub(crate) struct Appended {
    /// The messages as stored.
    messages: Vec<Message>,
    /// The session as it is now.
    session: Session,
    /// Whether an earlier request with this id had stored them.
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

/// A moment as RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(moment: Option<prost_types::Timestamp>) -> String {
    let moment = moment.unwrap_or_default();
    let nanos = i128::from(moment.seconds) * 1_000_000_000 + i128::from(moment.nanos);
    let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(MILLISECONDS).expect("the format fits every moment")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc_with_milliseconds() {
        let at = |seconds, nanos| rfc3339(Some(prost_types::Timestamp { seconds, nanos }));
        assert_eq!(at(1_729_425_600, 7_000_000), "2024-10-20T12:00:00.007Z");
        assert_eq!(at(0, 0), "1970-01-01T00:00:00.000Z");
    }
}
