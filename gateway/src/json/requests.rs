//! The bodies of requests, read field by field so that every violation is found at once. The types describe them in the
//! OpenAPI document.

use super::{
    Role,
    schemas::{Metadata, RequestId, UserId},
};
use crate::{error::Problem, extract::JsonFields};
use nono_proto::{
    limits::{APPEND_MAX_ENCODED_BYTES, APPEND_MAX_MESSAGES},
    session::v1 as pb,
};
use prost::Message as _;
use utoipa::ToSchema;

/// Body of Create.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what `create` reads field by field")]
pub(crate) struct CreateRequest {
    user_id: UserId,
    /// Key of a persona; `default` if absent.
    #[schema(example = "mental_health_nurse")]
    persona: Option<String>,
    metadata: Option<Metadata>,
    /// Behaviour if a live session has this name: `fail` (the default) or `return` it.
    if_exists: Option<IfExists>,
    /// Makes a retry safe: the same key returns the session that it created.
    request_id: Option<RequestId>,
}

/// Behaviour if a live session has the name.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it describes what `create` reads")]
pub(crate) enum IfExists {
    /// Returns 409 and changes nothing.
    Fail,
    /// Returns the live session with `created` false.
    Return,
}

/// Reads a [`CreateRequest`].
pub(crate) fn create(mut fields: JsonFields) -> Result<pb::CreateRequest, Problem> {
    let if_exists = [("fail", pb::IfExists::Fail), ("return", pb::IfExists::Return)];
    let request = pb::CreateRequest {
        user_id: fields.required_string("user_id"),
        persona: fields.string("persona"),
        metadata: fields.metadata("metadata"),
        if_exists: fields.one_of("if_exists", &if_exists).unwrap_or_default().into(),
        request_id: fields.request_id(),
    };
    fields.finish(request)
}

/// Body of Append: messages to be stored, all or none.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what `append` reads field by field")]
pub(crate) struct AppendRequest {
    /// 1 to 100 messages, 1 MiB together.
    #[schema(min_items = 1, max_items = 100)]
    messages: Vec<NewMessage>,
    /// Makes a retry safe: the same key stores nothing and returns what it stored.
    request_id: Option<RequestId>,
}

/// A message without seq and timestamp.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what `append` reads field by field")]
pub(crate) struct NewMessage {
    role: Role,
    /// Text of the message: 1 byte to 32 KiB of UTF-8.
    #[schema(min_length = 1, max_length = 32_768)]
    content: String,
    metadata: Option<Metadata>,
}

/// Reads an [`AppendRequest`] for a session.
pub(crate) fn append(user_id: String, mut fields: JsonFields) -> Result<pb::AppendRequest, Problem> {
    let roles = [("user", pb::Role::User), ("assistant", pb::Role::Assistant), ("system", pb::Role::System)];
    let messages = fields.required_list("messages", APPEND_MAX_MESSAGES, |fields| pb::NewMessage {
        role: fields.one_of("role", &roles).unwrap_or_default().into(),
        content: fields.string("content"),
        metadata: fields.metadata("metadata"),
    });
    let request = pb::AppendRequest { user_id, messages, request_id: fields.request_id() };
    let request = fields.finish(request)?;
    // The service would reject it, but it cannot even be carried there.
    match request.encoded_len() {
        0..=APPEND_MAX_ENCODED_BYTES => Ok(request),
        bytes => Err(Problem::invalid_field(
            "messages",
            format_args!("must be at most {APPEND_MAX_ENCODED_BYTES} bytes as protobuf (got {bytes})"),
        )),
    }
}
