//! The JSON of chat completions: written as every compatible server reads it, read as loosely as they write it.

use crate::{
    domain::Role,
    model::{FinishReason, ModelError, Prompt},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// The most characters of a server's message in the log.
const MESSAGE_MAX_CHARS: usize = 200;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    stream: bool,
    temperature: f32,
    max_tokens: u32,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: std::borrow::Cow<'a, str>,
}

/// The body of a request. Messages of one speaker in a row become one, as after a turn that failed: the templates of
/// many models refuse a conversation whose speakers do not alternate.
pub(super) fn request(model: &str, prompt: &Prompt) -> Vec<u8> {
    let mut messages = vec![Message { role: Role::System.as_str(), content: prompt.system.as_str().into() }];
    for message in &prompt.messages {
        let (role, content) = (message.role.as_str(), message.content.as_str());
        match messages.last_mut() {
            Some(last) if last.role == role => last.content.to_mut().extend(["\n\n", content]),
            _ => messages.push(Message { role, content: content.into() }),
        }
    }
    let Prompt { temperature, max_tokens, .. } = *prompt;
    let request = Request { model, messages, stream: true, temperature, max_tokens };
    serde_json::to_vec(&request).expect("texts and numbers are JSON")
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
}

/// The text of a chunk, which may be empty, and why the reply ends, if it does.
pub(super) fn chunk(json: &str) -> Result<(String, Option<FinishReason>), ModelError> {
    // The parser's own words may quote the text.
    let garbage = |error: serde_json::Error| {
        ModelError::Garbage(
            format!("a chunk is wrong at column {} ({:?})", error.column(), error.classify()).into(),
        )
    };
    let chunk: Chunk = serde_json::from_str(json).map_err(garbage)?;
    if let Some(error) = chunk.error {
        return Err(failed_in_stream(&error));
    }
    let Some(choice) = chunk.choices.unwrap_or_default().into_iter().next() else {
        return Ok((String::new(), None));
    };
    let text = choice.delta.and_then(|delta| delta.content).unwrap_or_default();
    Ok((text, choice.finish_reason.as_deref().and_then(finish_reason)))
}

fn finish_reason(word: &str) -> Option<FinishReason> {
    match word {
        // Some servers write it in every chunk, and mean null.
        "" => None,
        "stop" => Some(FinishReason::Stop),
        "length" => Some(FinishReason::Length),
        "content_filter" => Some(FinishReason::ContentFilter),
        _ => Some(FinishReason::Unknown),
    }
}

/// What a status other than success means.
pub(super) fn failure(status: u16, retry_after: Option<Duration>, body: &[u8]) -> ModelError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    failed(status, retry_after, body.get("error").unwrap_or(&body))
}

/// What an error in the middle of a stream means; it may name a status.
fn failed_in_stream(error: &Value) -> ModelError {
    let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    failed(status.filter(|status| (400..600).contains(status)).unwrap_or(500), None, error)
}

fn failed(status: u16, retry_after: Option<Duration>, error: &Value) -> ModelError {
    let cause =
        [Some(format!("status {status}")), word(error, "type"), word(error, "code"), missing(status, error)];
    let cause = cause.into_iter().flatten().collect::<Vec<_>>().join(", ").into();
    match status {
        401 | 403 => ModelError::Unauthorized(cause),
        429 => ModelError::RateLimited { retry_after, cause },
        _ => ModelError::Failed { status, cause },
    }
}

/// A field that is a word such as `insufficient_quota`.
fn word(error: &Value, field: &str) -> Option<String> {
    let word = error.get(field)?.as_str()?;
    let is_word = word.len() <= 64 && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    is_word.then(|| word.to_owned())
}

/// What the server says is not there: the model's name, mostly. Other messages may quote the key or what was said.
fn missing(status: u16, error: &Value) -> Option<String> {
    let message = error.get("message").unwrap_or(error).as_str().filter(|_| status == 404)?;
    Some(message.chars().filter(|c| !c.is_control()).take(MESSAGE_MAX_CHARS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PromptMessage, tests::prompt};
    use serde_json::json;

    fn messages(said: &[(Role, &str)]) -> Value {
        let message = |&(role, text): &(Role, &str)| PromptMessage { role, content: text.into() };
        let prompt = Prompt { messages: said.iter().map(message).collect(), ..prompt("") };
        let request: Value = serde_json::from_slice(&request("m", &prompt)).unwrap();
        request["messages"].clone()
    }

    #[test]
    fn a_request_says_the_system_prompt_first_and_then_the_messages() {
        let said = [(Role::User, "a"), (Role::Assistant, "b"), (Role::System, "c"), (Role::User, "d")];
        let expected = json!([
            {"role": "system", "content": "Be kind."}, {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"}, {"role": "system", "content": "c"}, {"role": "user", "content": "d"},
        ]);
        assert_eq!(messages(&said), expected);
    }

    #[test]
    fn messages_of_one_speaker_in_a_row_become_one() {
        let said = [(Role::User, "a"), (Role::User, "b"), (Role::Assistant, "c")];
        let expected = json!([
            {"role": "system", "content": "Be kind."}, {"role": "user", "content": "a\n\nb"},
            {"role": "assistant", "content": "c"},
        ]);
        assert_eq!(messages(&said), expected);
    }

    #[test]
    fn a_chunk_may_lack_anything() {
        for json in [
            "{}",
            r#"{"choices":null}"#,
            r#"{"choices":[],"usage":{"total_tokens":3}}"#,
            r#"{"choices":[{}]}"#,
            r#"{"choices":[{"delta":null,"finish_reason":null}]}"#,
            r#"{"choices":[{"delta":{"role":"assistant"},"finish_reason":""}]}"#,
            r#"{"choices":[{"delta":{"content":null,"reasoning_content":"hm"}}],"error":null}"#,
        ] {
            assert_eq!(chunk(json).unwrap(), (String::new(), None), "{json}");
        }
    }

    #[test]
    fn a_chunk_has_a_text_and_a_finish_reason() {
        for (word, expected) in [
            ("stop", FinishReason::Stop),
            ("length", FinishReason::Length),
            ("content_filter", FinishReason::ContentFilter),
            ("tool_calls", FinishReason::Unknown),
            ("eos", FinishReason::Unknown),
        ] {
            let json = json!({"choices": [{"delta": {"content": "a"}, "finish_reason": word}]}).to_string();
            assert_eq!(chunk(&json).unwrap(), ("a".into(), Some(expected)));
        }
    }

    #[test]
    fn an_error_in_the_stream_is_a_failure_with_its_status() {
        let error = |json: &str| chunk(json).unwrap_err().outcome();
        assert_eq!(error(r#"{"error":{"message":"slow down","code":429}}"#), "rate_limited");
        assert_eq!(error(r#"{"error":{"message":"out of memory","code":"oom"}}"#), "failed");
        assert_eq!(error(r#"{"error":"out of memory"}"#), "failed");
    }

    #[test]
    fn the_log_learns_what_is_missing_but_not_what_was_said() {
        let log = |status, body: &str| failure(status, None, body.as_bytes()).to_string();
        let body = r#"{"error":{"message":"model \"x\" not found","type":"not_found_error","code":null}}"#;
        assert_eq!(log(404, body), "the model failed: status 404, not_found_error, model \"x\" not found");
        assert_eq!(log(404, r#"{"error":"no such model"}"#), "the model failed: status 404, no such model");
        let body = r#"{"error":{"message":"wrong key sk-123","type":"auth","code":"you said: hello"}}"#;
        assert_eq!(log(401, body), "the model does not accept the key: status 401, auth");
        assert_eq!(log(500, "<html>"), "the model failed: status 500");
        let error = chunk(r#"{"choices":[{"delta":"my secret"}]}"#).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
