//! Failures of a model server. Nothing that the server wrote is repeated, because it may echo the key or the message:
//! of its words, only the known ones are recognized.

use crate::model::{
    ModelError,
    limits::{RETRY_AFTER_MAX, RETRY_AFTER_MIN},
};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Error types and codes of OpenAI, Azure, vLLM, llama.cpp, Ollama, Groq, Mistral, OpenRouter and Gemini.
const KNOWN_CODES: [&str; 46] = [
    "BadRequestError",
    "DeploymentNotFound",
    "INVALID_ARGUMENT",
    "InternalServerError",
    "NOT_FOUND",
    "NotFoundError",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
    "account_deactivated",
    "api_error",
    "authentication_error",
    "bad_request",
    "billing_hard_limit_reached",
    "billing_not_active",
    "content_filter",
    "content_policy_violation",
    "context_length_exceeded",
    "engine_overloaded",
    "exceed_context_size_error",
    "insufficient_quota",
    "internal_error",
    "internal_server_error",
    "invalid_api_key",
    "invalid_organization",
    "invalid_request_error",
    "model_decommissioned",
    "model_not_found",
    "model_overloaded",
    "not_found_error",
    "overloaded_error",
    "permission_denied",
    "permission_error",
    "rate_limit_error",
    "rate_limit_exceeded",
    "requests",
    "server_error",
    "service_unavailable",
    "string_above_max_length",
    "timeout",
    "tokens",
    "unavailable_error",
    "unsupported_parameter",
    "unsupported_value",
    "upstream_error",
];

/// Returns the error for a status other than success. `model` is the name that was requested.
pub(super) fn from_response(
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
    model: &str,
) -> ModelError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    // Some servers wrap the object in a list.
    let body = body.get(0).unwrap_or(&body);
    let requested = (status == 404).then(|| format!("the requested model is {model:?}"));
    failed(status, retry_after, body.get("error").unwrap_or(body), requested)
}

/// Returns the error that a stream reports after a successful status. It may name a status.
pub(super) fn from_stream(error: &Value) -> ModelError {
    let number = |field: &str| match error.get(field)? {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64().and_then(|number| u16::try_from(number).ok()),
    };
    let status = number("code").or_else(|| number("status"));
    failed(status.filter(|status| (400..600).contains(status)).unwrap_or(500), None, error, None)
}

fn failed(status: u16, retry_after: Option<Duration>, error: &Value, more: Option<String>) -> ModelError {
    let code = |field: &str| known_code(error, field).map(str::to_owned);
    let words = [Some(format!("status {status}")), code("type"), code("code"), code("status"), more];
    let cause = words.into_iter().flatten().collect::<Vec<_>>().join(", ").into();
    match status {
        401 | 403 => ModelError::Unauthorized(cause),
        429 => ModelError::RateLimited { retry_after, cause },
        _ => ModelError::Failed { status, cause },
    }
}

fn known_code(error: &Value, field: &str) -> Option<&'static str> {
    let code = error.get(field)?.as_str()?;
    KNOWN_CODES.into_iter().find(|known| known.eq_ignore_ascii_case(code))
}

/// Parses a `Retry-After` header, which is a number of seconds or a date, and clamps it. `date` is the server's clock.
pub(super) fn retry_after(header: &str, date: SystemTime) -> Option<Duration> {
    let header = header.trim();
    let is_number = !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit());
    let delay = if is_number {
        // Too many digits for a number are more than the longest delay.
        header.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs)
    } else {
        httpdate::parse_http_date(header).ok()?.duration_since(date).unwrap_or_default()
    };
    Some(delay.clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CANARY: &str = "canary-text";

    fn log(status: u16, body: &Value) -> String {
        from_response(status, None, body.to_string().as_bytes(), "llama3.2").to_string()
    }

    #[test]
    fn causes_contain_only_known_codes_and_the_requested_model() {
        let error = json!({"message": CANARY, "type": "not_found_error", "code": "model_not_found"});
        assert_eq!(
            log(404, &json!({ "error": error })),
            "the model returned an error: status 404, not_found_error, model_not_found, the requested model is \"llama3.2\""
        );
        let error = json!({"message": CANARY, "type": "Insufficient_Quota", "code": CANARY});
        assert_eq!(
            log(429, &json!({ "error": error })),
            "the rate limit of the model is exceeded: status 429, insufficient_quota"
        );
        assert_eq!(
            log(400, &json!([{"error": {"code": 400, "message": CANARY, "status": "INVALID_ARGUMENT"}}])),
            "the model returned an error: status 400, INVALID_ARGUMENT"
        );
        assert_eq!(log(500, &json!(CANARY)), "the model returned an error: status 500");
    }

    #[test]
    fn errors_do_not_quote_fields_of_the_response() {
        for body in [
            json!({"error": CANARY}),
            json!({"error": {"type": CANARY, "code": CANARY, "message": CANARY, "param": CANARY, "status": CANARY}}),
            json!({"type": CANARY, "code": CANARY, "message": CANARY, CANARY: CANARY}),
            json!([{"error": {"type": CANARY}}]),
        ] {
            for status in [400, 401, 403, 404, 413, 429, 500, 503] {
                let text = log(status, &body);
                assert!(text.contains(&format!("status {status}")) && !text.contains(CANARY), "{text}");
            }
            let text = from_stream(&body).to_string();
            assert!(text.contains("status 500") && !text.contains(CANARY), "{text}");
        }
    }

    #[test]
    fn stream_errors_have_the_status_they_name() {
        for (error, outcome) in [
            (json!({"message": "slow down", "code": 429}), "rate_limited"),
            (json!({"message": "slow down", "code": "429"}), "rate_limited"),
            (json!({"code": 401}), "unauthorized"),
            (json!({"code": "oom"}), "failed"),
            (json!({"code": 200}), "failed"),
            (json!("out of memory"), "failed"),
        ] {
            assert_eq!(from_stream(&error).as_label(), outcome, "{error}");
        }
    }

    #[test]
    fn retry_after_is_clamped_and_invalid_values_are_ignored() {
        let date = httpdate::parse_http_date("Wed, 25 Nov 2026 12:00:00 GMT").unwrap();
        for (header, seconds) in [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("0", Some(1)),
            ("60", Some(60)),
            ("61", Some(60)),
            ("315360000", Some(60)),
            ("99999999999999999999999999", Some(60)),
            ("Wed, 25 Nov 2026 12:00:09 GMT", Some(9)),
            ("Wed, 25 Nov 2026 11:00:00 GMT", Some(1)),
            ("Wednesday, 25-Nov-26 12:00:09 GMT", Some(9)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(60)),
            ("-1", None),
            ("1.5", None),
            ("7s", None),
            ("soon", None),
            ("", None),
            ("Wed, 99 Nov 2026", None),
        ] {
            assert_eq!(retry_after(header, date), seconds.map(Duration::from_secs), "{header:?}");
        }
    }
}
