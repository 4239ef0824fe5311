//! Errors as `google.rpc.Status`. No other module builds one.

use crate::{
    domain::limits::{GRPC_MESSAGE_MAX_BYTES, LISTING_MAX_MILLISECONDS},
    model::ModelError,
    store::StoreError,
};
use nono_proto::{OMITTED, Violations, reason};
use std::{collections::HashMap, time::Duration};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Retry delay while the store is unavailable.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// Retry delay after a failure of the model, unless it names one.
const MODEL_RETRY: Duration = Duration::from_secs(2);
/// Retry delay while another turn is running. Most replies are shorter than a lease.
const TURN_RETRY: Duration = Duration::from_secs(1);

/// Returns the error for a request that is malformed or out of bounds.
pub(crate) fn invalid(violations: &Violations) -> Status {
    let mut metadata = HashMap::new();
    if violations.omitted() > 0 {
        metadata.insert(OMITTED.to_owned(), violations.omitted().to_string());
    }
    let mut details = ErrorDetails::with_error_info(reason::INVALID_ARGUMENT, reason::DOMAIN, metadata);
    for violation in violations.listed() {
        details.add_bad_request_violation(&violation.field, &violation.description);
    }
    Status::with_error_details(Code::InvalidArgument, violations.to_string(), details)
}

/// Returns the status in our form if a library raised it; such a status has no error details. Returns `None` for our own.
pub(crate) fn from_library(status: &Status) -> Option<Status> {
    if !status.details().is_empty() {
        return None;
    }
    let is_response =
        ["Error encoding", "Error compressing"].iter().any(|text| status.message().starts_with(text));
    let (code, reason, text) = match status.code() {
        Code::Internal | Code::Unknown if is_response => return Some(internal(status)),
        Code::Internal | Code::Unknown => {
            let text =
                "the request is not a valid message of this method: check its encoding and compression";
            (Code::InvalidArgument, reason::INVALID_ARGUMENT, text.to_owned())
        }
        Code::OutOfRange | Code::ResourceExhausted => {
            let text = format!("the request must be at most {GRPC_MESSAGE_MAX_BYTES} bytes, decompressed");
            (Code::InvalidArgument, reason::INVALID_ARGUMENT, text)
        }
        Code::Unimplemented if status.message().is_empty() => {
            let text = "no service here has this method; list them by reflection";
            (Code::Unimplemented, reason::UNIMPLEMENTED, text.to_owned())
        }
        Code::Unimplemented => {
            let text = "the request's compression is not supported: use gzip or none";
            (Code::Unimplemented, reason::UNIMPLEMENTED, text.to_owned())
        }
        _ => return None,
    };
    // The metadata names the supported compressions.
    let metadata = status.metadata().clone();
    Some(Status::with_error_details_and_metadata(code, text, details(reason), metadata))
}

/// Returns the error of a call that exceeded its deadline.
pub(crate) fn deadline_exceeded() -> Status {
    let text = "the deadline passed before the answer was there; the call may or may not have taken effect";
    Status::with_error_details(Code::DeadlineExceeded, text, details(reason::DEADLINE_EXCEEDED))
}

/// Returns the error of a failed model. The user's message stays stored.
pub(crate) fn from_model(error: ModelError) -> Status {
    tracing::warn!(%error, outcome = error.outcome(), "model unavailable");
    let delay = match &error {
        ModelError::RateLimited { retry_after: Some(delay), .. } => *delay,
        _ => MODEL_RETRY,
    };
    let mut details = details(reason::MODEL_UNAVAILABLE);
    details.set_retry_info(Some(delay));
    let text = "the model did not write a reply; the message is stored: try again with the same request_id";
    Status::with_error_details(Code::Unavailable, text, details)
}

/// Returns the error of a turn that is aborted because the service stops.
pub(crate) fn stopped() -> Status {
    let mut details = details(reason::MODEL_UNAVAILABLE);
    details.set_retry_info(Some(MODEL_RETRY));
    let text = "the service stops before the reply is whole; try again with the same request_id";
    Status::with_error_details(Code::Unavailable, text, details)
}

/// Returns the trailers of a stream that ends because the service stops.
pub(crate) fn stopping() -> http::HeaderMap {
    let mut trailers = http::HeaderMap::new();
    let status = Status::unavailable("the service stops; connect again");
    status.add_header(&mut trailers).expect("the text is a header value");
    trailers
}

/// Logs the cause of a bug and returns an error that does not reveal it.
pub(crate) fn internal(cause: impl std::fmt::Display) -> Status {
    tracing::error!(%cause, "internal error");
    let text = "an internal error; the service's log has its cause beside the request id";
    Status::with_error_details(Code::Internal, text, details(reason::INTERNAL))
}

/// Returns the error of a store.
pub(crate) fn from_store(error: StoreError) -> Status {
    match error {
        StoreError::NotFound => {
            let text = "no live session has this user_id; it expired, was deleted or never was: create it";
            Status::with_error_details(Code::NotFound, text, details(reason::SESSION_NOT_FOUND))
        }
        StoreError::Exists => {
            let text =
                "a live session has this user_id; use it, choose another user_id, or say if_exists = return";
            Status::with_error_details(Code::AlreadyExists, text, details(reason::SESSION_EXISTS))
        }
        StoreError::Full => {
            let text = "the session would hold over 10000 messages; go on in a new one";
            Status::with_error_details(Code::FailedPrecondition, text, details(reason::SESSION_FULL))
        }
        StoreError::TooManySessions => {
            let text = "there are as many live sessions as allowed; delete one or let one expire";
            Status::with_error_details(Code::FailedPrecondition, text, details(reason::TOO_MANY_SESSIONS))
        }
        StoreError::RequestIdReused => invalid(&Violations::one(
            "request_id",
            "was used for a different request; choose a new one, or send the same request again to retry it",
        )),
        StoreError::TurnInProgress(left) => {
            let text = "a reply is still being written in this session; try again when it is done";
            let mut details = details(reason::TURN_IN_PROGRESS);
            details.set_retry_info(Some(left.min(TURN_RETRY)));
            Status::with_error_details(Code::Aborted, text, details)
        }
        StoreError::TurnLost => {
            let text = "another turn was taken before this reply was done; see the history";
            let mut details = details(reason::TURN_IN_PROGRESS);
            details.set_retry_info(Some(TURN_RETRY));
            Status::with_error_details(Code::Aborted, text, details)
        }
        StoreError::ListingExpired => {
            let minutes = LISTING_MAX_MILLISECONDS / 60_000;
            let text = format!(
                "belongs to a listing that began over {minutes} minutes ago or was lost; begin again"
            );
            invalid(&Violations::one("page_token", text))
        }
        StoreError::Unavailable(cause) => {
            tracing::warn!(%cause, "store unavailable");
            let mut details = details(reason::STORE_UNAVAILABLE);
            details.set_retry_info(Some(STORE_RETRY));
            Status::with_error_details(Code::Unavailable, "the store does not answer; try again", details)
        }
        StoreError::Broken(cause) => internal(cause),
    }
}

fn details(reason: &'static str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, reason::DOMAIN, HashMap::new())
}
