//! Limits on a model's replies: stall timeout, length and duration.

use super::{
    FinishReason, Model, ModelError, Piece, Prompt, ReplyStream,
    limits::{REPLY_MAX_BYTES, REPLY_MAX_DURATION},
};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A model within bounds. Each of its replies is some text, never an empty piece of it and at most
/// [`REPLY_MAX_BYTES`], and then exactly one [`Piece::End`]; or it is an error, at the latest after the silence that
/// is allowed.
pub struct Bounded {
    model: Box<dyn Model>,
    silence: Duration,
}

impl Bounded {
    /// `model`, which gives no sign of life for `silence` at most.
    pub fn new(model: impl Model, silence: Duration) -> Self {
        Self { model: Box::new(model), silence }
    }
}

#[async_trait]
impl Model for Bounded {
    fn name(&self) -> &str {
        self.model.name()
    }

    async fn reply(&self, prompt: Prompt) -> Result<ReplyStream, ModelError> {
        let began = timeout(self.silence, self.model.reply(prompt)).await;
        let pieces = began.map_err(|_| ModelError::Silent)??;
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
    async fn next(&mut self) -> Option<Result<Piece, ModelError>> {
        while !self.is_over {
            match self.read().await {
                Ok(Piece::Text(text)) => {
                    let text = self.fit(text);
                    if !text.is_empty() {
                        return Some(Ok(Piece::Text(text)));
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

    async fn read(&mut self) -> Result<Piece, ModelError> {
        if Instant::now() > self.until {
            return if self.said > 0 {
                Ok(Piece::End(FinishReason::Length))
            } else {
                Err(ModelError::Silent)
            };
        }
        match timeout(self.silence, self.pieces.next()).await {
            Ok(Some(piece)) => piece,
            Ok(None) => Err(ModelError::Cut("it did not say that it ended".into())),
            Err(_) => Err(ModelError::Silent),
        }
    }

    /// Returns the part of `text` that fits into the reply. A longer text ends the reply.
    fn fit(&mut self, mut text: String) -> String {
        let room = REPLY_MAX_BYTES - self.said;
        if text.len() > room {
            let end = (0..=room).rev().find(|&index| text.is_char_boundary(index)).unwrap_or_default();
            text.truncate(end);
            // This drops the model's own stream, which ends its work.
            self.pieces = Box::pin(stream::iter([Ok(Piece::End(FinishReason::Length))]));
        }
        self.said += text.len();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{PATIENCE, prompt, read};

    /// Answers these pieces, and then nothing for ever.
    struct Script(Vec<Piece>);

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

    fn text(text: &str) -> Piece {
        Piece::Text(text.into())
    }

    /// The texts of the reply, and how it ended.
    async fn bounded(pieces: &[Piece]) -> (Vec<String>, Result<FinishReason, &'static str>) {
        let model = Bounded::new(Script(pieces.to_vec()), PATIENCE);
        read(&model, prompt("hello")).await
    }

    #[tokio::test]
    async fn nothing_comes_after_the_end_and_no_piece_is_empty() {
        let pieces = [text(""), text("a"), text(""), text("b"), Piece::End(FinishReason::Stop), text("c")];
        assert_eq!(bounded(&pieces).await, (vec!["a".into(), "b".into()], Ok(FinishReason::Stop)));
    }

    #[tokio::test]
    async fn a_reply_without_a_word_is_an_error() {
        let pieces = [text(""), Piece::End(FinishReason::Length)];
        assert_eq!(bounded(&pieces).await, (vec![], Err("empty")));
    }

    #[tokio::test]
    async fn a_silent_model_is_given_up() {
        assert_eq!(bounded(&[]).await, (vec![], Err("silent")));
        assert_eq!(bounded(&[text("a")]).await, (vec!["a".into()], Err("silent")));
    }

    #[tokio::test]
    async fn a_reply_that_is_too_long_is_cut_at_a_character() {
        let (first, long) = ("a".to_owned(), "é".repeat(REPLY_MAX_BYTES));
        let (texts, end) = bounded(&[text(&first), text(&long)]).await;
        assert_eq!(end, Ok(FinishReason::Length));
        assert_eq!(texts.concat().len(), REPLY_MAX_BYTES - 1);
        assert!(texts[1].chars().all(|c| c == 'é'));
    }

    #[tokio::test]
    async fn a_reply_that_just_fits_is_whole() {
        let longest = "a".repeat(REPLY_MAX_BYTES);
        let (texts, end) = bounded(&[text(&longest), Piece::End(FinishReason::Stop)]).await;
        assert_eq!((texts.concat().len(), end), (REPLY_MAX_BYTES, Ok(FinishReason::Stop)));
        let (texts, end) = bounded(&[text(&longest), text("a")]).await;
        assert_eq!((texts.len(), end), (1, Ok(FinishReason::Length)));
    }
}
