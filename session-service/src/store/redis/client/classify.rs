//! Classification of Redis errors: the errors that callers receive.

use super::{
    error::{describe, has_code, io_error},
    failure::reason,
};
use crate::store::{StoreError, Unreachable};
use bb8_redis::redis::{ErrorKind, RedisError};

/// Subject of a reason when the server of a request is not known.
const SERVER: &str = "Redis";

/// Maps a Redis error to [`StoreError::Unavailable`] (temporary) or [`StoreError::Corrupt`].
pub(super) fn classify(error: RedisError) -> StoreError {
    if let Some(reason) = outage(&error) {
        return StoreError::Unavailable(Box::new(reason));
    }
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

/// Maps the error of a check of the server. Every reason for which the check fails counts as an outage.
pub(super) fn classify_check(error: &RedisError) -> StoreError {
    StoreError::Unavailable(Box::new(outage(error).unwrap_or_else(|| reason(SERVER, error))))
}

/// Returns the reason if the request failed because of its connection or because the server serves no requests.
fn outage(error: &RedisError) -> Option<Unreachable> {
    let io_error = io_error(error);
    let known = io_error.and_then(|error| error.get_ref()?.downcast_ref::<Unreachable>());
    let is_outage = io_error.is_some()
        || error.kind() == ErrorKind::ClusterConnectionNotFound
        || has_code(error, &["LOADING"]);
    known.cloned().or_else(|| is_outage.then(|| reason(SERVER, error)))
}

#[cfg(test)]
mod tests {
    use super::{super::error::is_connection_unusable, *};
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
