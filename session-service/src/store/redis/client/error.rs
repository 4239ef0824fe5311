//! Meaning of Redis errors: whether to retry, redirect, reconnect or refresh, and what callers receive.

use crate::store::StoreError;
use bb8_redis::redis::{ErrorKind, RedisError};

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

fn has_code(error: &RedisError, codes: &[&str]) -> bool {
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

/// Maps a Redis error to [`StoreError::Unavailable`] (temporary) or [`StoreError::Corrupt`].
pub(super) fn classify(error: RedisError) -> StoreError {
    const UNAVAILABLE: [&str; 16] = [
        "ASK",
        "BUSY",
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "MOVED",
        "NOAUTH",
        "NOPERM",
        "NOREPLICAS",
        "OOM",
        "READONLY",
        "TRYAGAIN",
        "UNBLOCKED",
        "WRONGPASS",
        "NOSCRIPT",
    ];
    let is_unavailable = matches!(
        error.kind(),
        ErrorKind::Io | ErrorKind::AuthenticationFailed | ErrorKind::ClusterConnectionNotFound
    ) || has_code(&error, &UNAVAILABLE)
        || error.is_timeout()
        || error.is_unrecoverable_error();
    let cause = describe(&error).into();
    if is_unavailable { StoreError::Unavailable(cause) } else { StoreError::Corrupt(cause) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use bb8_redis::redis::{Value, parse_redis_value};

    fn error(line: &str) -> RedisError {
        let reply = parse_redis_value(format!("-{line}\r\n").as_bytes());
        reply.and_then(Value::extract_error).unwrap_err()
    }

    #[test]
    fn temporary_errors_of_every_redis_version_are_unavailable() {
        for line in [
            "OOM command not allowed when used memory > 'maxmemory'.",
            "READONLY You can't write against a read only replica.",
            "READONLY You can't write against a read only replica. script: 0a1b, on @user_script:3.",
            "ERR Error running script (call to f_0a1b): @user_script:3: -READONLY You can't write against a read only replica.",
            "ERR Error running script (call to f_0a1b): @user_script:3: -OOM command not allowed when used memory > 'maxmemory'.",
            "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
            "LOADING Redis is loading the dataset in memory",
            "NOREPLICAS Not enough good replicas to write.",
            "NOPERM this user has no permissions to run the 'zadd' command",
            "TRYAGAIN Multiple keys request during rehashing of slot",
        ] {
            let error = error(line);
            assert_eq!(
                is_connection_unusable(&error),
                line.contains("READONLY") || line.contains("UNBLOCKED"),
                "{line}"
            );
            assert!(matches!(classify(error), StoreError::Unavailable(_)), "{line}");
        }
    }

    #[test]
    fn quoted_arguments_are_removed() {
        for (line, expected) in [
            (
                "ERR unknown command 'EVALSHA', with args beginning with: '0a1b' 'canary' ",
                "unknown command 'EVALSHA'",
            ),
            (
                "ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `canary`, ",
                "unknown command `HELLO`",
            ),
            ("OOM command not allowed when used memory > 'maxmemory'.", "OOM"),
        ] {
            let (StoreError::Corrupt(cause) | StoreError::Unavailable(cause)) = classify(error(line)) else {
                panic!("{line}")
            };
            let text = format!("{cause} {cause:?}");
            assert!(text.contains(expected) && !text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn errors_about_stored_data_are_corrupt() {
        for line in [
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "ERR Error running script (call to f_0a1b): @user_script:3: user_script:3: attempt to index a nil value",
        ] {
            assert!(matches!(classify(error(line)), StoreError::Corrupt(_)), "{line}");
        }
    }
}
