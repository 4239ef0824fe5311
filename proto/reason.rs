//! The reasons that an error carries in `google.rpc.ErrorInfo`, and their domain.

/// The domain of every reason.
pub const DOMAIN: &str = "nono";

/// `INVALID_ARGUMENT`: malformed or out of bounds.
pub const INVALID_ARGUMENT: &str = "INVALID_ARGUMENT";
/// `NOT_FOUND`: expired, deleted or never there; also somebody else's.
pub const SESSION_NOT_FOUND: &str = "SESSION_NOT_FOUND";
/// `ALREADY_EXISTS`: a live session has this `user_id`.
pub const SESSION_EXISTS: &str = "SESSION_EXISTS";
/// `ABORTED`: a reply is still being written.
pub const TURN_IN_PROGRESS: &str = "TURN_IN_PROGRESS";
/// `FAILED_PRECONDITION`: the session would hold too many messages.
pub const SESSION_FULL: &str = "SESSION_FULL";
/// `FAILED_PRECONDITION`: the owner has as many sessions as configured.
pub const TOO_MANY_SESSIONS: &str = "TOO_MANY_SESSIONS";
/// `RESOURCE_EXHAUSTED`: the service has more calls than it can serve.
pub const OVERLOADED: &str = "OVERLOADED";
/// `RESOURCE_EXHAUSTED`: the caller makes more calls than it may.
pub const RATE_LIMITED: &str = "RATE_LIMITED";
/// `UNAUTHENTICATED`: no credential, or one that is not known.
pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
/// `PERMISSION_DENIED`: the credential does not allow this call.
pub const PERMISSION_DENIED: &str = "PERMISSION_DENIED";
/// `UNAVAILABLE`: the store did not answer in time.
pub const STORE_UNAVAILABLE: &str = "STORE_UNAVAILABLE";
/// `UNAVAILABLE`: the model refused, fell silent or failed.
pub const MODEL_UNAVAILABLE: &str = "MODEL_UNAVAILABLE";
/// `DEADLINE_EXCEEDED`: the caller's deadline or the service's own limit passed.
pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
/// `UNIMPLEMENTED`: no such method, or a compression that is not supported.
pub const UNIMPLEMENTED: &str = "UNIMPLEMENTED";
/// `INTERNAL`: a bug.
pub const INTERNAL: &str = "INTERNAL";
