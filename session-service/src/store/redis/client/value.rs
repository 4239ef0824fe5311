//! Conversion of Redis replies. Errors name types and never values.

use crate::store::{Cause, StoreError};
use bb8_redis::redis::{FromRedisValue, RedisResult, Value, from_redis_value};

/// Converts a reply.
pub(in crate::store::redis) fn read<T: FromRedisValue>(value: Value) -> Result<T, StoreError> {
    let found = match &value {
        Value::Nil => "nothing",
        Value::Int(_) => "an integer",
        Value::BulkString(_) | Value::SimpleString(_) => "a string",
        Value::Array(_) => "an array",
        _ => "a value of another type",
    };
    let expected = std::any::type_name::<T>();
    from_redis_value(value).map_err(|_| corrupt(format!("found {found} instead of {expected}")))
}

/// Returns the error for data that Nono cannot have written.
pub(in crate::store::redis) fn corrupt(cause: impl Into<Cause>) -> StoreError {
    StoreError::Corrupt(cause.into())
}

/// Converts an error reply into an error. Unlike [`Value::extract_error`] it does not search arrays.
pub(super) fn into_result(reply: Value) -> RedisResult<Value> {
    if matches!(reply, Value::ServerError(_)) { reply.extract_error() } else { Ok(reply) }
}
