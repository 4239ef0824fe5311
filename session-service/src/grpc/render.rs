//! Rendering of domain values as responses.

use super::{metadata, page_token, status};
use crate::{
    domain::{
        FinishReason, HistoryPage, Message, Owner, Role, Session, Timestamp, UserId,
        limits::GRPC_MESSAGE_MAX_BYTES,
    },
    personas::Persona,
    store::{Appended, Created, History, SessionPage},
    turn::{Cancellation, TurnEvent},
};
use nono_proto::{
    chat::v1::{self as chat, chat_response::Event},
    session::v1 as pb,
};
use prost::Message as _;
use tonic::Status;

/// Maximum size of the messages of a page within a gRPC message.
const PAGE_MAX_BYTES: usize = GRPC_MESSAGE_MAX_BYTES - 64 * 1024;
/// Size of a message's tag and length.
const MESSAGE_FRAME_BYTES: usize = 6;

pub(super) fn created(created: &Created) -> Result<pb::CreateResponse, Status> {
    Ok(pb::CreateResponse { session: Some(session(&created.session)?), created: created.created })
}

pub(super) fn page(page: &SessionPage, owner: &Owner) -> Result<pb::ListResponse, Status> {
    Ok(pb::ListResponse {
        sessions: page.sessions.iter().map(session).collect::<Result<_, _>>()?,
        total_count: page.total_count,
        next_page_token: page
            .next
            .as_ref()
            .map(|cursor| page_token::render(owner, cursor))
            .unwrap_or_default(),
    })
}

pub(super) fn history(
    history: History,
    user_id: &UserId,
    page: HistoryPage,
) -> Result<pb::HistoryResponse, Status> {
    let History { message_count, messages: stored, mut has_more } = history;
    let surely_fits = stored.iter().map(max_encoded_len).sum::<usize>() <= PAGE_MAX_BYTES;
    let mut messages = messages(stored)?;
    if !surely_fits {
        // Messages that do not fit into a gRPC message are left to the next page.
        let count = messages.len();
        page.trim(&mut messages, PAGE_MAX_BYTES, |message| message.encoded_len() + MESSAGE_FRAME_BYTES);
        has_more |= messages.len() < count;
    }
    Ok(pb::HistoryResponse { user_id: user_id.as_str().into(), message_count, messages, has_more })
}

/// Returns an upper bound of a message's size as protobuf: a number in a list takes 2 bytes as JSON and 11 as `Struct`.
fn max_encoded_len(message: &Message) -> usize {
    message.content.as_str().len() + 16 * message.metadata.as_json().len() + 64
}

pub(super) fn appended(appended: Appended) -> Result<pb::AppendResponse, Status> {
    Ok(pb::AppendResponse {
        messages: messages(appended.messages)?,
        session: Some(session(&appended.session)?),
        replayed: appended.replayed,
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
        preview: session.preview.as_str().into(),
    })
}

fn messages(messages: Vec<Message>) -> Result<Vec<pb::Message>, Status> {
    messages.into_iter().map(message).collect()
}

pub(super) fn message(message: Message) -> Result<pb::Message, Status> {
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
        finish_reason: stored_finish_reason(message.finish_reason).into(),
    })
}

/// Returns the finish reason of a message, unspecified unless it is the reply of a turn.
fn stored_finish_reason(reason: Option<FinishReason>) -> pb::FinishReason {
    match reason {
        None | Some(FinishReason::Unknown) => pb::FinishReason::Unspecified,
        Some(FinishReason::Stop) => pb::FinishReason::Stop,
        Some(FinishReason::Length) => pb::FinishReason::Length,
        Some(FinishReason::ContentFilter) => pb::FinishReason::ContentFilter,
        Some(FinishReason::Cancelled) => pb::FinishReason::Cancelled,
    }
}

pub(super) fn cancellation(result: Cancellation) -> Result<chat::CancelResponse, Status> {
    let Cancellation { cancelled, reply } = result;
    Ok(chat::CancelResponse { cancelled, message: reply.map(message).transpose()? })
}

pub(super) fn turn_event(event: TurnEvent) -> Result<chat::ChatResponse, Status> {
    let event = match event {
        TurnEvent::Accepted(accepted) => Event::Accepted(chat::Accepted {
            session: Some(session(&accepted.session)?),
            replayed: accepted.replayed,
            message: Some(message(accepted.message)?),
        }),
        TurnEvent::Delta(text) => Event::Delta(chat::Delta { text }),
        TurnEvent::Done(finished) => Event::Done(chat::Done {
            session: Some(session(&finished.session)?),
            finish_reason: finish_reason(finished.reply.finish_reason).into(),
            message: Some(message(finished.reply)?),
        }),
    };
    Ok(chat::ChatResponse { event: Some(event) })
}

/// Returns the finish reason of a reply. Older versions stored none and reported all as `STOP`.
fn finish_reason(reason: Option<FinishReason>) -> chat::FinishReason {
    match reason.unwrap_or(FinishReason::Stop) {
        FinishReason::Stop => chat::FinishReason::Stop,
        FinishReason::Length => chat::FinishReason::Length,
        FinishReason::ContentFilter => chat::FinishReason::ContentFilter,
        FinishReason::Cancelled => chat::FinishReason::Cancelled,
        FinishReason::Unknown => chat::FinishReason::Unspecified,
    }
}

pub(super) fn persona(persona: &Persona) -> chat::Persona {
    chat::Persona {
        key: persona.key.clone(),
        name: persona.name.clone(),
        role: persona.role.clone(),
        description: persona.description.clone(),
        tags: persona.tags.clone(),
    }
}

pub(super) fn timestamp(timestamp: Timestamp) -> prost_types::Timestamp {
    let millis = i64::try_from(timestamp.as_millis()).unwrap_or(i64::MAX);
    let nanos = i32::try_from(millis % 1000).expect("the remainder is below 1000") * 1_000_000;
    prost_types::Timestamp { seconds: millis / 1000, nanos }
}
