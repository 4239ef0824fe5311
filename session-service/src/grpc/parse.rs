//! Parsing of requests into domain values, with all violations at once.

use super::{metadata, page_token, status};
use crate::{
    domain::{
        Batch, Content, HistoryPage, HistoryRange, IfExists, Metadata, NewMessage, NewSession, Owner,
        PageSize, PersonaKey, RequestId, Role, UserId, limits::APPEND_MAX_ENCODED_BYTES,
    },
    personas::Personas,
    store::{ListPage, TurnRequest, TurnToken},
    watch::{Start, WatchCursor},
};
use nono_proto::{
    EncodedStruct, Violations,
    chat::v1::{CancelRequest, ChatRequest},
    session::v1 as pb,
};
use prost::Message;
use std::fmt::Display;
use tonic::Status;
use uuid::Uuid;

/// Collects the violations of a request while its fields are parsed.
#[derive(Default)]
struct Checks(Violations);

impl Checks {
    /// Returns the value, or records the violation of `field` and returns `None`.
    fn check<T>(&mut self, field: impl Display, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|description| self.0.push(field, description)).ok()
    }

    /// Returns the value built from the checked fields, or the error with all violations.
    fn finish<T>(self, value: Option<T>) -> Result<T, Status> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(status::invalid(&self.0)),
        }
    }

    fn user_id(&mut self, text: &str) -> Option<UserId> {
        self.check("user_id", UserId::try_from(text))
    }

    /// Parses an optional request id. The outer `None` means that it is invalid.
    #[expect(clippy::option_option, reason = "invalid and absent differ")]
    fn request_id(&mut self, text: &str) -> Option<Option<RequestId>> {
        if text.is_empty() {
            return Some(None);
        }
        self.check("request_id", RequestId::try_from(text)).map(Some)
    }

    fn metadata(&mut self, field: impl Display, metadata: Option<EncodedStruct>) -> Option<Metadata> {
        self.check(field, metadata::parse(metadata))
    }
}

pub(super) fn user_id(text: &str) -> Result<UserId, Status> {
    let mut checks = Checks::default();
    let user_id = checks.user_id(text);
    checks.finish(user_id)
}

pub(super) fn create(request: pb::CreateRequest, personas: &Personas) -> Result<NewSession, Status> {
    let mut checks = Checks::default();
    let user_id = checks.user_id(&request.user_id);
    let persona = checks.check("persona", personas.resolve(&request.persona));
    let metadata = checks.metadata("metadata", request.metadata);
    let if_exists = checks.check("if_exists", if_exists(request.if_exists));
    let request_id = checks.request_id(&request.request_id);
    let parsed = (|| {
        Some(NewSession {
            user_id: user_id?,
            persona: PersonaKey::new(&persona?.key),
            metadata: metadata?,
            if_exists: if_exists?,
            request_id: request_id?,
        })
    })();
    checks.finish(parsed)
}

fn if_exists(value: i32) -> Result<IfExists, String> {
    match pb::IfExists::try_from(value) {
        Ok(pb::IfExists::Unspecified | pb::IfExists::Fail) => Ok(IfExists::Fail),
        Ok(pb::IfExists::Return) => Ok(IfExists::Return),
        Err(_) => Err("must be fail or return".into()),
    }
}

pub(super) fn list(request: &pb::ListRequest, owner: &Owner) -> Result<ListPage, Status> {
    let mut checks = Checks::default();
    let size = checks.check("page_size", PageSize::try_from(request.page_size));
    let after = checks.check("page_token", page_token::parse(owner, &request.page_token));
    let parsed = (|| Some(ListPage { size: size?, after: after? }))();
    checks.finish(parsed)
}

pub(super) fn history(request: &pb::HistoryRequest) -> Result<(UserId, HistoryPage), Status> {
    let mut checks = Checks::default();
    let user_id = checks.user_id(&request.user_id);
    let size = checks.check("limit", PageSize::try_from(request.limit));
    let range = match (request.before_seq, request.after_seq) {
        (None, None) => Some(HistoryRange::Latest),
        (Some(seq), None) => Some(HistoryRange::Before(seq)),
        (None, Some(seq)) => Some(HistoryRange::After(seq)),
        (Some(_), Some(_)) => {
            for field in ["before_seq", "after_seq"] {
                checks.check(field, Err::<(), _>("must not be set together with the other direction".into()));
            }
            None
        }
    };
    let parsed = (|| Some((user_id?, HistoryPage { range: range?, size: size? })))();
    checks.finish(parsed)
}

pub(super) fn watch(request: &pb::WatchRequest) -> Result<(UserId, Start), Status> {
    let mut checks = Checks::default();
    let user_id = checks.user_id(&request.user_id);
    let start = match request.cursor.as_str() {
        "" => Some(Start::Now),
        cursor => {
            let cursor = WatchCursor::try_from(cursor).map_err(String::from);
            checks.check("cursor", cursor).map(Start::Cursor)
        }
    };
    let parsed = (|| Some((user_id?, start?)))();
    checks.finish(parsed)
}

pub(super) fn cancel(request: &CancelRequest) -> Result<(UserId, Option<RequestId>), Status> {
    let mut checks = Checks::default();
    let user_id = checks.user_id(&request.user_id);
    let request_id = checks.request_id(&request.request_id);
    let parsed = (|| Some((user_id?, request_id?)))();
    checks.finish(parsed)
}

/// A parsed append.
pub(super) struct Append {
    pub(super) user_id: UserId,
    pub(super) batch: Batch,
    pub(super) request_id: Option<RequestId>,
}

pub(super) fn append(request: pb::AppendRequest) -> Result<Append, Status> {
    let mut checks = Checks::default();
    let user_id = checks.user_id(&request.user_id);
    let request_id = checks.request_id(&request.request_id);
    // The count is checked first: parsing more messages than allowed would only add violations.
    let count = request.messages.len();
    if checks.check("messages", Batch::check_count(count)).is_none() {
        return checks.finish(None);
    }
    checks.check("messages", response_fits(&request));
    let messages: Vec<_> = (0..)
        .zip(request.messages)
        .filter_map(|(at, message)| new_message(&mut checks, at, message))
        .collect();
    // The size of a batch without its invalid messages would be meaningless.
    let batch =
        (messages.len() == count).then(|| checks.check("messages", Batch::try_from(messages))).flatten();
    let parsed = (|| Some(Append { user_id: user_id?, batch: batch?, request_id: request_id? }))();
    checks.finish(parsed)
}

/// Checks that the response, which contains the messages again, fits into a gRPC message.
fn response_fits(request: &pb::AppendRequest) -> Result<(), String> {
    match request.encoded_len() {
        0..=APPEND_MAX_ENCODED_BYTES => Ok(()),
        bytes => {
            Err(format!("must be at most {APPEND_MAX_ENCODED_BYTES} bytes as protobuf; they have {bytes}"))
        }
    }
}

pub(super) fn chat(request: ChatRequest) -> Result<TurnRequest, Status> {
    let mut checks = Checks::default();
    let user_id = checks.user_id(&request.user_id);
    let content = checks.check("message", Content::try_from(request.message));
    let request_id = checks.request_id(&request.request_id);
    let metadata = checks.metadata("metadata", request.metadata);
    let parsed = (|| {
        Some(TurnRequest {
            user_id: user_id?,
            message: NewMessage { role: Role::User, content: content?, metadata: metadata? },
            request_id: request_id?.unwrap_or_else(random_request_id),
            token: TurnToken(Uuid::new_v4().to_string()),
        })
    })();
    checks.finish(parsed)
}

/// Returns a request id for a turn without one, which its caller cannot retry.
fn random_request_id() -> RequestId {
    RequestId::try_from(Uuid::new_v4().to_string().as_str()).expect("a UUID is a valid request id")
}

fn new_message(checks: &mut Checks, at: usize, message: pb::NewMessage) -> Option<NewMessage> {
    let role = checks.check(format_args!("messages[{at}].role"), role(message.role));
    let content = checks.check(format_args!("messages[{at}].content"), message.content.try_into());
    let metadata = checks.metadata(format_args!("messages[{at}].metadata"), message.metadata);
    Some(NewMessage { role: role?, content: content?, metadata: metadata? })
}

fn role(value: i32) -> Result<Role, String> {
    match pb::Role::try_from(value) {
        Ok(pb::Role::User) => Ok(Role::User),
        Ok(pb::Role::Assistant) => Ok(Role::Assistant),
        Ok(pb::Role::System) => Ok(Role::System),
        Ok(pb::Role::Unspecified) | Err(_) => Err("must be user, assistant or system".into()),
    }
}
