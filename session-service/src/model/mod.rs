//! Who writes the replies: the trait, what it is told and answers, and the models that there are. Knows neither
//! protobuf nor the store.

mod bounded;
mod context;
mod demo;
mod error;
pub mod limits;
mod openai;

pub use bounded::Bounded;
pub use context::context;
pub use demo::Demo;
pub use error::{Cause, ModelError};
pub use openai::{ModelUrl, OpenAi, Secret};

pub use crate::domain::FinishReason;
use crate::domain::{PersonaKey, Role};
use async_trait::async_trait;
use futures_util::Stream;
use std::pin::Pin;

/// Writes replies. Dropping the stream of a reply MUST end it and leave nothing running.
#[async_trait]
pub trait Model: Send + Sync + 'static {
    /// Who writes the replies, for people.
    fn name(&self) -> &str;

    /// Begins a reply. What fails before its first piece may be the answer here or the first item of the stream.
    async fn reply(&self, prompt: Prompt) -> Result<ReplyStream, ModelError>;
}

/// What a model is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// The voice in which to speak.
    pub persona: PersonaKey,
    /// How many replies the session has already, as far as its newest messages tell.
    pub earlier_replies: usize,
    /// What the model is told first.
    pub system: String,
    /// The conversation, oldest first.
    pub messages: Vec<PromptMessage>,
    /// How freely the model chooses its words: 0 to 2.
    pub temperature: f32,
    /// The longest reply, in the model's tokens.
    pub max_tokens: u32,
}

/// A message of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptMessage {
    /// Who speaks.
    pub role: Role,
    /// What was said.
    pub content: String,
}

/// A reply as it comes: texts, then one end or one error, then nothing.
pub type ReplyStream = Pin<Box<dyn Stream<Item = Result<Piece, ModelError>> + Send>>;

/// A part of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What comes next. Never empty from a [`Bounded`] model; from others an empty text is a sign of life.
    Text(String),
    /// The reply is whole.
    End(FinishReason),
}

#[cfg(test)]
mod tests {
    //! What the tests of the models share.

    use super::*;
    use futures_util::StreamExt;
    use std::time::Duration;

    /// How silent a model may be in tests in which it is.
    pub(super) const PATIENCE: Duration = Duration::from_millis(400);

    /// A prompt whose last message is `text`.
    pub(super) fn prompt(text: &str) -> Prompt {
        Prompt {
            persona: PersonaKey::new("default"),
            earlier_replies: 0,
            system: "Be kind.".into(),
            messages: vec![PromptMessage { role: Role::User, content: text.into() }],
            temperature: 0.7,
            max_tokens: 64,
        }
    }

    /// The texts of a reply, and how it ended: the finish reason, or the error's outcome.
    pub(super) async fn read(
        model: &dyn Model,
        prompt: Prompt,
    ) -> (Vec<String>, Result<FinishReason, &'static str>) {
        let mut texts = Vec::new();
        let mut pieces = match model.reply(prompt).await {
            Ok(pieces) => pieces,
            Err(error) => return (texts, Err(error.outcome())),
        };
        let end = loop {
            match pieces.next().await.expect("a reply ends with an end or an error") {
                Ok(Piece::Text(text)) => texts.push(text),
                Ok(Piece::End(reason)) => break Ok(reason),
                Err(error) => break Err(error.outcome()),
            }
        };
        assert!(pieces.next().await.is_none(), "nothing comes after the end");
        (texts, end)
    }
}
