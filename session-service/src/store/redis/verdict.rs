//! What an error of Redis means: whether the request may go elsewhere, whether the connection is of use, what callers are
//! told.

use crate::store::StoreError;
use bb8_redis::redis::{ErrorKind, RedisError};

/// The word that an error begins with. One that a script ran into keeps its word within the script's, before Redis 7.
fn word(error: &RedisError) -> Option<&str> {
    match (error.code()?, error.detail()) {
        ("ERR", Some(detail)) if detail.contains("running script") => {
            let (_, cause) = detail.split_once(": -")?;
            cause.split_whitespace().next()
        }
        (code, _) => Some(code),
    }
}

fn says(error: &RedisError, words: &[&str]) -> bool {
    word(error).is_some_and(|word| words.contains(&word))
}

pub(super) fn is_unknown_script(error: &RedisError) -> bool {
    says(error, &["NOSCRIPT"])
}

/// Returns `true` if the command's key holds a value of another type than the command is for.
pub(super) fn is_wrong_type(error: &RedisError) -> bool {
    says(error, &["WRONGTYPE"])
}

/// Whether the server said that it did not do it, and which one does is being found out.
pub(super) fn was_not_taken(error: &RedisError) -> bool {
    says(error, &["ASK", "CLUSTERDOWN", "MASTERDOWN", "MOVED", "READONLY", "TRYAGAIN"])
        || error.kind() == ErrorKind::ClusterConnectionNotFound
}

/// Whether the connection ended before the answer, so that another one may do better at once.
pub(super) fn was_cut(error: &RedisError) -> bool {
    error.is_connection_dropped() && !error.is_timeout()
}

/// Whether the connection is of no more use: it is cut, it is silent, or its server has become a replica.
pub(super) fn is_fatal(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_timeout() || says(error, &["READONLY", "UNBLOCKED"])
}

/// Whether what is known of a cluster may no longer be right: a node hangs, is gone, or stands in for one that is.
pub(super) fn is_doubtful(error: &RedisError) -> bool {
    is_fatal(error) || says(error, &["CLUSTERDOWN", "MASTERDOWN"])
}

/// Tells a server that cannot serve now from one that answers nonsense.
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
    let unavailable = matches!(
        error.kind(),
        ErrorKind::Io | ErrorKind::AuthenticationFailed | ErrorKind::ClusterConnectionNotFound
    ) || says(&error, &UNAVAILABLE)
        || error.is_timeout()
        || error.is_unrecoverable_error();
    let cause = describe(&error).into();
    if unavailable { StoreError::Unavailable(cause) } else { StoreError::Broken(cause) }
}

/// Returns the error in words that hold no argument of a command. Redis quotes the arguments of a command that it does not
/// know, and they may be a password or a message; the library quotes replies that it cannot parse.
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
        let answer = parse_redis_value(format!("-{line}\r\n").as_bytes());
        answer.and_then(Value::extract_error).unwrap_err()
    }

    #[test]
    fn a_server_that_cannot_serve_now_is_unavailable_whichever_way_it_says_so() {
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
            assert_eq!(is_fatal(&error), line.contains("READONLY") || line.contains("UNBLOCKED"), "{line}");
            assert!(matches!(classify(error), StoreError::Unavailable(_)), "{line}");
        }
    }

    #[test]
    fn arguments_that_redis_quotes_are_not_repeated() {
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
            let (StoreError::Broken(cause) | StoreError::Unavailable(cause)) = classify(error(line)) else {
                panic!("{line}")
            };
            let text = format!("{cause} {cause:?}");
            assert!(text.contains(expected) && !text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn nonsense_is_no_failure_of_the_server() {
        for line in [
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "ERR Error running script (call to f_0a1b): @user_script:3: user_script:3: attempt to index a nil value",
        ] {
            assert!(matches!(classify(error(line)), StoreError::Broken(_)), "{line}");
        }
    }
}
