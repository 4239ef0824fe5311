//! Encoding of messages in the store, and digests of requests.
//!
//! A message is a JSON object whose `timestamp` comes last, because the store's clock determines it.

use super::metadata;
use crate::domain::{
    Content, FinishReason, Message, Metadata, NewMessage, NewReply, NewSession, RequestId, Role, Timestamp,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Stored<'a> {
    role: &'a str,
    content: String,
    #[serde(borrow)]
    metadata: &'a RawValue,
    finish_reason: Option<&'a str>,
    timestamp: u64,
}

/// Encodes a message up to the value of its timestamp: `{"role":...,"timestamp":`. Digits and `}` complete it.
pub(crate) fn encode_without_timestamp(message: &NewMessage) -> Vec<u8> {
    encode(message.role, &message.content, &message.metadata, None)
}

/// Encodes a reply up to the value of its timestamp, like [`encode_without_timestamp`].
pub(crate) fn encode_reply_without_timestamp(reply: &NewReply) -> Vec<u8> {
    encode(Role::Assistant, &reply.content, &reply.metadata, Some(reply.finish_reason))
}

fn encode(role: Role, content: &Content, metadata: &Metadata, finish: Option<FinishReason>) -> Vec<u8> {
    let (content, metadata) = (content.as_str(), metadata.as_json());
    let mut json = Vec::with_capacity(content.len() + metadata.len() + 112);
    for part in [r#"{"role":""#, role.as_str(), r#"","content":"#] {
        json.extend_from_slice(part.as_bytes());
    }
    serde_json::to_writer(&mut json, content).expect("a string becomes JSON");
    for part in [r#","metadata":"#, metadata] {
        json.extend_from_slice(part.as_bytes());
    }
    if let Some(finish) = finish {
        for part in [r#","finish_reason":""#, finish.as_str(), r#"""#] {
            json.extend_from_slice(part.as_bytes());
        }
    }
    json.extend_from_slice(br#","timestamp":"#);
    json
}

/// Returns the stored size in bytes of a message that was encoded without its timestamp.
pub(crate) fn stored_bytes(encoded: &[u8], timestamp: Timestamp) -> usize {
    encoded.len() + timestamp.as_millis().to_string().len() + 1
}

/// Decodes a stored message. The error does not quote it.
pub(crate) fn decode(json: &str, seq: u32) -> Result<Message, String> {
    // The parser's own error quotes the message.
    let stored: Stored<'_> = serde_json::from_str(json).map_err(|error| {
        format!("message {seq} is corrupt: {:?} error at column {}", error.classify(), error.column())
    })?;
    Ok(Message {
        seq,
        role: Role::try_from(stored.role)
            .map_err(|_| format!("message {seq} is corrupt: its role is unknown"))?,
        content: Content::stored(stored.content),
        timestamp: Timestamp::from_millis(stored.timestamp),
        metadata: metadata::stored(stored.metadata.get())
            .map_err(|error| format!("message {seq} is corrupt: {error}"))?,
        finish_reason: stored.finish_reason.map(FinishReason::stored),
    })
}

/// Returns the digest of a request id, by which the store remembers it.
pub(crate) fn request_digest(request_id: &RequestId) -> Digest72 {
    digest(|hash| hash.update(request_id.as_str()))
}

/// Returns the digest of the messages of an append.
pub(crate) fn fingerprint(messages: &[NewMessage]) -> Digest72 {
    digest(|hash| {
        for message in messages {
            let fields = [message.role.as_str(), message.content.as_str(), message.metadata.as_json()];
            fields.into_iter().for_each(|field| update_with(hash, field));
        }
    })
}

/// Returns the digest of persona and metadata of a request that creates a session.
pub(crate) fn creation_fingerprint(new: &NewSession) -> Digest72 {
    digest(|hash| {
        for field in [new.persona.as_str(), new.metadata.as_json()] {
            update_with(hash, field);
        }
    })
}

/// Hashes a field with its length, so that different lists of fields have different digests.
fn update_with(hash: &mut Sha256, field: &str) {
    hash.update((field.len() as u64).to_be_bytes());
    hash.update(field);
}

/// A digest of 72 bits as URL-safe base64.
pub(crate) type Digest72 = [u8; 12];

fn digest(fill: impl FnOnce(&mut Sha256)) -> Digest72 {
    let mut hash = Sha256::new();
    fill(&mut hash);
    let mut text = [0; _];
    URL_SAFE_NO_PAD.encode_slice(&hash.finalize()[..9], &mut text).expect("nine bytes are twelve characters");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Batch;

    #[test]
    fn decode_returns_the_encoded_message() {
        let new = NewMessage {
            role: Role::Assistant,
            content: Content::try_from("a \"quoted\" 🤖\u{1}\n}").unwrap(),
            metadata: Metadata::try_from(r#"{"a":[],"b":{"c":42}}"#.to_owned()).unwrap(),
        };
        let timestamp = Timestamp::from_millis(1_697_856_000_123);
        let json = format!(
            "{}{}}}",
            String::from_utf8(encode_without_timestamp(&new)).unwrap(),
            timestamp.as_millis()
        );
        assert_eq!(json.len(), stored_bytes(&encode_without_timestamp(&new), timestamp));
        assert_eq!(decode(&json, 7).unwrap(), new.at(7, timestamp));
    }

    #[test]
    fn errors_do_not_quote_corrupt_messages() {
        for json in [
            "canary",
            r#""canary""#,
            r#"{"role":"canary","content":"canary","metadata":{},"timestamp":1}"#,
            r#"{"role":"user","content":["canary"],"metadata":{},"timestamp":1}"#,
            r#"{"role":"user","content":"canary","metadata":{},"timestamp":"canary"}"#,
            r#"{"role":"user","content":"canary"#,
        ] {
            let cause = decode(json, 7).unwrap_err();
            assert!(cause.starts_with("message 7 is corrupt: ") && !cause.contains("canary"), "{cause}");
        }
    }

    #[test]
    fn replies_keep_their_finish_reason() {
        let timestamp = Timestamp::from_millis(1);
        for finish_reason in [
            FinishReason::Stop,
            FinishReason::Length,
            FinishReason::ContentFilter,
            FinishReason::Cancelled,
            FinishReason::Unknown,
        ] {
            let (content, metadata) = (Content::try_from("hi").unwrap(), Metadata::default());
            let reply = NewReply { content, metadata, finish_reason };
            let json = format!("{}1}}", String::from_utf8(encode_reply_without_timestamp(&reply)).unwrap());
            assert_eq!(decode(&json, 2).unwrap(), reply.at(2, timestamp));
        }
        let stored = |reason: &str| {
            let json =
                format!(r#"{{"role":"assistant","content":"hi","metadata":{{}}{reason},"timestamp":1}}"#);
            decode(&json, 2).unwrap().finish_reason
        };
        assert_eq!(stored(""), None, "a reply of an older version");
        assert_eq!(stored(r#","finish_reason":"later""#), Some(FinishReason::Unknown), "a later version");
    }

    #[test]
    fn fingerprints_depend_on_role_and_content() {
        let batch = |role, content: &str| {
            let content = Content::try_from(content).unwrap();
            Batch::try_from(vec![NewMessage { role, content, metadata: Metadata::default() }]).unwrap()
        };
        assert_ne!(
            fingerprint(batch(Role::User, "a").messages()),
            fingerprint(batch(Role::System, "a").messages())
        );
        assert_ne!(
            fingerprint(batch(Role::User, "a").messages()),
            fingerprint(batch(Role::User, "b").messages())
        );
    }
}
