//! The stream of a chat completion: the pieces of the reply in it, or the reason for its failure.
//!
//! A stream is read as leniently as it can be without losing text. A chunk that is not understood is skipped and
//! counted. A clean end ends the reply, even without a finish reason; a connection that breaks does not.

use super::{
    events::{Event, Events},
    lines::{LineError, Lines},
    text::{TextDecoder, escape_invalid},
    wire::Chunk,
};
use crate::model::{FinishReason, ModelError, ReplyEvent};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::{
    io::AsyncRead,
    time::{Instant, timeout_at},
};
use tokio_util::{bytes::Bytes, codec::FramedRead};

/// Timeout for the rest of the stream after the finish reason. The connection can be reused once it is read to its end.
const TRAILER_TIMEOUT: Duration = Duration::from_secs(1);
/// Initial size of the buffer. Most lines are shorter.
const BUFFER_BYTES: usize = 1024;

/// Reads the pieces of a reply.
pub(super) struct Chunks<R> {
    lines: FramedRead<R, Lines>,
    events: Events,
    text: TextDecoder,
    /// The number of bytes that may still come.
    room: usize,
    /// The end of the stream proves that it is complete.
    has_framing: bool,
    has_text: bool,
    /// A chunk was understood.
    is_known: bool,
    /// The number of chunks that were not understood, wholly or in part.
    skipped: usize,
    /// The part of the first of them that was not understood.
    odd: Option<&'static str>,
    finish: Option<FinishReason>,
    /// The time at which the stream is given up after its finish reason.
    deadline: Option<Instant>,
    /// The end that follows the last text.
    end: Option<ReplyEvent>,
    is_over: bool,
}

impl<R: AsyncRead + Unpin> Chunks<R> {
    /// Reads at most `max_bytes`. Without `has_framing`, a stream that ends without a finish reason may be cut.
    pub(super) fn new(reader: R, max_bytes: usize, has_framing: bool) -> Self {
        Self {
            lines: FramedRead::with_capacity(reader, Lines::default(), BUFFER_BYTES),
            events: Events::default(),
            text: TextDecoder::default(),
            room: max_bytes,
            has_framing,
            has_text: false,
            is_known: false,
            skipped: 0,
            odd: None,
            finish: None,
            deadline: None,
            end: None,
            is_over: false,
        }
    }

    /// Returns the next piece. Its text is empty where the stream holds no text.
    pub(super) async fn next(&mut self) -> Option<Result<ReplyEvent, ModelError>> {
        if self.is_over {
            return None;
        }
        let piece = self.read().await;
        self.is_over = !matches!(piece, Ok(ReplyEvent::Text(_)));
        if self.is_over && self.skipped > 0 {
            let (skipped, first) = (self.skipped, self.odd);
            tracing::warn!(skipped, first, "chunks of the model's reply were not understood");
        }
        Some(piece)
    }

    /// Reads the rest of the stream after the end of the reply, so that the connection can be reused.
    pub(super) async fn drain(mut self) {
        // From here on the timeout applies, and a failure is an end.
        self.finish.get_or_insert(FinishReason::Unknown);
        while let Ok(Some(_)) = self.line().await {}
    }

    async fn read(&mut self) -> Result<ReplyEvent, ModelError> {
        if let Some(end) = self.end.take() {
            return Ok(end);
        }
        let event = match self.line().await? {
            Some(line) => self.events.push(&escape_invalid(&line)),
            None => match self.events.finish() {
                Event::Nothing => return self.ended(false),
                last => last,
            },
        };
        match event {
            Event::Nothing => Ok(ReplyEvent::Text(String::new())),
            Event::Chunk(chunk) => Ok(ReplyEvent::Text(self.push(chunk))),
            Event::Malformed => {
                self.skip("event");
                Ok(ReplyEvent::Text(String::new()))
            }
            Event::Done => self.ended(true),
            // The reply is whole already.
            Event::Failed(_) if self.finish.is_some() => self.ended(true),
            Event::Failed(error) => Err(error),
        }
    }

    fn push(&mut self, chunk: Chunk) -> String {
        self.is_known |= chunk.is_known;
        if let Some(odd) = chunk.odd {
            self.skip(odd);
        }
        self.finish = chunk.finish.or(self.finish);
        // A summary at the end of a stream would repeat the reply.
        if chunk.is_whole && self.has_text {
            return String::new();
        }
        self.has_text |= !chunk.text.is_empty();
        self.text.push(&chunk.text)
    }

    fn skip(&mut self, odd: &'static str) {
        self.skipped += 1;
        self.odd.get_or_insert(odd);
    }

    /// Ends the reply. The rest of its text comes before the end.
    fn ended(&mut self, is_declared: bool) -> Result<ReplyEvent, ModelError> {
        let finish = match self.finish {
            Some(finish) => finish,
            None if !self.is_known && (self.skipped > 0 || !is_declared) => {
                return Err(ModelError::InvalidResponse("it holds no chunk of a chat completion".into()));
            }
            None if !is_declared && !self.has_framing => {
                return Err(ModelError::Truncated("the stream ended without a finish reason".into()));
            }
            None => FinishReason::Unknown,
        };
        let rest = self.text.finish();
        if rest.is_empty() {
            return Ok(ReplyEvent::Finish(finish));
        }
        self.end = Some(ReplyEvent::Finish(finish));
        Ok(ReplyEvent::Text(rest))
    }

    /// Returns the next line, or `None` at the end. After the finish reason, every failure is an end.
    async fn line(&mut self) -> Result<Option<Bytes>, ModelError> {
        let next = self.lines.next();
        let line = match self.finish {
            None => next.await.transpose().map_err(unreadable)?,
            Some(_) => {
                let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + TRAILER_TIMEOUT);
                timeout_at(deadline, next).await.ok().flatten().and_then(Result::ok)
            }
        };
        let Some(line) = line else { return Ok(None) };
        match self.room.checked_sub(line.len() + 1) {
            Some(room) => self.room = room,
            None if self.finish.is_some() => return Ok(None),
            None => return Err(ModelError::InvalidResponse("the stream does not end".into())),
        }
        Ok(Some(line))
    }
}

fn unreadable(error: LineError) -> ModelError {
    match error {
        LineError::TooLong => ModelError::InvalidResponse("a line does not end".into()),
        LineError::Io(error) => ModelError::Truncated(error.into()),
    }
}

#[cfg(test)]
mod tests;
