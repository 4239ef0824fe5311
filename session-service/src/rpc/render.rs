//! From values of the domain to messages of the contract.

use super::{metadata, page_token, status};
use crate::{
    domain::{Message, Owner, Role, Session, Timestamp, UserId},
    store::{Appended, Created, History, SessionPage},
};
use nono_proto::session::v1 as pb;
use tonic::Status;

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

pub(super) fn history(answer: History, user_id: &UserId) -> Result<pb::HistoryResponse, Status> {
    Ok(pb::HistoryResponse {
        user_id: user_id.as_str().into(),
        message_count: answer.message_count,
        messages: messages(&answer.messages)?,
        has_more: answer.has_more,
    })
}

pub(super) fn appended(answer: &Appended) -> Result<pb::AppendResponse, Status> {
    Ok(pb::AppendResponse {
        messages: messages(&answer.messages)?,
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

fn messages(messages: &[Message]) -> Result<Vec<pb::Message>, Status> {
    messages.iter().map(message).collect()
}

pub(crate) fn message(message: &Message) -> Result<pb::Message, Status> {
    let role = match message.role {
        Role::User => pb::Role::User,
        Role::Assistant => pb::Role::Assistant,
        Role::System => pb::Role::System,
    };
    Ok(pb::Message {
        seq: message.seq,
        role: role.into(),
        content: message.content.as_str().into(),
        timestamp: Some(timestamp(message.timestamp)),
        metadata: Some(metadata::render(&message.metadata).map_err(status::internal)?),
    })
}

pub(crate) fn timestamp(moment: Timestamp) -> prost_types::Timestamp {
    let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    let nanos = i32::try_from(millis % 1000).expect("it is below 1000") * 1_000_000;
    prost_types::Timestamp { seconds: millis / 1000, nanos }
}
