//! Models: the trait, prompts and replies, and its implementations. No protobuf, no store.

mod demo;
mod error;
mod limited;
pub mod limits;
mod openai;
mod prompt;

pub use demo::Demo;
pub use error::{Cause, ModelError};
pub use limited::LimitedModel;
#[cfg(any(test, feature = "fuzzing"))]
pub use openai::fuzzing::model_stream;
pub use openai::{ApiKey, ModelUrl, OpenAi};
pub use prompt::{Prompt, PromptMessage, build_prompt};

pub use crate::domain::FinishReason;
use async_trait::async_trait;
use futures_util::Stream;
use std::pin::Pin;

/// A source of replies. Dropping the stream of a reply before its end MUST cancel it and leave nothing running.
#[async_trait]
pub trait Model: Send + Sync + 'static {
    /// Returns the display name of the model.
    fn name(&self) -> &str;

    /// Starts a reply. An error before its first part is returned here or as the first item of the stream.
    async fn reply(&self, prompt: Prompt) -> Result<ReplyStream, ModelError>;
}

/// A reply as a stream of texts, followed by one end or one error.
pub type ReplyStream = Pin<Box<dyn Stream<Item = Result<ReplyEvent, ModelError>> + Send>>;

/// Event of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyEvent {
    /// The next text. Never empty from a [`LimitedModel`]; an empty text of another model shows that it is alive.
    Text(String),
    /// The end of the reply.
    Finish(FinishReason),
}

#[cfg(test)]
mod tests {
    //! Helpers of the model tests.

    use super::*;
    use crate::domain::{PersonaKey, Role};
    use futures_util::StreamExt;
    use std::time::Duration;

    /// Stall timeout in tests of stalling models.
    pub(super) const SHORT_STALL_TIMEOUT: Duration = Duration::from_millis(400);

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
            Err(error) => return (texts, Err(error.as_label())),
        };
        let end = loop {
            match pieces.next().await.expect("a reply ends with an end or an error") {
                Ok(ReplyEvent::Text(text)) => texts.push(text),
                Ok(ReplyEvent::Finish(reason)) => break Ok(reason),
                Err(error) => break Err(error.as_label()),
            }
        };
        assert!(pieces.next().await.is_none(), "nothing comes after the end");
        (texts, end)
    }
}
