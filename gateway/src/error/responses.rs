//! The errors of each operation, for the OpenAPI document.

use super::Problem;

/// Errors of a kind of operation.
macro_rules! refusals {
    ($($name:ident: $($status:literal $variant:ident $reasons:literal),+;)+) => {
        $(#[derive(utoipa::IntoResponses)]
        #[expect(dead_code, reason = "it describes responses that are created elsewhere")]
        pub(crate) enum $name {
            $(#[response(status = $status, description = $reasons, content_type = "application/problem+json")]
            $variant(Problem),)+
            #[response(status = "default", description = "Any other error", content_type = "application/problem+json")]
            Other(Problem),
        })+
    };
}

refusals! {
    Refusals:
        400 Invalid "INVALID_ARGUMENT",
        401 Unauthenticated "UNAUTHENTICATED: no valid credential",
        429 Busy "OVERLOADED or RATE_LIMITED: the call was not begun",
        503 Unavailable "STORE_UNAVAILABLE or SERVICE_UNAVAILABLE",
        504 Late "DEADLINE_EXCEEDED";
    SessionRefusals:
        400 Invalid "INVALID_ARGUMENT",
        401 Unauthenticated "UNAUTHENTICATED: no valid credential",
        404 NotFound "SESSION_NOT_FOUND",
        429 Busy "OVERLOADED or RATE_LIMITED: the call was not begun",
        503 Unavailable "STORE_UNAVAILABLE or SERVICE_UNAVAILABLE",
        504 Late "DEADLINE_EXCEEDED";
    SessionWriteRefusals:
        400 Invalid "INVALID_ARGUMENT",
        401 Unauthenticated "UNAUTHENTICATED: no valid credential",
        403 Forbidden "PERMISSION_DENIED: a page of another site sent this write",
        404 NotFound "SESSION_NOT_FOUND",
        429 Busy "OVERLOADED or RATE_LIMITED: the call was not begun",
        503 Unavailable "STORE_UNAVAILABLE or SERVICE_UNAVAILABLE",
        504 Late "DEADLINE_EXCEEDED";
    CreateRefusals:
        400 Invalid "INVALID_ARGUMENT",
        401 Unauthenticated "UNAUTHENTICATED: no valid credential",
        403 Forbidden "PERMISSION_DENIED: a page of another site sent this write",
        409 Conflict "SESSION_EXISTS or TOO_MANY_SESSIONS",
        413 TooLarge "the body is too large",
        415 NotJson "the body is not JSON",
        429 Busy "OVERLOADED or RATE_LIMITED: the call was not begun",
        503 Unavailable "STORE_UNAVAILABLE or SERVICE_UNAVAILABLE",
        504 Late "DEADLINE_EXCEEDED";
    ChatRefusals:
        400 Invalid "INVALID_ARGUMENT",
        401 Unauthenticated "UNAUTHENTICATED: no valid credential",
        403 Forbidden "PERMISSION_DENIED: a page of another site sent this write",
        404 NotFound "SESSION_NOT_FOUND",
        409 Conflict "TURN_IN_PROGRESS, TURN_CANCELLED or SESSION_FULL",
        413 TooLarge "the body is too large",
        415 NotJson "the body is not JSON",
        429 Busy "OVERLOADED or RATE_LIMITED: nothing was stored",
        503 Unavailable "MODEL_UNAVAILABLE, STORE_UNAVAILABLE or SERVICE_UNAVAILABLE",
        504 Late "DEADLINE_EXCEEDED";
    CancelRefusals:
        400 Invalid "INVALID_ARGUMENT",
        401 Unauthenticated "UNAUTHENTICATED: no valid credential",
        403 Forbidden "PERMISSION_DENIED: a page of another site sent this write",
        404 NotFound "SESSION_NOT_FOUND",
        413 TooLarge "the body is too large",
        415 NotJson "the body is not JSON",
        429 Busy "OVERLOADED or RATE_LIMITED: the call was not begun",
        503 Unavailable "STORE_UNAVAILABLE or SERVICE_UNAVAILABLE",
        504 Late "DEADLINE_EXCEEDED";
    AppendRefusals:
        400 Invalid "INVALID_ARGUMENT",
        401 Unauthenticated "UNAUTHENTICATED: no valid credential",
        403 Forbidden "PERMISSION_DENIED: a page of another site sent this write",
        404 NotFound "SESSION_NOT_FOUND",
        409 Conflict "SESSION_FULL",
        413 TooLarge "the body is too large",
        415 NotJson "the body is not JSON",
        429 Busy "OVERLOADED or RATE_LIMITED: the call was not begun",
        503 Unavailable "STORE_UNAVAILABLE or SERVICE_UNAVAILABLE",
        504 Late "DEADLINE_EXCEEDED";
}
