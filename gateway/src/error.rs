//! Errors as `application/problem+json` (RFC 9457): the only place that builds one, by one exhaustive table.

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use nono_proto::{limits::HTTP_BODY_MAX_BYTES, reason};
use process::call::Call;
use serde::{Deserialize, Serialize};
use std::{error::Error, time::Duration};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use utoipa::ToSchema;

/// The reason when the session service cannot be reached: it never gives one itself.
const SERVICE_UNAVAILABLE: &str = "SERVICE_UNAVAILABLE";
/// When to try again after the session service could not be reached.
const SERVICE_RETRY: Duration = Duration::from_secs(1);

/// What went wrong and what to do next.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Identifies the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:nono:problem:SESSION_NOT_FOUND")]
    kind: String,
    /// The kind in words, always the same for one kind.
    #[schema(example = "Session not found")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// This case in words.
    detail: String,
    /// The stable reason for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "SESSION_NOT_FOUND")]
    reason: Option<String>,
    /// Every field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Violation>,
    /// After how many milliseconds to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// The request's id, as in the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// The request's trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

/// One field that is wrong.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Violation {
    /// The field's path, such as `messages[0].content`.
    pub(crate) field: String,
    /// What is wrong and what would be right.
    pub(crate) description: String,
}

impl Problem {
    fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".into(),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            reason: None,
            violations: Vec::new(),
            retry_after_ms: None,
            request_id: None,
            trace_id: None,
        }
    }

    fn because(mut self, reason: &str) -> Self {
        self.kind = format!("urn:nono:problem:{reason}");
        self.reason = Some(reason.to_owned());
        self
    }

    fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after_ms = u64::try_from(delay.as_millis()).ok();
        self
    }

    /// A request with wrong fields.
    pub(crate) fn invalid(violations: Vec<Violation>) -> Self {
        let text: Vec<_> = violations.iter().map(|v| format!("{}: {}", v.field, v.description)).collect();
        let problem = Self::new(StatusCode::BAD_REQUEST, "Invalid request", text.join("; "));
        Self { violations, ..problem.because(reason::INVALID_ARGUMENT) }
    }

    /// A request whose body is wrong as a whole.
    pub(crate) fn invalid_body(description: impl Into<String>) -> Self {
        Self::invalid(vec![Violation { field: "body".into(), description: description.into() }])
    }

    /// A body that is longer than allowed.
    pub(crate) fn too_large() -> Self {
        let detail = format!("the body must be at most {HTTP_BODY_MAX_BYTES} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Body too large", detail)
    }

    /// A body that does not come.
    pub(crate) fn slow_body() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "Request timeout", "the body did not arrive within 30 seconds")
    }

    /// A body that is not said to be JSON.
    pub(crate) fn not_json() -> Self {
        let detail = "the body must be JSON and its content-type application/json";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", detail)
    }

    /// A path that leads nowhere.
    pub(crate) fn unknown_path(path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Not found",
            format!("there is nothing at {path}; see /openapi.json"),
        )
    }

    /// A method that the path does not know.
    pub(crate) fn wrong_method(method: &str, path: &str) -> Self {
        let detail = format!("{path} does not take {method}; see the allow header");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", detail)
    }

    /// A session service that does not answer in time.
    pub(crate) fn timeout() -> Self {
        let detail = "the session service did not answer in time; the call may or may not have taken effect";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "Deadline exceeded", detail).because(reason::DEADLINE_EXCEEDED)
    }

    /// A turn whose end does not come through. It goes on without us.
    pub(crate) fn cut() -> Self {
        let detail = "the reply was cut off here; it is still being stored: see the history, or try again with the same \
                      request_id";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", detail)
            .because(SERVICE_UNAVAILABLE)
            .retry_after(SERVICE_RETRY)
    }

    /// The problem with the ids of the call that it ended.
    pub(crate) fn of(mut self, call: &Call) -> Self {
        self.request_id = Some(call.request_id.clone());
        self.trace_id = Some(call.trace_id.clone());
        self
    }

    /// A bug of the gateway. The cause is in the log.
    pub(crate) fn internal(cause: &str) -> Self {
        tracing::error!(cause, "internal error");
        let detail = "an internal error; the gateway's log has its cause beside the request id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", detail).because(reason::INTERNAL)
    }

    fn unreachable(status: &Status) -> Self {
        tracing::warn!(error = %status, "session service unreachable");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Unavailable",
            "the session service cannot be reached; try again",
        )
        .because(SERVICE_UNAVAILABLE)
        .retry_after(SERVICE_RETRY)
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let reason = details
            .error_info()
            .filter(|info| info.domain == reason::DOMAIN)
            .map(|info| info.reason.as_str());
        let (http, title) = translate(&status, reason);
        let Some(reason) = reason else {
            return match http {
                StatusCode::SERVICE_UNAVAILABLE => Self::unreachable(&status),
                StatusCode::GATEWAY_TIMEOUT => Self::timeout(),
                StatusCode::INTERNAL_SERVER_ERROR => Self::internal(&status.to_string()),
                _ => Self::new(http, title, status.message()),
            };
        };
        let mut problem = Self::new(http, title, status.message()).because(reason);
        if let Some(request) = details.bad_request() {
            let violations = request.field_violations.iter().map(|violation| Violation {
                field: json_name(&violation.field).to_owned(),
                description: violation.description.clone(),
            });
            problem = Self { title, ..Self::invalid(violations.collect()) };
        }
        if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
            problem = problem.retry_after(delay);
        }
        problem
    }
}

/// What REST calls a field that gRPC calls otherwise.
fn json_name(field: &str) -> &str {
    match field {
        "before_seq" => "before",
        "after_seq" => "after",
        same => same,
    }
}

/// The HTTP status and the title of a gRPC status. Without a reason it is not the service's own word.
fn translate(status: &Status, reason: Option<&str>) -> (StatusCode, &'static str) {
    match status.code() {
        Code::Ok | Code::Internal | Code::DataLoss if status.source().is_none() => {
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal error")
        }
        Code::Ok | Code::Internal | Code::DataLoss | Code::Unknown => {
            (StatusCode::SERVICE_UNAVAILABLE, "Unavailable")
        }
        // tonic's way to say that a time-out passed.
        Code::Cancelled if status.message() == "Timeout expired" => {
            (StatusCode::GATEWAY_TIMEOUT, "Deadline exceeded")
        }
        Code::Cancelled | Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, unavailable(reason)),
        Code::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, "Deadline exceeded"),
        Code::InvalidArgument => (StatusCode::BAD_REQUEST, "Invalid request"),
        Code::OutOfRange => (StatusCode::PAYLOAD_TOO_LARGE, "Body too large"),
        Code::NotFound => (StatusCode::NOT_FOUND, "Session not found"),
        Code::AlreadyExists => (StatusCode::CONFLICT, "Session exists"),
        Code::Aborted => (StatusCode::CONFLICT, "Turn in progress"),
        Code::FailedPrecondition if reason == Some(reason::SESSION_FULL) => {
            (StatusCode::CONFLICT, "Session full")
        }
        Code::FailedPrecondition => (StatusCode::CONFLICT, "Too many sessions"),
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

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).expect("strings and numbers become JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.status).expect("it was one");
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(millis) = self.retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000).max(1)));
        }
        // For the layer that knows the call's ids.
        response.extensions_mut().insert(self);
        response
    }
}

/// What any request may be refused with, for the OpenAPI document.
macro_rules! refusals {
    ($($name:ident: $($status:literal $variant:ident $reasons:literal),+;)+) => {
        $(#[derive(utoipa::IntoResponses)]
        #[expect(dead_code, reason = "it describes answers that are made elsewhere")]
        pub(crate) enum $name {
            $(#[response(status = $status, description = $reasons, content_type = "application/problem+json")]
            $variant(Problem),)+
        })+
    };
}

refusals! {
    Refusals:
        400 Invalid "INVALID_ARGUMENT",
        503 Unavailable "STORE_UNAVAILABLE or SERVICE_UNAVAILABLE",
        504 Late "DEADLINE_EXCEEDED";
    SessionRefusals:
        400 Invalid "INVALID_ARGUMENT",
        404 NotFound "SESSION_NOT_FOUND",
        503 Unavailable "STORE_UNAVAILABLE or SERVICE_UNAVAILABLE",
        504 Late "DEADLINE_EXCEEDED";
    CreateRefusals:
        400 Invalid "INVALID_ARGUMENT",
        409 Conflict "SESSION_EXISTS or TOO_MANY_SESSIONS",
        413 TooLarge "the body is too large",
        415 NotJson "the body is not JSON",
        503 Unavailable "STORE_UNAVAILABLE or SERVICE_UNAVAILABLE",
        504 Late "DEADLINE_EXCEEDED";
    ChatRefusals:
        400 Invalid "INVALID_ARGUMENT",
        404 NotFound "SESSION_NOT_FOUND",
        409 Conflict "TURN_IN_PROGRESS or SESSION_FULL",
        413 TooLarge "the body is too large",
        415 NotJson "the body is not JSON",
        503 Unavailable "MODEL_UNAVAILABLE, STORE_UNAVAILABLE or SERVICE_UNAVAILABLE",
        504 Late "DEADLINE_EXCEEDED";
    AppendRefusals:
        400 Invalid "INVALID_ARGUMENT",
        404 NotFound "SESSION_NOT_FOUND",
        409 Conflict "SESSION_FULL",
        413 TooLarge "the body is too large",
        415 NotJson "the body is not JSON",
        503 Unavailable "STORE_UNAVAILABLE or SERVICE_UNAVAILABLE",
        504 Late "DEADLINE_EXCEEDED";
}

#[cfg(test)]
mod tests {
    use super::*;
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
            (Code::FailedPrecondition, reason::SESSION_FULL, 409),
            (Code::FailedPrecondition, reason::TOO_MANY_SESSIONS, 409),
            (Code::ResourceExhausted, reason::OVERLOADED, 429),
            (Code::ResourceExhausted, reason::RATE_LIMITED, 429),
            (Code::Unauthenticated, reason::UNAUTHENTICATED, 401),
            (Code::PermissionDenied, reason::PERMISSION_DENIED, 403),
            (Code::Unavailable, reason::STORE_UNAVAILABLE, 503),
            (Code::Unavailable, reason::MODEL_UNAVAILABLE, 503),
            (Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED, 504),
            (Code::Internal, reason::INTERNAL, 500),
        ] {
            let problem = from(code, reason, ErrorDetails::new());
            assert_eq!((problem.status, problem.reason.as_deref()), (http, Some(reason)));
        }
    }

    #[test]
    fn details_are_carried_over_in_json_names() {
        let mut details = ErrorDetails::with_bad_request_violation("before_seq", "must not be given");
        details.set_retry_info(Some(Duration::from_millis(1500)));
        let problem = from(Code::InvalidArgument, reason::INVALID_ARGUMENT, details);
        assert_eq!(problem.violations[0].field, "before");
        let response = problem.into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }

    #[test]
    fn what_is_not_the_services_own_word_is_told_apart() {
        let of = |code, text: &str| Problem::from(Status::new(code, text)).status;
        assert_eq!(of(Code::Cancelled, "Timeout expired"), 504);
        assert_eq!(of(Code::Unavailable, "tcp connect error"), 503);
        assert_eq!(of(Code::Unknown, "transport error"), 503);
        assert_eq!(of(Code::Unimplemented, "no"), 501);
        assert_eq!(of(Code::Internal, "bug"), 500);
    }
}
