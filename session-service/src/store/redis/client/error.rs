//! Meaning of Redis errors: whether to retry, redirect, reconnect or refresh.

use crate::store::Unreachable;
use bb8_redis::redis::{ErrorKind, RedisError, ServerError};
use std::{error::Error, io, sync::Arc};

/// Returns the error code, which is the first word of an error. Before Redis 7, an error inside a script has its code
/// within the script's error.
fn error_code(error: &RedisError) -> Option<&str> {
    match (error.code()?, error.detail()) {
        ("ERR", Some(detail)) if detail.contains("running script") => {
            let (_, cause) = detail.split_once(": -")?;
            cause.split_whitespace().next()
        }
        (code, _) => Some(code),
    }
}

pub(super) fn has_code(error: &RedisError, codes: &[&str]) -> bool {
    error_code(error).is_some_and(|code| codes.contains(&code))
}

/// Returns `true` if the server does not know the script.
pub(super) fn is_unknown_script(error: &RedisError) -> bool {
    has_code(error, &["NOSCRIPT"])
}

/// Returns `true` if the key holds a value of another type than the command expects.
pub(super) fn is_wrong_type(error: &RedisError) -> bool {
    has_code(error, &["WRONGTYPE"])
}

/// Returns `true` if the server did not execute the request because another server should.
pub(super) fn is_redirect(error: &RedisError) -> bool {
    has_code(error, &["ASK", "CLUSTERDOWN", "MASTERDOWN", "MOVED", "READONLY", "TRYAGAIN"])
        || error.kind() == ErrorKind::ClusterConnectionNotFound
}

/// Returns `true` if the connection was lost before the response, so an immediate retry on a new one may succeed.
pub(super) fn is_connection_lost(error: &RedisError) -> bool {
    error.is_connection_dropped() && !error.is_timeout()
}

/// Returns `true` if the connection must not be used again: it was lost or timed out, or its server is now a replica.
pub(super) fn is_connection_unusable(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_timeout() || has_code(error, &["READONLY", "UNBLOCKED"])
}

/// Returns `true` if the cached topology may be stale.
pub(super) fn should_refresh_topology(error: &RedisError) -> bool {
    is_connection_unusable(error) || has_code(error, &["CLUSTERDOWN", "MASTERDOWN"])
}

/// Returns the I/O error that the driver has wrapped.
pub(super) fn io_error(error: &RedisError) -> Option<&io::Error> {
    error.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?.downcast_ref()
}

/// Returns the error of the server; of a pipeline, the first one.
pub(super) fn server_error(error: &RedisError) -> Option<ServerError> {
    error.clone().into_server_errors()?.first().map(|(_, error)| error.clone())
}

/// Returns the error for a request without a connection.
pub(super) fn not_connected(reason: Unreachable) -> RedisError {
    io::Error::new(io::ErrorKind::NotConnected, reason).into()
}

/// Returns the error without arguments of commands and without values. Redis quotes the arguments of unknown commands,
/// which may be a password or a message, and the driver quotes replies that it cannot parse.
pub(super) fn describe(error: &RedisError) -> String {
    if matches!(error.kind(), ErrorKind::Parse | ErrorKind::UnexpectedReturnType) {
        return format!("{:?} error", error.kind());
    }
    let text = error.to_string();
    text.split(", with args").next().unwrap_or_default().to_owned()
}
