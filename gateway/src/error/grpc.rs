//! Mapping of gRPC errors of the service to HTTP problems.

use super::{Problem, SERVICE_RETRY_DELAY};
use crate::backend::TransportError;
use axum::http::StatusCode;
use nono_proto::{OMITTED, Violations, reason, session::v1 as pb};
use std::{error::Error, time::Duration};
use tonic::{Code, Status};
use tonic_types::StatusExt;

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        if let Some(error) = TransportError::of(&status) {
            return Self::unreachable(&status, error.is_unsent());
        }
        let details = status.get_error_details();
        let reason = details
            .error_info()
            .filter(|info| info.domain == reason::DOMAIN)
            .map(|info| info.reason.as_str());
        let (http, title) = translate(&status, reason);
        let Some(reason) = reason else {
            return match http {
                StatusCode::SERVICE_UNAVAILABLE => Self::unreachable(&status, false),
                StatusCode::GATEWAY_TIMEOUT => Self::timeout(),
                StatusCode::INTERNAL_SERVER_ERROR => Self::internal(&describe(&status)),
                _ => Self::new(http, title, status.message()),
            };
        };
        let mut problem = Self::new(http, title, status.message()).with_reason(reason);
        if let Some(request) = details.bad_request() {
            let mut violations = Violations::default();
            for violation in &request.field_violations {
                violations.push(json_name(&violation.field), &violation.description);
            }
            let omitted = details.error_info().and_then(|info| info.metadata.get(OMITTED)?.parse().ok());
            violations.set_omitted(omitted.unwrap_or_default());
            problem = Self { title, ..Self::invalid(violations) };
        }
        if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
            problem = problem.retry_after(delay);
        }
        problem
    }
}

impl Problem {
    /// Returns the problem of a call that did not reach the service or whose response did not arrive.
    fn unreachable(status: &Status, is_unsent: bool) -> Self {
        tracing::debug!(cause = describe(status), is_unsent, "session service unreachable");
        let detail = if is_unsent {
            "the session service cannot be reached, and the request was not sent to it: retry"
        } else {
            "the session service did not respond; the request may or may not have been applied: retry"
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", detail)
            .with_reason(reason::SERVICE_UNAVAILABLE)
            .retry_after(SERVICE_RETRY_DELAY)
    }
}

/// Converts the error with which a turn ended, as its watchers receive it.
impl From<pb::Problem> for Problem {
    fn from(problem: pb::Problem) -> Self {
        let reason = problem.reason().as_str_name().trim_start_matches("ERROR_REASON_");
        let reason = Some(reason).filter(|_| problem.reason() != pb::ErrorReason::Unspecified);
        let (http, title) = translate(&Status::new(Code::from_i32(problem.code), ""), reason);
        let delay = problem.retry_after_ms.map(|millis| Duration::from_millis(millis.into()));
        let translated = Self::new(http, title, problem.message);
        let translated = reason.into_iter().fold(translated, Self::with_reason);
        delay.into_iter().fold(translated, Self::retry_after)
    }
}

/// Returns `true` for the error of a stream that the service ends because it shuts down.
pub(crate) fn is_shutdown(status: &Status) -> bool {
    let info = (status.code() == Code::Unavailable).then(|| status.get_details_error_info()).flatten();
    info.is_some_and(|info| info.domain == reason::DOMAIN && info.reason == reason::SERVICE_UNAVAILABLE)
}

/// Returns the code of a status and its causes. The message and the metadata are not ours, and may quote a request.
fn describe(status: &Status) -> String {
    let mut text = format!("{:?}", status.code());
    let causes = std::iter::successors(status.source(), |&cause| cause.source());
    causes.for_each(|cause| text.extend([": ", &cause.to_string()]));
    text
}

/// Returns the HTTP status and the title of a gRPC status. A status without a reason is an error of the transport.
fn translate(status: &Status, reason: Option<&str>) -> (StatusCode, &'static str) {
    match status.code() {
        Code::Ok | Code::Internal | Code::DataLoss if status.source().is_none() => {
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal error")
        }
        Code::Ok | Code::Internal | Code::DataLoss | Code::Unknown => {
            (StatusCode::SERVICE_UNAVAILABLE, "Unavailable")
        }
        // tonic reports a timeout this way.
        Code::Cancelled if status.message() == "Timeout expired" => {
            (StatusCode::GATEWAY_TIMEOUT, "Deadline exceeded")
        }
        Code::Cancelled | Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, unavailable(reason)),
        Code::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, "Deadline exceeded"),
        Code::InvalidArgument => (StatusCode::BAD_REQUEST, "Invalid request"),
        // The response of the service exceeds the message size of the client.
        Code::OutOfRange => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
        Code::NotFound => (StatusCode::NOT_FOUND, "Session not found"),
        Code::AlreadyExists => (StatusCode::CONFLICT, "Session exists"),
        Code::Aborted if reason == Some(reason::TURN_CANCELLED) => (StatusCode::CONFLICT, "Turn cancelled"),
        Code::Aborted => (StatusCode::CONFLICT, "Turn in progress"),
        Code::FailedPrecondition if reason == Some(reason::SESSION_FULL) => {
            (StatusCode::CONFLICT, "Session full")
        }
        Code::FailedPrecondition => (StatusCode::CONFLICT, "Too many sessions"),
        // HTTP/2 has an error of the same name.
        Code::ResourceExhausted if reason.is_none() => (StatusCode::SERVICE_UNAVAILABLE, "Unavailable"),
        Code::ResourceExhausted if reason == Some(reason::OVERLOADED) => {
            (StatusCode::TOO_MANY_REQUESTS, "Overloaded")
        }
        Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "Unauthenticated"),
        Code::PermissionDenied => (StatusCode::FORBIDDEN, "Permission denied"),
        Code::Unimplemented => (StatusCode::NOT_IMPLEMENTED, "Not implemented"),
    }
}

fn unavailable(reason: Option<&str>) -> &'static str {
    match reason {
        Some(reason::STORE_UNAVAILABLE) => "Store unavailable",
        Some(reason::MODEL_UNAVAILABLE) => "Model unavailable",
        _ => "Unavailable",
    }
}

/// Returns the JSON name of a field, which differs from its gRPC name for two of them.
fn json_name(field: &str) -> &str {
    match field {
        "before_seq" => "before",
        "after_seq" => "after",
        same => same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{
        http::header::{CONTENT_TYPE, RETRY_AFTER},
        response::IntoResponse,
    };
    use tonic_types::ErrorDetails;

    fn from(code: Code, reason: &str, details: ErrorDetails) -> Problem {
        let mut details = details;
        details.set_error_info(reason, reason::DOMAIN, std::collections::HashMap::new());
        Problem::from(Status::with_error_details(code, "text", details))
    }

    #[test]
    fn every_reason_has_its_http_status() {
        for (code, reason, http) in [
            (Code::InvalidArgument, reason::INVALID_ARGUMENT, 400),
            (Code::NotFound, reason::SESSION_NOT_FOUND, 404),
            (Code::AlreadyExists, reason::SESSION_EXISTS, 409),
            (Code::Aborted, reason::TURN_IN_PROGRESS, 409),
            (Code::Aborted, reason::TURN_CANCELLED, 409),
            (Code::FailedPrecondition, reason::SESSION_FULL, 409),
            (Code::FailedPrecondition, reason::TOO_MANY_SESSIONS, 409),
            (Code::ResourceExhausted, reason::OVERLOADED, 429),
            (Code::ResourceExhausted, reason::RATE_LIMITED, 429),
            (Code::Unauthenticated, reason::UNAUTHENTICATED, 401),
            (Code::PermissionDenied, reason::PERMISSION_DENIED, 403),
            (Code::Unavailable, reason::STORE_UNAVAILABLE, 503),
            (Code::Unavailable, reason::MODEL_UNAVAILABLE, 503),
            (Code::Unavailable, reason::SERVICE_UNAVAILABLE, 503),
            (Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED, 504),
            (Code::Internal, reason::INTERNAL, 500),
        ] {
            let problem = from(code, reason, ErrorDetails::new());
            assert_eq!((problem.status, problem.reason.as_deref()), (http, Some(reason)));
        }
    }

    #[test]
    fn details_use_json_names() {
        let mut details = ErrorDetails::with_bad_request_violation("before_seq", "must not be given");
        details.set_retry_info(Some(Duration::from_millis(1500)));
        let problem = from(Code::InvalidArgument, reason::INVALID_ARGUMENT, details);
        assert_eq!(problem.violations[0].field, "before");
        let response = problem.into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }

    #[test]
    fn the_cause_of_a_status_is_its_code_and_sources() {
        let source = std::io::Error::other("connection refused");
        assert_eq!(describe(&Status::from_error(Box::new(source))), "Unknown: connection refused");
        assert_eq!(describe(&Status::internal("canary")), "Internal");
    }

    #[test]
    fn errors_of_the_transport_have_their_own_status() {
        let of = |code, text: &str| Problem::from(Status::new(code, text)).status;
        assert_eq!(of(Code::Cancelled, "Timeout expired"), 504);
        assert_eq!(of(Code::Unavailable, "tcp connect error"), 503);
        assert_eq!(of(Code::Unknown, "transport error"), 503);
        assert_eq!(of(Code::Unimplemented, "no"), 501);
        assert_eq!(of(Code::Internal, "bug"), 500);
    }
}
