//! Limits on a model's replies: stall timeout, length and duration.

use super::{
    FinishReason, Model, ModelError, Prompt, ReplyEvent, ReplyStream,
    limits::{REPLY_MAX_BYTES, REPLY_MAX_DURATION},
};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A model whose replies are limited. A reply has one or more texts that are not empty, at most [`REPLY_MAX_BYTES`] in total,
/// followed by exactly one [`ReplyEvent::Finish`], or an error. A stall ends it with an error after the timeout.
pub struct LimitedModel {
    model: Box<dyn Model>,
    stall_timeout: Duration,
}

impl LimitedModel {
    /// Limits a model. `stall_timeout` is the maximum time between two events of its stream.
    pub fn new(model: impl Model, stall_timeout: Duration) -> Self {
        Self { model: Box::new(model), stall_timeout }
    }
}

#[async_trait]
impl Model for LimitedModel {
    fn name(&self) -> &str {
        self.model.name()
    }

    async fn reply(&self, prompt: Prompt) -> Result<ReplyStream, ModelError> {
        let start = timeout(self.stall_timeout, self.model.reply(prompt)).await;
        let events = start.map_err(|_| ModelError::Timeout)??;
        let deadline = Instant::now() + REPLY_MAX_DURATION;
        let stall_timeout = self.stall_timeout;
        let reply = LimitedReply { events, stall_timeout, deadline, emitted_bytes: 0, is_over: false };
        Ok(Box::pin(stream::unfold(reply, |mut reply| async { Some((reply.next().await?, reply)) })))
    }
}

/// A reply in progress.
struct LimitedReply {
    events: ReplyStream,
    stall_timeout: Duration,
    deadline: Instant,
    emitted_bytes: usize,
    is_over: bool,
}

impl LimitedReply {
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
                    self.events = Box::pin(stream::empty());
                    let is_empty = self.emitted_bytes == 0 && end.is_ok();
                    return Some(if is_empty { Err(ModelError::Empty) } else { end });
                }
            }
        }
        None
    }

    async fn read(&mut self) -> Result<ReplyEvent, ModelError> {
        if Instant::now() > self.deadline {
            return if self.emitted_bytes > 0 {
                Ok(ReplyEvent::Finish(FinishReason::Length))
            } else {
                Err(ModelError::Timeout)
            };
        }
        match timeout(self.stall_timeout, self.events.next()).await {
            Ok(Some(event)) => event,
            Ok(None) => Err(ModelError::Truncated("the stream has no finish event".into())),
            Err(_) => Err(ModelError::Timeout),
        }
    }

    /// Returns the part of the text that fits into the reply. A longer text ends the reply.
    fn fit(&mut self, mut text: String) -> String {
        let capacity = REPLY_MAX_BYTES - self.emitted_bytes;
        if text.len() > capacity {
            let end = (0..=capacity).rev().find(|&index| text.is_char_boundary(index)).unwrap_or_default();
            text.truncate(end);
            // Dropping the model's stream cancels its request.
            self.events = Box::pin(stream::iter([Ok(ReplyEvent::Finish(FinishReason::Length))]));
        }
        self.emitted_bytes += text.len();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{SHORT_STALL_TIMEOUT, prompt, read};

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

    /// Returns the texts of the reply, and its end.
    async fn limited(events: &[ReplyEvent]) -> (Vec<String>, Result<FinishReason, &'static str>) {
        let model = LimitedModel::new(Script(events.to_vec()), SHORT_STALL_TIMEOUT);
        read(&model, prompt("hello")).await
    }

    #[tokio::test]
    async fn replies_have_no_empty_text_and_nothing_after_the_end() {
        let events =
            [text(""), text("a"), text(""), text("b"), ReplyEvent::Finish(FinishReason::Stop), text("c")];
        assert_eq!(limited(&events).await, (vec!["a".into(), "b".into()], Ok(FinishReason::Stop)));
    }

    #[tokio::test]
    async fn empty_replies_are_errors() {
        let events = [text(""), ReplyEvent::Finish(FinishReason::Length)];
        assert_eq!(limited(&events).await, (vec![], Err("empty")));
    }

    #[tokio::test]
    async fn stalled_models_time_out() {
        assert_eq!(limited(&[]).await, (vec![], Err("timeout")));
        assert_eq!(limited(&[text("a")]).await, (vec!["a".into()], Err("timeout")));
    }

    #[tokio::test]
    async fn too_long_replies_are_cut_at_a_character_boundary() {
        let (first, long) = ("a".to_owned(), "é".repeat(REPLY_MAX_BYTES));
        let (texts, end) = limited(&[text(&first), text(&long)]).await;
        assert_eq!(end, Ok(FinishReason::Length));
        assert_eq!(texts.concat().len(), REPLY_MAX_BYTES - 1);
        assert!(texts[1].chars().all(|c| c == 'é'));
    }

    #[tokio::test]
    async fn replies_of_maximum_length_are_complete() {
        let longest = "a".repeat(REPLY_MAX_BYTES);
        let (texts, end) = limited(&[text(&longest), ReplyEvent::Finish(FinishReason::Stop)]).await;
        assert_eq!((texts.concat().len(), end), (REPLY_MAX_BYTES, Ok(FinishReason::Stop)));
        let (texts, end) = limited(&[text(&longest), text("a")]).await;
        assert_eq!((texts.len(), end), (1, Ok(FinishReason::Length)));
    }
}
