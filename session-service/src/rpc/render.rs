//! Rendering of values of the domain as responses.

use super::{metadata, page_token, status};
use crate::{
    domain::{Message, Owner, Role, Session, Span, Timestamp, UserId, limits::GRPC_MESSAGE_MAX_BYTES},
    store::{Appended, Created, History, SessionPage},
};
use nono_proto::session::v1 as pb;
use prost::Message as _;
use tonic::Status;

/// Maximum size of the messages of a page within a gRPC message.
const PAGE_MAX_BYTES: usize = GRPC_MESSAGE_MAX_BYTES - 64 * 1024;
/// Size of a message's tag and length.
const MESSAGE_FRAME_BYTES: usize = 6;

pub(super) fn created(answer: &Created) -> Result<pb::CreateResponse, Status> {
    Ok(pb::CreateResponse { session: Some(session(&answer.session)?), created: answer.created })
}

pub(super) fn page(answer: &SessionPage, owner: &Owner) -> Result<pb::ListResponse, Status> {
    Ok(pb::ListResponse {
        sessions: answer.sessions.iter().map(session).collect::<Result<_, _>>()?,
        total_count: answer.total_count,
        next_page_token: answer
            .next
            .as_ref()
            .map(|cursor| page_token::render(owner, cursor))
            .unwrap_or_default(),
    })
}

pub(super) fn history(answer: History, user_id: &UserId, span: Span) -> Result<pb::HistoryResponse, Status> {
    let History { message_count, messages: stored, has_more } = answer;
    let is_surely_small = stored.iter().map(most_bytes).sum::<usize>() <= PAGE_MAX_BYTES;
    let mut messages = messages(stored)?;
    let user_id = user_id.as_str().into();
    if is_surely_small {
        return Ok(pb::HistoryResponse { user_id, message_count, messages, has_more });
    }
    // Messages that do not fit into a gRPC message are left to the next page.
    let reads_forward = matches!(span, Span::After(_));
    let mut bytes = 0;
    let mut fits = |message: &pb::Message| {
        bytes += message.encoded_len() + MESSAGE_FRAME_BYTES;
        bytes <= PAGE_MAX_BYTES
    };
    let kept = if reads_forward {
        messages.iter().take_while(|message| fits(message)).count()
    } else {
        messages.iter().rev().take_while(|message| fits(message)).count()
    };
    let is_cut = kept < messages.len();
    if reads_forward {
        messages.truncate(kept);
    } else {
        messages.drain(..messages.len() - kept);
    }
    Ok(pb::HistoryResponse { user_id, message_count, messages, has_more: has_more || is_cut })
}

/// Returns an upper bound of a message's size as protobuf: a number in a list takes 2 bytes as JSON and 11 as `Struct`.
fn most_bytes(message: &Message) -> usize {
    message.content.as_str().len() + 16 * message.metadata.as_json().len() + 64
}

pub(super) fn appended(answer: Appended) -> Result<pb::AppendResponse, Status> {
    Ok(pb::AppendResponse {
        messages: messages(answer.messages)?,
        session: Some(session(&answer.session)?),
        replayed: answer.replayed,
    })
}

pub(super) fn session(session: &Session) -> Result<pb::Session, Status> {
    Ok(pb::Session {
        session_id: session.session_id(),
        user_id: session.user_id.as_str().into(),
        persona: session.persona.as_str().into(),
        created_at: Some(timestamp(session.created_at)),
        last_activity: Some(timestamp(session.last_activity)),
        message_count: session.message_count,
        metadata: Some(metadata::render(&session.metadata).map_err(status::internal)?),
        expires_at: Some(timestamp(session.expires_at)),
    })
}

fn messages(messages: Vec<Message>) -> Result<Vec<pb::Message>, Status> {
    messages.into_iter().map(message).collect()
}

pub(crate) fn message(message: Message) -> Result<pb::Message, Status> {
    let role = match message.role {
        Role::User => pb::Role::User,
        Role::Assistant => pb::Role::Assistant,
        Role::System => pb::Role::System,
    };
    Ok(pb::Message {
        seq: message.seq,
        role: role.into(),
        content: message.content.into_string(),
        timestamp: Some(timestamp(message.timestamp)),
        metadata: Some(metadata::render(&message.metadata).map_err(status::internal)?),
    })
}

pub(crate) fn timestamp(moment: Timestamp) -> prost_types::Timestamp {
    let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    let nanos = i32::try_from(millis % 1000).expect("it is below 1000") * 1_000_000;
    prost_types::Timestamp { seconds: millis / 1000, nanos }
}
