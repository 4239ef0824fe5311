//! Errors as `google.rpc.Status`. No other module builds one.

use crate::{
    auth::Rejection,
    domain::limits::{GRPC_MESSAGE_MAX_BYTES, LISTING_TTL, OWNER_MAX_BYTES},
    model::ModelError,
    store::{Cause, StoreError, TurnFailure, Unreachable},
    turn::TurnError,
    watch::WatchError,
};
use nono_proto::{OMITTED, Violations, reason};
use std::{collections::HashMap, time::Duration};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Retry delay while the store is unavailable.
const STORE_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Mean retry delay of streams that end because the service shuts down.
const SHUTDOWN_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Retry delay after a failure of the model, unless it names one.
const MODEL_RETRY_DELAY: Duration = Duration::from_secs(2);
/// Retry delay of a call that was rejected because of overload.
const OVERLOAD_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Retry delay while another turn is running. Most replies are shorter than a lease.
const TURN_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Returns the error for a request that is malformed or out of bounds.
pub(super) fn invalid(violations: &Violations) -> Status {
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

/// Returns the error for a call that was rejected because too many others are in progress.
pub(super) fn too_many_calls() -> Status {
    overloaded(
        "the service is busy: it has the maximum number of calls in progress; the call was not begun, retry",
    )
}

/// Returns the error for a call whose request or response would take more memory than is left.
pub(super) fn out_of_memory() -> Status {
    overloaded("the service is busy: its memory is in use by other calls; the call was not begun, retry")
}

/// Returns the status in our form if a library raised it; such a status has no error details. Returns `None` for our own.
pub(super) fn from_library(status: &Status) -> Option<Status> {
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
            let text = "unknown method; reflection lists all methods";
            (Code::Unimplemented, reason::UNIMPLEMENTED, text.to_owned())
        }
        Code::Unimplemented => {
            let text = "the compression of the request is not supported: use gzip or none";
            (Code::Unimplemented, reason::UNIMPLEMENTED, text.to_owned())
        }
        _ => return None,
    };
    // The metadata names the supported compressions.
    let metadata = status.metadata().clone();
    Some(Status::with_error_details_and_metadata(code, text, details(reason), metadata))
}

/// Returns the error of a call that exceeded its deadline.
pub(super) fn deadline_exceeded() -> Status {
    let text = "the deadline was exceeded; the call may or may not have been applied";
    Status::with_error_details(Code::DeadlineExceeded, text, details(reason::DEADLINE_EXCEEDED))
}

/// Returns the error of a turn. Except at the limit of running turns, the user's message stays stored.
pub(super) fn from_turn(error: TurnError) -> Status {
    match error {
        TurnError::Store(error) => from_store(error),
        TurnError::Model(error) => from_model(error),
        TurnError::Overloaded => overloaded(
            "the service is busy: it has the maximum number of running turns; nothing was stored, retry",
        ),
        TurnError::OwnerOverloaded => {
            let text = "this owner has the maximum number of running turns; nothing was stored, retry when one has ended";
            rate_limited(TURN_RETRY_DELAY, text)
        }
        TurnError::Orphaned => from_failure(TurnFailure::Orphaned),
        TurnError::ShuttingDown => from_failure(TurnFailure::ShuttingDown),
        TurnError::Interrupted => {
            shutting_down("the service is shutting down; the reply goes on: retry with the same request_id")
        }
        TurnError::Failed(failure) => from_failure(failure),
        TurnError::Lost => incomplete(
            "the process that generated the reply stopped before it was complete; retry with the same request_id",
        ),
        TurnError::TooManyWatchers => too_many_watchers(),
        TurnError::Cancelled => {
            let text = "the turn was cancelled before there was any text; retry with the same request_id for a reply";
            Status::with_error_details(Code::Aborted, text, details(reason::TURN_CANCELLED))
        }
    }
}

/// Returns the error of a turn that ended without a reply.
pub(super) fn from_failure(failure: TurnFailure) -> Status {
    match failure {
        TurnFailure::Model => model_unavailable(MODEL_RETRY_DELAY),
        TurnFailure::SessionFull => from_store(StoreError::SessionFull),
        TurnFailure::Store => store_unavailable(),
        TurnFailure::ShuttingDown => incomplete(
            "the service is shutting down and the reply is incomplete; retry with the same request_id",
        ),
        TurnFailure::Orphaned => incomplete(
            "the caller had disconnected before the model generated a reply; retry with the same request_id",
        ),
    }
}

/// Returns the error that ends a watcher.
pub(super) fn from_watch(error: WatchError) -> Status {
    match error {
        WatchError::Store(error) => from_store(error),
        WatchError::TooManyWatchers => too_many_watchers(),
        WatchError::ShuttingDown => {
            shutting_down("the service is shutting down: continue with the last cursor")
        }
    }
}

fn too_many_watchers() -> Status {
    overloaded("the service is busy: it has the maximum number of watchers; retry")
}

fn from_model(error: ModelError) -> Status {
    tracing::warn!(%error, outcome = error.as_label(), "model unavailable");
    let delay = match &error {
        ModelError::RateLimited { retry_after: Some(delay), .. } => *delay,
        _ => MODEL_RETRY_DELAY,
    };
    model_unavailable(delay)
}

fn model_unavailable(delay: Duration) -> Status {
    let mut details = details(reason::MODEL_UNAVAILABLE);
    details.set_retry_info(Some(delay));
    let text = "the model did not generate a reply; the message is stored: retry with the same request_id";
    Status::with_error_details(Code::Unavailable, text, details)
}

/// Returns the error of a call that is not permitted.
pub(super) fn from_rejection(rejection: Rejection) -> Status {
    let (code, reason, text) = match rejection {
        Rejection::NoCredential => (
            Code::Unauthenticated,
            reason::UNAUTHENTICATED,
            "the call has no credential: send the header authorization: Bearer KEY, or a client certificate",
        ),
        Rejection::MalformedCredential => (
            Code::Unauthenticated,
            reason::UNAUTHENTICATED,
            "the header authorization must be given once and of the form Bearer KEY",
        ),
        Rejection::UnknownCredential => {
            (Code::Unauthenticated, reason::UNAUTHENTICATED, "the service does not know this credential")
        }
        Rejection::InvalidOwner => {
            let rule = format!(
                "must be given once and have 1 to {OWNER_MAX_BYTES} printable ASCII characters without outer spaces"
            );
            return invalid(&Violations::one("nono-owner", rule));
        }
        Rejection::OwnerRequired => (
            Code::PermissionDenied,
            reason::PERMISSION_DENIED,
            "this credential needs an owner: send the header nono-owner",
        ),
        Rejection::NoOwners => (
            Code::PermissionDenied,
            reason::PERMISSION_DENIED,
            "the service has no owners, because it runs with --auth none: omit the header nono-owner",
        ),
    };
    Status::with_error_details(code, text, details(reason))
}

/// Returns the error of a call beyond the rate limit.
pub(super) fn too_many_calls_of_owner(wait: Duration) -> Status {
    rate_limited(wait, "the rate limit of this owner is exceeded; the call was not begun, retry later")
}

fn rate_limited(wait: Duration, text: &str) -> Status {
    let mut details = details(reason::RATE_LIMITED);
    details.set_retry_info(Some(wait));
    Status::with_error_details(Code::ResourceExhausted, text, details)
}

fn overloaded(text: &str) -> Status {
    let mut details = details(reason::OVERLOADED);
    details.set_retry_info(Some(OVERLOAD_RETRY_DELAY));
    Status::with_error_details(Code::ResourceExhausted, text, details)
}

/// Returns the error of a turn that the service ended before its reply was complete.
fn incomplete(text: &str) -> Status {
    let mut details = details(reason::MODEL_UNAVAILABLE);
    details.set_retry_info(Some(MODEL_RETRY_DELAY));
    Status::with_error_details(Code::Unavailable, text, details)
}

/// Returns the trailers of a stream that ends because the service shuts down.
pub(super) fn shutdown_trailers() -> http::HeaderMap {
    let mut trailers = http::HeaderMap::new();
    let status = shutting_down("the service is shutting down; reconnect");
    status.add_header(&mut trailers).expect("the text is a header value");
    trailers
}

/// Returns the error of a stream that ends because the service shuts down. The delay differs between callers, so that they
/// do not all come back at once.
fn shutting_down(text: &str) -> Status {
    let mut details = details(reason::SERVICE_UNAVAILABLE);
    details.set_retry_info(Some(runtime::spread(SHUTDOWN_RETRY_DELAY)));
    Status::with_error_details(Code::Unavailable, text, details)
}

/// Returns `true` for the error of a stream that ends because the service shuts down.
pub(super) fn is_shutdown(status: &Status) -> bool {
    let info = (status.code() == Code::Unavailable).then(|| status.get_details_error_info()).flatten();
    info.is_some_and(|info| info.reason == reason::SERVICE_UNAVAILABLE)
}

/// Logs the cause of a bug and returns an error that does not reveal it.
pub(super) fn internal(cause: impl std::fmt::Display) -> Status {
    tracing::error!(%cause, "internal error");
    let text = "internal error; the log of the service has the cause with this request id";
    Status::with_error_details(Code::Internal, text, details(reason::INTERNAL))
}

/// Returns the error of the store.
pub(super) fn from_store(error: StoreError) -> Status {
    match error {
        StoreError::NotFound => {
            let text = "no live session has this user_id: it expired, was deleted or was never created";
            Status::with_error_details(Code::NotFound, text, details(reason::SESSION_NOT_FOUND))
        }
        StoreError::AlreadyExists => {
            let text =
                "a live session has this user_id: use it, choose another user_id, or set if_exists to return";
            Status::with_error_details(Code::AlreadyExists, text, details(reason::SESSION_EXISTS))
        }
        StoreError::SessionFull => {
            let text = "the session would have more than 10000 messages: continue in a new one";
            Status::with_error_details(Code::FailedPrecondition, text, details(reason::SESSION_FULL))
        }
        StoreError::TooManySessions => {
            let text = "the maximum number of live sessions is reached: delete one or wait until one expires";
            Status::with_error_details(Code::FailedPrecondition, text, details(reason::TOO_MANY_SESSIONS))
        }
        StoreError::RequestIdReused => invalid(&Violations::one(
            "request_id",
            "was used for a different request; choose a new one, or retry with the same request",
        )),
        StoreError::TurnInProgress(left) => {
            let text = "another reply of this session is in progress: retry when it is complete";
            let mut details = details(reason::TURN_IN_PROGRESS);
            details.set_retry_info(Some(left.min(TURN_RETRY_DELAY)));
            Status::with_error_details(Code::Aborted, text, details)
        }
        StoreError::TurnCancelled => from_turn(TurnError::Cancelled),
        StoreError::TurnLost => {
            let text = "another turn began before this reply was complete: see the history";
            let mut details = details(reason::TURN_IN_PROGRESS);
            details.set_retry_info(Some(TURN_RETRY_DELAY));
            Status::with_error_details(Code::Aborted, text, details)
        }
        StoreError::ListingExpired => {
            let minutes = LISTING_TTL.as_secs() / 60;
            let text = format!(
                "belongs to a listing that is older than {minutes} minutes or was lost; start again without it"
            );
            invalid(&Violations::one("page_token", text))
        }
        StoreError::Unavailable(cause) => {
            log_unavailable(&cause);
            store_unavailable()
        }
        StoreError::Corrupt(cause) => internal(cause),
    }
}

fn store_unavailable() -> Status {
    let mut details = details(reason::STORE_UNAVAILABLE);
    details.set_retry_info(Some(STORE_RETRY_DELAY));
    Status::with_error_details(Code::Unavailable, "the store is unavailable: retry", details)
}

/// Logs the cause for one call. An outage is logged once, by the store itself.
fn log_unavailable(cause: &Cause) {
    if cause.is::<Unreachable>() {
        tracing::debug!(%cause, "store unavailable");
    } else {
        tracing::warn!(%cause, "store unavailable");
    }
}

fn details(reason: &'static str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, reason::DOMAIN, HashMap::new())
}
