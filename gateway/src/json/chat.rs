//! JSON of turns.

use super::{
    FinishReason, Message, Session,
    schemas::{Metadata, RequestId},
};
use crate::{error::Problem, extract::JsonFields};
use nono_proto::chat::v1 as pb;
use serde::Serialize;
use utoipa::ToSchema;

/// Body of Chat.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what `chat` reads field by field")]
pub(crate) struct ChatRequest {
    /// Message of the user: 1 byte to 32 KiB of UTF-8.
    #[schema(example = "Hello!", min_length = 1, max_length = 32_768)]
    message: String,
    /// Makes a retry safe: the same key returns the stored reply.
    request_id: Option<RequestId>,
    /// Stored with the message.
    metadata: Option<Metadata>,
}

/// Reads a [`ChatRequest`] for a session.
pub(crate) fn chat(user_id: String, mut fields: JsonFields) -> Result<pb::ChatRequest, Problem> {
    let request = pb::ChatRequest {
        user_id,
        message: fields.required_string("message"),
        request_id: fields.request_id(),
        metadata: fields.metadata("metadata"),
    };
    fields.finish(request)
}

/// Body of Cancel.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what `cancel` reads field by field")]
pub(crate) struct CancelRequest {
    /// Cancels only the turn with this key; without it, the running turn.
    request_id: Option<RequestId>,
}

/// Reads a [`CancelRequest`] for a session.
pub(crate) fn cancel(user_id: String, mut fields: JsonFields) -> Result<pb::CancelRequest, Problem> {
    let request = pb::CancelRequest { user_id, request_id: fields.request_id() };
    fields.finish(request)
}

/// Response of Cancel.
#[derive(Serialize, ToSchema)]
pub(crate) struct Cancellation {
    /// `true` if a running turn was cancelled.
    cancelled: bool,
    /// The reply as stored, with the text until then; absent if there was none, or if it is not stored yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

impl From<pb::CancelResponse> for Cancellation {
    fn from(answer: pb::CancelResponse) -> Self {
        Self { cancelled: answer.cancelled, message: answer.message.map(Message::from) }
    }
}

/// Event `accepted`: the user's message is stored.
#[derive(Serialize)]
pub(crate) struct Accepted {
    message: Message,
    replayed: bool,
    /// Absent in events of older versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Session>,
}

impl From<pb::Accepted> for Accepted {
    fn from(accepted: pb::Accepted) -> Self {
        Self {
            message: Message::from(accepted.message.unwrap_or_default()),
            replayed: accepted.replayed,
            session: accepted.session.map(Session::from),
        }
    }
}

/// Event `delta`: a part of the reply.
#[derive(Serialize)]
pub(crate) struct Delta {
    text: String,
}

impl From<pb::Delta> for Delta {
    fn from(delta: pb::Delta) -> Self {
        Self { text: delta.text }
    }
}

/// Event `done`: the reply is stored.
#[derive(Serialize)]
pub(crate) struct Done {
    message: Message,
    finish_reason: FinishReason,
    /// Absent in events of older versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Session>,
}

impl From<pb::Done> for Done {
    fn from(done: pb::Done) -> Self {
        let finish_reason = match done.finish_reason() {
            pb::FinishReason::Stop => FinishReason::Stop,
            pb::FinishReason::Length => FinishReason::Length,
            pb::FinishReason::ContentFilter => FinishReason::ContentFilter,
            pb::FinishReason::Cancelled => FinishReason::Cancelled,
            pb::FinishReason::Unspecified => FinishReason::Unknown,
        };
        Self {
            message: Message::from(done.message.unwrap_or_default()),
            finish_reason,
            session: done.session.map(Session::from),
        }
    }
}

/// Response of Chat without a stream.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reply {
    /// Text of the reply.
    response: String,
    /// Label of the session.
    #[schema(example = "session_John Doe_1697856000")]
    session_id: String,
    /// Time at which the reply was stored.
    #[schema(format = DateTime)]
    timestamp: String,
    /// The reply as stored.
    message: Message,
}

impl From<Done> for Reply {
    fn from(done: Done) -> Self {
        Self {
            response: done.message.content.clone(),
            session_id: done.session.map(|session| session.session_id).unwrap_or_default(),
            timestamp: done.message.timestamp.clone(),
            message: done.message,
        }
    }
}
