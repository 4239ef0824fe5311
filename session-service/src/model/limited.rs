//! Limits on a model's replies: stall timeout, length and duration.

use super::{
    FinishReason, Model, ModelError, Prompt, ReplyEvent, ReplyStream,
    limits::{REPLY_MAX_BYTES, REPLY_MAX_DURATION},
};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A model within bounds. Each of its replies is some text, never an empty piece of it and at most
/// [`REPLY_MAX_BYTES`], and then exactly one [`ReplyEvent::Finish`]; or it is an error, at the latest after the silence that
/// is allowed.
pub struct LimitedModel {
    model: Box<dyn Model>,
    silence: Duration,
}

impl LimitedModel {
    /// `model`, which gives no sign of life for `silence` at most.
    pub fn new(model: impl Model, silence: Duration) -> Self {
        Self { model: Box::new(model), silence }
    }
}

#[async_trait]
impl Model for LimitedModel {
    fn name(&self) -> &str {
        self.model.name()
    }

    async fn reply(&self, prompt: Prompt) -> Result<ReplyStream, ModelError> {
        let began = timeout(self.silence, self.model.reply(prompt)).await;
        let pieces = began.map_err(|_| ModelError::Timeout)??;
        let until = Instant::now() + REPLY_MAX_DURATION;
        let reply = Reply { pieces, silence: self.silence, until, said: 0, is_over: false };
        Ok(Box::pin(stream::unfold(reply, |mut reply| async { Some((reply.next().await?, reply)) })))
    }
}

struct Reply {
    pieces: ReplyStream,
    silence: Duration,
    until: Instant,
    /// Number of bytes of text so far.
    said: usize,
    is_over: bool,
}

impl Reply {
    async fn next(&mut self) -> Option<Result<ReplyEvent, ModelError>> {
        while !self.is_over {
            match self.read().await {
                Ok(ReplyEvent::Text(text)) => {
                    let text = self.fit(text);
                    if !text.is_empty() {
                        return Some(Ok(ReplyEvent::Text(text)));
                    }
                }
                end => {
                    self.is_over = true;
                    self.pieces = Box::pin(stream::empty());
                    let is_empty = self.said == 0 && end.is_ok();
                    return Some(if is_empty { Err(ModelError::Empty) } else { end });
                }
            }
        }
        None
    }

    async fn read(&mut self) -> Result<ReplyEvent, ModelError> {
        if Instant::now() > self.until {
            return if self.said > 0 {
                Ok(ReplyEvent::Finish(FinishReason::Length))
            } else {
                Err(ModelError::Timeout)
            };
        }
        match timeout(self.silence, self.pieces.next()).await {
            Ok(Some(piece)) => piece,
            Ok(None) => Err(ModelError::Truncated("it did not say that it ended".into())),
            Err(_) => Err(ModelError::Timeout),
        }
    }

    /// Returns the part of `text` that fits into the reply. A longer text ends the reply.
    fn fit(&mut self, mut text: String) -> String {
        let room = REPLY_MAX_BYTES - self.said;
        if text.len() > room {
            let end = (0..=room).rev().find(|&index| text.is_char_boundary(index)).unwrap_or_default();
            text.truncate(end);
            // This drops the model's own stream, which ends its work.
            self.pieces = Box::pin(stream::iter([Ok(ReplyEvent::Finish(FinishReason::Length))]));
        }
        self.said += text.len();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{PATIENCE, prompt, read};

    /// A model that returns these events and then stalls.
    struct Script(Vec<ReplyEvent>);

    #[async_trait]
    impl Model for Script {
        fn name(&self) -> &str {
            "a script"
        }

        async fn reply(&self, _: Prompt) -> Result<ReplyStream, ModelError> {
            if self.0.is_empty() {
                std::future::pending::<()>().await;
            }
            Ok(Box::pin(stream::iter(self.0.clone()).map(Ok).chain(stream::pending())))
        }
    }

    fn text(text: &str) -> ReplyEvent {
        ReplyEvent::Text(text.into())
    }

    /// The texts of the reply, and how it ended.
    async fn bounded(pieces: &[ReplyEvent]) -> (Vec<String>, Result<FinishReason, &'static str>) {
        let model = LimitedModel::new(Script(pieces.to_vec()), PATIENCE);
        read(&model, prompt("hello")).await
    }

    #[tokio::test]
    async fn replies_have_no_empty_text_and_nothing_after_the_end() {
        let pieces =
            [text(""), text("a"), text(""), text("b"), ReplyEvent::Finish(FinishReason::Stop), text("c")];
        assert_eq!(bounded(&pieces).await, (vec!["a".into(), "b".into()], Ok(FinishReason::Stop)));
    }

    #[tokio::test]
    async fn empty_replies_are_errors() {
        let pieces = [text(""), ReplyEvent::Finish(FinishReason::Length)];
        assert_eq!(bounded(&pieces).await, (vec![], Err("empty")));
    }

    #[tokio::test]
    async fn stalled_models_time_out() {
        assert_eq!(bounded(&[]).await, (vec![], Err("timeout")));
        assert_eq!(bounded(&[text("a")]).await, (vec!["a".into()], Err("timeout")));
    }

    #[tokio::test]
    async fn too_long_replies_are_cut_at_a_character_boundary() {
        let (first, long) = ("a".to_owned(), "é".repeat(REPLY_MAX_BYTES));
        let (texts, end) = bounded(&[text(&first), text(&long)]).await;
        assert_eq!(end, Ok(FinishReason::Length));
        assert_eq!(texts.concat().len(), REPLY_MAX_BYTES - 1);
        assert!(texts[1].chars().all(|c| c == 'é'));
    }

    #[tokio::test]
    async fn replies_of_maximum_length_are_complete() {
        let longest = "a".repeat(REPLY_MAX_BYTES);
        let (texts, end) = bounded(&[text(&longest), ReplyEvent::Finish(FinishReason::Stop)]).await;
        assert_eq!((texts.concat().len(), end), (REPLY_MAX_BYTES, Ok(FinishReason::Stop)));
        let (texts, end) = bounded(&[text(&longest), text("a")]).await;
        assert_eq!((texts.len(), end), (1, Ok(FinishReason::Length)));
    }
}
