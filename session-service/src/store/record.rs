//! How a message is stored: one JSON object, whose `timestamp` comes last because the store's clock fills it in.

use crate::domain::{Content, Message, Metadata, NewMessage, RequestId, Role, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

#[derive(Serialize)]
struct Unstamped<'a> {
    role: &'a str,
    content: &'a str,
    metadata: &'a RawValue,
}

#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(borrow)]
    metadata: &'a RawValue,
    timestamp: u64,
}

/// The message up to the value of its timestamp: `{"role":...,"timestamp":`. Digits and `}` complete it.
pub(crate) fn unstamped(message: &NewMessage) -> String {
    let metadata = serde_json::from_str(message.metadata.as_json()).expect("metadata is JSON");
    let fields = Unstamped { role: message.role.as_str(), content: message.content.as_str(), metadata };
    let mut json = serde_json::to_string(&fields).expect("strings become JSON");
    json.truncate(json.len() - 1);
    json.push_str(r#","timestamp":"#);
    json
}

/// How many bytes the message takes in the store.
pub(crate) fn stored_bytes(message: &NewMessage, timestamp: Timestamp) -> usize {
    unstamped(message).len() + timestamp.as_millis().to_string().len() + 1
}

/// The message that is stored as `json` at place `seq`.
pub(crate) fn decode(json: &[u8], seq: u32) -> Result<Message, String> {
    let stored: Stored<'_> =
        serde_json::from_slice(json).map_err(|error| format!("message {seq} is not readable: {error}"))?;
    Ok(Message {
        seq,
        role: Role::try_from(&*stored.role)?,
        content: Content::stored(&stored.content),
        timestamp: Timestamp::from_millis(stored.timestamp),
        metadata: Metadata::stored(stored.metadata.get()),
    })
}

/// A short, stable name for a request id.
pub(crate) fn request_key(request_id: &RequestId) -> String {
    short_hash(|hash| hash.update(request_id.as_str()))
}

/// A short, stable digest of the messages of an append: the same for the same messages only.
pub(crate) fn fingerprint(messages: &[NewMessage]) -> String {
    short_hash(|hash| {
        for message in messages {
            let fields = [message.role.as_str(), message.content.as_str(), message.metadata.as_json()];
            for field in fields {
                hash.update((field.len() as u64).to_be_bytes());
                hash.update(field);
            }
        }
    })
}

/// How long a [`request_key`] and a [`fingerprint`] are.
pub(crate) const HASH_CHARS: usize = 24;

fn short_hash(fill: impl FnOnce(&mut Sha256)) -> String {
    let mut hash = Sha256::new();
    fill(&mut hash);
    hash.finalize()[..HASH_CHARS / 2].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Batch;

    #[test]
    fn a_message_survives_its_encoding() {
        let new = NewMessage {
            role: Role::Assistant,
            content: Content::try_from("a \"quoted\" 🤖\u{1}\n}").unwrap(),
            metadata: Metadata::try_from(r#"{"a":[],"b":{"c":42}}"#.to_owned()).unwrap(),
        };
        let timestamp = Timestamp::from_millis(1_697_856_000_123);
        let json = format!("{}{}}}", unstamped(&new), timestamp.as_millis());
        assert_eq!(json.len(), stored_bytes(&new, timestamp));
        assert_eq!(decode(json.as_bytes(), 7).unwrap(), new.at(7, timestamp));
    }

    #[test]
    fn moving_a_byte_between_fields_changes_the_fingerprint() {
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
        assert_eq!(fingerprint(batch(Role::User, "a").messages()).len(), HASH_CHARS);
    }
}
