//! Errors as `application/problem+json` (RFC 9457). No other module builds one.

mod grpc;
mod responses;

pub(crate) use grpc::is_shutdown;

pub(crate) use responses::{
    AppendRefusals, CancelRefusals, ChatRefusals, CreateRefusals, Refusals, SessionRefusals,
    SessionWriteRefusals,
};

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use nono_proto::{
    Violations,
    limits::{HTTP_BODY_MAX_BYTES, HTTP_BODY_MAX_SENT_BYTES},
    reason,
};
use runtime::context::RequestContext;
use serde::Serialize;
use std::{fmt::Display, time::Duration};
use utoipa::ToSchema;

/// Retry delay while the session service is unreachable.
const SERVICE_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Retry delay while there are no keys to check tokens.
const KEYS_RETRY_DELAY: Duration = Duration::from_secs(5);
/// Retry delay while the gateway is overloaded.
const OVERLOAD_RETRY_DELAY: Duration = Duration::from_secs(1);

/// An error and what the caller can do about it (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Identifier of the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:nono:problem:SESSION_NOT_FOUND")]
    kind: String,
    /// Title of the kind of problem.
    #[schema(example = "Session not found")]
    title: &'static str,
    /// HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// Description of this case.
    detail: String,
    /// Stable reason for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "SESSION_NOT_FOUND")]
    reason: Option<String>,
    /// The violations of the request, at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Violation>,
    /// Number of violations that are not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    violations_omitted: Option<usize>,
    /// Delay in milliseconds before a retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// Id of the request in the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// Id of the trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    /// Page on which a person can sign in, for `UNAUTHENTICATED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://login.example.org/")]
    login_url: Option<String>,
    /// Authentication scheme that the request lacks.
    #[serde(skip)]
    scheme: Option<Scheme>,
}

/// Scheme of authentication in the header `www-authenticate`, which every 401 has (RFC 9110, section 11.6.1).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    /// The cookie of a browser. No standard has a name for it.
    Cookie,
    /// A token (RFC 6750, section 3).
    Bearer {
        /// `true` if the request has a credential that is not valid.
        is_token_invalid: bool,
    },
}

impl Scheme {
    /// Returns the value of the header.
    const fn challenge(self) -> &'static str {
        match self {
            Self::Cookie => "Cookie realm=\"nono\"",
            Self::Bearer { is_token_invalid: false } => "Bearer realm=\"nono\"",
            Self::Bearer { is_token_invalid: true } => "Bearer realm=\"nono\", error=\"invalid_token\"",
        }
    }
}

/// A field and the rule that it violates.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Violation {
    /// Path of the field.
    #[schema(example = "messages[0].content")]
    field: String,
    /// The violated rule.
    description: String,
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
            violations_omitted: None,
            retry_after_ms: None,
            request_id: None,
            trace_id: None,
            login_url: None,
            scheme: None,
        }
    }

    fn with_reason(mut self, reason: &str) -> Self {
        self.kind = format!("urn:nono:problem:{reason}");
        self.reason = Some(reason.to_owned());
        self
    }

    fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after_ms = u64::try_from(delay.as_millis()).ok();
        self
    }

    /// Returns the HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).expect("every problem has a valid status")
    }

    /// Creates the problem of a request that violates rules.
    pub(crate) fn invalid(violations: Violations) -> Self {
        let problem = Self::new(StatusCode::BAD_REQUEST, "Invalid request", violations.to_string());
        let listed = violations.listed().iter();
        let listed = listed.map(|nono_proto::Violation { field, description }| Violation {
            field: field.clone(),
            description: description.clone(),
        });
        Self {
            violations: listed.collect(),
            violations_omitted: Some(violations.omitted()).filter(|omitted| *omitted > 0),
            ..problem.with_reason(reason::INVALID_ARGUMENT)
        }
    }

    /// Creates the problem of a request that violates one rule.
    pub(crate) fn invalid_field(field: &str, description: impl Display) -> Self {
        Self::invalid(Violations::one(field, description))
    }

    /// Creates the problem of a request that a page of another site has caused.
    pub(crate) fn cross_site() -> Self {
        let detail =
            "the request comes from a page of another site; see --allowed-hosts if the page is yours";
        Self::new(StatusCode::FORBIDDEN, "Permission denied", detail).with_reason(reason::PERMISSION_DENIED)
    }

    /// Creates the problem of a request without a valid credential.
    pub(crate) fn unauthenticated(scheme: Scheme, detail: &str) -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, "Unauthenticated", detail);
        Self { scheme: Some(scheme), ..problem.with_reason(reason::UNAUTHENTICATED) }
    }

    /// Adds the page on which a person can sign in.
    pub(crate) fn with_login_url(self, url: Option<&str>) -> Self {
        Self { login_url: url.map(str::to_owned), ..self }
    }

    /// Creates the problem of a token that cannot be checked because the identity provider has not been reached yet.
    pub(crate) fn no_keys() -> Self {
        let detail = "the token cannot be checked, because the keys of the identity provider are not available yet: retry";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", detail)
            .with_reason(reason::SERVICE_UNAVAILABLE)
            .retry_after(KEYS_RETRY_DELAY)
    }

    /// Creates the problem of a request beyond a rate limit.
    pub(crate) fn rate_limited(wait: Duration) -> Self {
        let detail = "too many requests in a short time; the call was not begun, retry later";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests", detail)
            .with_reason(reason::RATE_LIMITED)
            .retry_after(wait)
    }

    /// Creates the problem of a call whose credential, which is that of the gateway, the service rejects.
    pub(crate) fn credential_rejected() -> Self {
        let detail = "the session service rejects the gateway; its operator can find the cause in the log";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", detail)
            .with_reason(reason::SERVICE_UNAVAILABLE)
            .retry_after(SERVICE_RETRY_DELAY)
    }

    /// Creates the problem of a request for a host that this server does not serve.
    pub(crate) fn misdirected() -> Self {
        let detail = "this server is not known by the host name of the request; use its IP address, localhost or a name \
                      given by --allowed-hosts";
        Self::new(StatusCode::MISDIRECTED_REQUEST, "Misdirected request", detail)
    }

    /// Creates the problem of a body that is larger than allowed.
    pub(crate) fn too_large() -> Self {
        let detail = format!(
            "the body must be at most {HTTP_BODY_MAX_BYTES} bytes with its JSON escapes decoded, and at most \
             {HTTP_BODY_MAX_SENT_BYTES} bytes as sent"
        );
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Body too large", detail)
    }

    /// Creates the problem of a body that did not arrive in time.
    pub(crate) fn body_timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "Request timeout", "the body did not arrive within 30 seconds")
    }

    /// Creates the problem of a call that was not made because too many others are in progress.
    pub(crate) fn too_many_calls() -> Self {
        Self::overloaded(
            "the gateway is busy: it has the maximum number of calls in progress; nothing was sent, retry",
        )
    }

    /// Creates the problem of a request or a response for which the gateway has no memory.
    pub(crate) fn out_of_memory() -> Self {
        Self::overloaded(
            "the gateway is busy: its memory is in use by other requests; the call was not begun, retry",
        )
    }

    fn overloaded(detail: &str) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "Overloaded", detail)
            .with_reason(reason::OVERLOADED)
            .retry_after(OVERLOAD_RETRY_DELAY)
    }

    /// Creates the problem of a body with another content type than JSON.
    pub(crate) fn not_json() -> Self {
        let detail = "the body must be JSON and its content-type application/json";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", detail)
    }

    /// Creates the problem of an unknown path.
    pub(crate) fn unknown_path(path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Not found",
            format!("there is nothing at {}; see /openapi.json", shortened(path)),
        )
    }

    /// Creates the problem of a method that a path does not support.
    pub(crate) fn wrong_method(method: &str, path: &str) -> Self {
        let detail = format!("{} does not take {}; see the allow header", shortened(path), shortened(method));
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", detail)
    }

    /// Creates the problem of a session service that did not respond in time.
    pub(crate) fn timeout() -> Self {
        let detail = "the session service did not answer in time; the call may or may not have taken effect";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "Deadline exceeded", detail)
            .with_reason(reason::DEADLINE_EXCEEDED)
    }

    /// Creates the problem of a stream that broke before `done`. The turn continues on the service.
    pub(crate) fn stream_interrupted() -> Self {
        let detail = "the reply was cut off here; it is still being stored: see the history, or try again with the same \
                      request_id";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", detail)
            .with_reason(reason::SERVICE_UNAVAILABLE)
            .retry_after(SERVICE_RETRY_DELAY)
    }

    /// Creates the problem of a watch stream that broke. The next one continues after the last event.
    pub(crate) fn watch_interrupted() -> Self {
        Self::watch_unavailable("the stream broke off")
    }

    /// Creates the problem of a watch stream that the gateway ends. The delay differs between clients, so that they do not all
    /// come back at once.
    pub(crate) fn watch_stopped(cause: &str) -> Self {
        Self::watch_unavailable(cause).retry_after(runtime::spread(SERVICE_RETRY_DELAY))
    }

    fn watch_unavailable(cause: &str) -> Self {
        let detail = format!("{cause}: open a new stream with the id of the last event");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", detail)
            .with_reason(reason::SERVICE_UNAVAILABLE)
            .retry_after(SERVICE_RETRY_DELAY)
    }

    /// Creates the problem of a watch stream over which the service sends nothing.
    pub(crate) fn watch_timeout() -> Self {
        let detail =
            "the session service has sent no event in time: open a new stream with the id of the last event";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "Deadline exceeded", detail)
            .with_reason(reason::DEADLINE_EXCEEDED)
            .retry_after(SERVICE_RETRY_DELAY)
    }

    /// Adds the ids of the request.
    pub(crate) fn with_context(mut self, context: &RequestContext) -> Self {
        self.request_id = Some(context.request_id().to_owned());
        self.trace_id = Some(context.trace_id().to_owned());
        self
    }

    /// Creates the problem of an internal error, whose cause is logged.
    pub(crate) fn internal(cause: &str) -> Self {
        tracing::error!(cause, "internal error");
        let detail = "an internal error; the gateway's log has its cause beside the request id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", detail).with_reason(reason::INTERNAL)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).expect("strings and numbers become JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.status).expect("it was one");
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(millis) = self.retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000).max(1)));
        }
        if let Some(scheme) = self.scheme {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(scheme.challenge()));
        }
        // The observing middleware adds the ids of the request.
        response.extensions_mut().insert(self);
        response
    }
}

/// Returns the beginning of a text that the caller chose.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(200)]
}
