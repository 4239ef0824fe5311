//! The JSON of chat completions: written as every compatible server reads it, read as loosely as they write it.

use super::{failure, text::wtf8};
use crate::{
    domain::Role,
    model::{FinishReason, ModelError, Prompt},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, error::Category, value::RawValue};

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

/// Every field is optional, and its value is parsed by itself: a field of an odd type costs no other field.
#[derive(Deserialize)]
struct RawChunk<'a> {
    #[serde(borrow)]
    choices: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawChoice<'a> {
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawMessage<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawPart<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
}

/// A chunk of a stream, or a whole response.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    /// The text as WTF-8.
    pub(super) text: Vec<u8>,
    /// The text is the whole reply so far, and not its next part.
    pub(super) is_whole: bool,
    /// The reason for the end of the reply, if it ends.
    pub(super) finish: Option<FinishReason>,
    /// It has the form of a chunk, though it may hold no text.
    pub(super) is_known: bool,
    /// The field that could not be read.
    pub(super) odd: Option<&'static str>,
}

/// Failure to parse a chunk.
#[derive(Debug)]
pub(super) enum NoChunk {
    /// The JSON is a beginning: the next line may complete it.
    Incomplete,
    /// No line can make it a chunk.
    Malformed,
    /// The server reports a failure.
    Failed(ModelError),
}

/// Parses a chunk.
pub(super) fn chunk(json: &str) -> Result<Chunk, NoChunk> {
    let raw: RawChunk<'_> = serde_json::from_str(json).map_err(|error| match error.classify() {
        Category::Eof => NoChunk::Incomplete,
        _ => NoChunk::Malformed,
    })?;
    // vLLM reports a failure as a chunk that is itself the error.
    let is_error = raw.object.and_then(string).is_some_and(|object| object == "error");
    let error = if is_error { Some(value(json)) } else { raw.error.map(|error| value(error.get())) };
    if let Some(error) = error.filter(is_meant) {
        return Err(NoChunk::Failed(failure::from_stream(&error)));
    }
    let Some(choices) = raw.choices else { return Ok(Chunk::default()) };
    let Ok(choices) = serde_json::from_str::<Vec<&RawValue>>(choices.get()) else {
        return Ok(Chunk { odd: Some("choices"), ..Chunk::default() });
    };
    Ok(choices.first().map_or_else(|| Chunk { is_known: true, ..Chunk::default() }, |raw| choice(raw)))
}

fn choice(raw: &RawValue) -> Chunk {
    let odd = |field| Chunk { odd: Some(field), ..Chunk::default() };
    let Ok(choice) = serde_json::from_str::<RawChoice<'_>>(raw.get()) else { return odd("choice") };
    // A chunk that has both repeats the whole reply so far in its message.
    let (message, is_whole) = match choice.delta {
        Some(delta) => (Some(delta), false),
        None => (choice.message, true),
    };
    let read = match message.map(|message| serde_json::from_str::<RawMessage<'_>>(message.get())) {
        None => Ok(Vec::new()),
        Some(Err(_)) => Err("delta"),
        Some(Ok(message)) => message.content.map_or(Ok(Vec::new()), content).map_err(|()| "content"),
    };
    let finish = choice.finish_reason.and_then(finish_reason);
    match read {
        Ok(text) => Chunk { is_whole: is_whole && !text.is_empty(), text, finish, is_known: true, odd: None },
        Err(field) => Chunk { finish, is_known: finish.is_some(), ..odd(field) },
    }
}

/// Reads a content: a string, or a list of parts of which those of type `text` and `output_text` are text.
fn content(raw: &RawValue) -> Result<Vec<u8>, ()> {
    if let Some(text) = wtf8(raw.get()) {
        return Ok(text);
    }
    let parts: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(drop)?;
    let parts = parts.into_iter().map(|part| match wtf8(part.get()) {
        Some(text) => Ok(text),
        None => part_text(serde_json::from_str(part.get()).map_err(drop)?),
    });
    parts.collect::<Result<Vec<_>, ()>>().map(|texts| texts.concat())
}

fn part_text(part: RawPart<'_>) -> Result<Vec<u8>, ()> {
    let is_text = part
        .r#type
        .is_none_or(|kind| string(kind).is_some_and(|kind| matches!(kind.as_str(), "text" | "output_text")));
    match part.text {
        Some(text) if is_text => wtf8(text.get()).ok_or(()),
        _ => Ok(Vec::new()),
    }
}

/// Reads a finish reason: a string, or an object that names it as its `type` or `reason`.
fn finish_reason(raw: &RawValue) -> Option<FinishReason> {
    let value = value(raw.get());
    let named = value.get("type").or_else(|| value.get("reason")).unwrap_or(&value);
    match named.as_str().map(str::to_ascii_lowercase).as_deref() {
        // Some servers write one of these in every chunk.
        Some("" | "null" | "none") => None,
        Some("stop") => Some(FinishReason::Stop),
        Some("length" | "max_tokens") => Some(FinishReason::Length),
        Some("content_filter") => Some(FinishReason::ContentFilter),
        Some(_) => Some(FinishReason::Unknown),
        None => is_meant(&value).then_some(FinishReason::Unknown),
    }
}

/// Returns `false` for the values that stand for none.
fn is_meant(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or(Value::Bool(true))
}

fn string(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

#[cfg(test)]
mod tests;
