//! Reasons in `google.rpc.ErrorInfo`, and their domain.

/// Domain of all reasons.
pub const DOMAIN: &str = "nono";

/// `INVALID_ARGUMENT`: malformed or out of bounds.
pub const INVALID_ARGUMENT: &str = "INVALID_ARGUMENT";
/// `NOT_FOUND`: expired, deleted or never created; also a session of another owner.
pub const SESSION_NOT_FOUND: &str = "SESSION_NOT_FOUND";
/// `ALREADY_EXISTS`: a live session has this `user_id`.
pub const SESSION_EXISTS: &str = "SESSION_EXISTS";
/// `ABORTED`: another turn of the session is running.
pub const TURN_IN_PROGRESS: &str = "TURN_IN_PROGRESS";
/// `ABORTED`: the turn was cancelled before there was any text.
pub const TURN_CANCELLED: &str = "TURN_CANCELLED";
/// `FAILED_PRECONDITION`: the session would have too many messages.
pub const SESSION_FULL: &str = "SESSION_FULL";
/// `FAILED_PRECONDITION`: the owner has the configured maximum of sessions.
pub const TOO_MANY_SESSIONS: &str = "TOO_MANY_SESSIONS";
/// `RESOURCE_EXHAUSTED`: the service has the maximum number of calls or of running turns. Nothing was stored.
pub const OVERLOADED: &str = "OVERLOADED";
/// `RESOURCE_EXHAUSTED`: the caller exceeds its rate limit.
pub const RATE_LIMITED: &str = "RATE_LIMITED";
/// `UNAUTHENTICATED`: no credential, or an unknown one.
pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
/// `PERMISSION_DENIED`: the credential does not allow this call.
pub const PERMISSION_DENIED: &str = "PERMISSION_DENIED";
/// `UNAVAILABLE`: the store did not respond in time.
pub const STORE_UNAVAILABLE: &str = "STORE_UNAVAILABLE";
/// `UNAVAILABLE`: the service is shutting down.
pub const SERVICE_UNAVAILABLE: &str = "SERVICE_UNAVAILABLE";
/// `UNAVAILABLE`: the model is unreachable, stalled or failed, or the service stopped before the reply was complete.
pub const MODEL_UNAVAILABLE: &str = "MODEL_UNAVAILABLE";
/// `DEADLINE_EXCEEDED`: the caller's deadline or the service's own limit passed.
pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
/// `UNIMPLEMENTED`: unknown method, or unsupported compression.
pub const UNIMPLEMENTED: &str = "UNIMPLEMENTED";
/// `INTERNAL`: a bug.
pub const INTERNAL: &str = "INTERNAL";
