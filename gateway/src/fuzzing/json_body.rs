//! JSON bodies and the requests in them.

use super::check_problem;
use crate::{
    extract::{JsonFields, parsed_bytes},
    json, strict_json,
};
use nono_proto::{
    EncodedStruct,
    limits::{APPEND_MAX_MESSAGES, METADATA_MAX_LEVELS},
    metadata,
};
use serde_json::Value;

/// Checks that bodies are read as the JSON library reads them, except for duplicate keys, and that the requests in them carry
/// what the client sent. Input: a body.
pub fn json_body(input: &[u8]) {
    let memory = parsed_bytes(input);
    assert!(memory >= input.len());
    // The library keeps the last of duplicate keys, and reads no byte order mark.
    let text = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let lenient = serde_json::from_slice::<Value>(text);
    match (strict_json::parse(input), lenient) {
        (Ok(strict), lenient) => {
            assert!(lenient.is_ok_and(|lenient| lenient == strict), "it is read differently");
            assert!(
                nodes(&strict) * size_of::<Value>() <= memory + size_of::<Value>(),
                "memory of the values"
            );
        }
        (Err(error), Ok(lenient)) => {
            assert!(error.to_string().starts_with("an object has the same key twice"), "{error}");
            let without = serde_json::to_vec(&lenient).expect("it is JSON");
            assert!(strict_json::parse(&without).is_ok(), "a body without duplicate keys is rejected");
        }
        (Err(_), Err(_)) => {}
    }
    check_create(input);
    check_append(input);
    check_chat(input);
    check_cancel(input);
}

/// Returns the number of values in a value.
fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(nodes).sum(),
        Value::Object(object) => object.values().map(nodes).sum(),
        _ => 0,
    }
}

fn check_create(body: &[u8]) {
    match JsonFields::parse(body).and_then(json::create) {
        Err(problem) => check_problem(&problem),
        Ok(request) => {
            let sent = strict_json::parse(body).expect("it was read");
            assert_eq!(sent["user_id"].as_str().unwrap_or_default(), request.user_id);
            assert_eq!(sent["persona"].as_str().unwrap_or_default(), request.persona);
            assert!(sent["request_id"] != "", "an empty request_id was accepted");
            check_metadata(&sent["metadata"], request.metadata);
            let names = ["user_id", "persona", "metadata", "if_exists", "request_id"];
            check_names(&sent, &names);
        }
    }
}

fn check_append(body: &[u8]) {
    match JsonFields::parse(body).and_then(|fields| json::append("a".into(), fields)) {
        Err(problem) => check_problem(&problem),
        Ok(request) => {
            let sent = strict_json::parse(body).expect("it was read");
            let messages = sent["messages"].as_array().cloned().unwrap_or_default();
            assert!(messages.len() == request.messages.len() && messages.len() <= APPEND_MAX_MESSAGES);
            for (sent, message) in messages.iter().zip(request.messages) {
                assert_eq!(sent["content"].as_str().unwrap_or_default(), message.content);
                assert_eq!(sent["role"].is_string(), message.role != 0);
                check_metadata(&sent["metadata"], message.metadata);
                check_names(sent, &["role", "content", "metadata"]);
            }
            check_names(&sent, &["messages", "request_id"]);
        }
    }
}

fn check_chat(body: &[u8]) {
    match JsonFields::parse(body).and_then(|fields| json::chat("a".into(), fields)) {
        Err(problem) => check_problem(&problem),
        Ok(request) => {
            let sent = strict_json::parse(body).expect("it was read");
            assert_eq!(sent["message"].as_str().unwrap_or_default(), request.message);
            assert_eq!(sent["request_id"].as_str().unwrap_or_default(), request.request_id);
            check_metadata(&sent["metadata"], request.metadata);
            check_names(&sent, &["message", "metadata", "request_id"]);
        }
    }
}

fn check_cancel(body: &[u8]) {
    match JsonFields::parse(body).and_then(|fields| json::cancel("a".into(), fields)) {
        Err(problem) => check_problem(&problem),
        Ok(request) => {
            let sent = strict_json::parse(body).expect("it was read");
            assert_eq!(sent["request_id"].as_str().unwrap_or_default(), request.request_id);
            check_names(&sent, &["request_id"]);
        }
    }
}

/// Checks that an accepted object has no other names.
fn check_names(sent: &Value, names: &[&str]) {
    let object = sent.as_object().expect("only objects are accepted");
    assert!(object.keys().all(|name| names.contains(&name.as_str())), "an unknown field was accepted");
}

/// Checks that the metadata of a request are those that were sent, as far as they fit into a `Struct`.
fn check_metadata(sent: &Value, encoded: Option<EncodedStruct>) {
    assert_eq!(sent.is_object(), encoded.is_some());
    let (Some(sent), Some(encoded)) = (sent.as_object(), encoded) else { return };
    assert!(metadata::levels(sent) <= METADATA_MAX_LEVELS);
    // The service rejects longer ones.
    let Ok(decoded) = encoded.decode_struct() else { return };
    assert_eq!(decoded, metadata::to_struct(sent.clone()));
    let read = metadata::to_json(Some(decoded.clone()));
    assert_eq!(metadata::to_struct(read), decoded);
}
