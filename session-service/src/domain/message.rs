//! Messages, before and after they are stored.

use super::{
    Metadata, Preview, Timestamp,
    limits::{APPEND_MAX_BYTES, APPEND_MAX_MESSAGES, MESSAGE_CONTENT_MAX_BYTES},
};

/// Author of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The user.
    User,
    /// The assistant.
    Assistant,
    /// Neither of them: instructions and notes.
    System,
}

impl Role {
    /// Returns the lower-case name of the role.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
        }
    }
}

impl TryFrom<&str> for Role {
    type Error = String;

    fn try_from(name: &str) -> Result<Self, String> {
        [Self::User, Self::Assistant, Self::System]
            .into_iter()
            .find(|role| role.as_str() == name)
            .ok_or_else(|| format!("must be user, assistant or system, not {name:?}"))
    }
}

/// Text of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content(String);

impl Content {
    /// Returns content that is stored.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text without copying it.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl TryFrom<String> for Content {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.len() {
            0 => Err(format!("is required: 1 to {MESSAGE_CONTENT_MAX_BYTES} bytes")),
            1..=MESSAGE_CONTENT_MAX_BYTES => Ok(Self(text)),
            n => Err(format!("must be at most {MESSAGE_CONTENT_MAX_BYTES} bytes of UTF-8; it has {n}")),
        }
    }
}

impl TryFrom<&str> for Content {
    type Error = String;

    fn try_from(text: &str) -> Result<Self, String> {
        text.to_owned().try_into()
    }
}

/// A message that is not stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// Author of the message.
    pub role: Role,
    /// Text of the message.
    pub content: Content,
    /// Metadata passed by the caller.
    pub metadata: Metadata,
}

impl NewMessage {
    /// Returns the stored message with this seq and timestamp.
    pub fn at(self, seq: u32, timestamp: Timestamp) -> Message {
        let Self { role, content, metadata } = self;
        Message { seq, role, content, timestamp, metadata, finish_reason: None }
    }
}

/// Reason why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model completed the reply.
    Stop,
    /// The reply was cut at the persona's or the service's limit.
    Length,
    /// The model's provider withheld the rest.
    ContentFilter,
    /// The turn was cancelled. The reply is what the model had generated until then.
    Cancelled,
    /// The model gave no reason, or one that this version does not know.
    Unknown,
}

impl FinishReason {
    /// Returns the lower-case name of this reason.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the reason of this name. A name of a later version is [`FinishReason::Unknown`].
    pub fn stored(name: &str) -> Self {
        let known = [Self::Stop, Self::Length, Self::ContentFilter, Self::Cancelled];
        known.into_iter().find(|reason| reason.as_str() == name).unwrap_or(Self::Unknown)
    }
}

/// A reply of the assistant that is not stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReply {
    /// Text of the reply.
    pub content: Content,
    /// Metadata of the reply.
    pub metadata: Metadata,
    /// Reason why it ended.
    pub finish_reason: FinishReason,
}

impl NewReply {
    /// Returns the stored message with this seq and timestamp.
    pub fn at(self, seq: u32, timestamp: Timestamp) -> Message {
        let Self { content, metadata, finish_reason } = self;
        let finish_reason = Some(finish_reason);
        Message { seq, role: Role::Assistant, content, timestamp, metadata, finish_reason }
    }
}

/// Messages of one append, within the limits on their number and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch(Vec<NewMessage>);

impl Batch {
    /// Returns the messages in order.
    pub fn messages(&self) -> &[NewMessage] {
        &self.0
    }

    /// Checks the number of messages of an append.
    pub fn check_count(count: usize) -> Result<(), String> {
        match count {
            1..=APPEND_MAX_MESSAGES => Ok(()),
            _ => Err(format!("must contain between 1 and {APPEND_MAX_MESSAGES} messages (got {count})")),
        }
    }

    /// Returns the number of messages.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.len()).expect("a batch is at most 100 messages")
    }

    /// Returns the preview of the last message.
    pub fn preview(&self) -> Preview {
        self.0.last().map(|last| Preview::of(last.content.as_str())).unwrap_or_default()
    }

    /// Returns the stored messages, with seqs from `first` on.
    pub fn at(self, first: u32, timestamp: Timestamp) -> Vec<Message> {
        (first..).zip(self.0).map(|(seq, message)| message.at(seq, timestamp)).collect()
    }
}

impl TryFrom<Vec<NewMessage>> for Batch {
    type Error = String;

    fn try_from(messages: Vec<NewMessage>) -> Result<Self, String> {
        Self::check_count(messages.len())?;
        let size = |m: &NewMessage| m.content.as_str().len() + m.metadata.as_json().len();
        let bytes: usize = messages.iter().map(size).sum();
        if bytes > APPEND_MAX_BYTES {
            return Err(format!("must be at most {APPEND_MAX_BYTES} bytes together; they have {bytes}"));
        }
        Ok(Self(messages))
    }
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Position in the session, dense from 1.
    pub seq: u32,
    /// Author of the message.
    pub role: Role,
    /// Text of the message.
    pub content: Content,
    /// Time of the append.
    pub timestamp: Timestamp,
    /// Metadata passed by the caller.
    pub metadata: Metadata,
    /// Reason why the reply of a turn ended; `None` for appended messages and replies of older versions.
    pub finish_reason: Option<FinishReason>,
}
