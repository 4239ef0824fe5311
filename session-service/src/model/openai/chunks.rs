//! The stream of a chat completion, read line by line: the pieces in it, or how it fails.

use super::wire;
use crate::model::{FinishReason, ModelError, Piece, limits::LINE_MAX_BYTES};
use futures_util::StreamExt;
use std::{io::ErrorKind, time::Duration};
use tokio::{io::AsyncRead, time::timeout};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

/// How long the words after the finish reason are waited for: with them read, the connection can be used again.
const FAREWELL_MAX: Duration = Duration::from_secs(1);
/// Most lines are shorter; the buffer grows for others.
const BUFFER_BYTES: usize = 1024;

/// Reads chunks. Server-sent events are lines, and every data line of these streams is a whole chunk.
pub(super) struct Chunks<R> {
    lines: FramedRead<R, LinesCodec>,
    /// How many bytes may still come.
    room: usize,
    finish: Option<FinishReason>,
    is_over: bool,
}

impl<R: AsyncRead + Unpin> Chunks<R> {
    pub(super) fn new(reader: R, max_bytes: usize) -> Self {
        let codec = LinesCodec::new_with_max_length(LINE_MAX_BYTES);
        let lines = FramedRead::with_capacity(reader, codec, BUFFER_BYTES);
        Self { lines, room: max_bytes, finish: None, is_over: false }
    }

    /// The next piece, which is an empty text where the stream says something else.
    pub(super) async fn next(&mut self) -> Option<Result<Piece, ModelError>> {
        if self.is_over {
            return None;
        }
        let piece = self.read().await;
        self.is_over = !matches!(piece, Ok(Piece::Text(_)));
        Some(piece)
    }

    async fn read(&mut self) -> Result<Piece, ModelError> {
        let Some(line) = self.line().await? else {
            let cause = || ModelError::Cut("the stream ended without a finish reason".into());
            return self.finish.map(Piece::End).ok_or_else(cause);
        };
        let Some(data) = line.trim_start_matches('\u{feff}').strip_prefix("data:") else {
            return Ok(Piece::Text(String::new()));
        };
        match data.trim() {
            "[DONE]" => Ok(Piece::End(self.finish.unwrap_or(FinishReason::Unknown))),
            chunk => {
                let (text, finish) = wire::chunk(chunk)?;
                self.finish = finish.or(self.finish);
                Ok(Piece::Text(text))
            }
        }
    }

    /// The next line; none at the end. Once there is a finish reason, nothing that goes wrong matters.
    async fn line(&mut self) -> Result<Option<String>, ModelError> {
        let next = self.lines.next();
        if self.finish.is_some() {
            return Ok(timeout(FAREWELL_MAX, next).await.ok().flatten().and_then(Result::ok));
        }
        let Some(line) = next.await.transpose().map_err(unreadable)? else { return Ok(None) };
        let room = self.room.checked_sub(line.len() + 1);
        self.room = room.ok_or_else(|| ModelError::Garbage("the stream does not end".into()))?;
        Ok(Some(line))
    }
}

fn unreadable(error: LinesCodecError) -> ModelError {
    match error {
        LinesCodecError::MaxLineLengthExceeded => ModelError::Garbage("a line does not end".into()),
        LinesCodecError::Io(error) if error.kind() == ErrorKind::InvalidData => {
            ModelError::Garbage("a line is not UTF-8".into())
        }
        LinesCodecError::Io(error) => ModelError::Cut(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    /// The whole text and the end of a stream of which at most `max_bytes` are read.
    async fn read(
        stream: impl AsyncRead + Unpin,
        max_bytes: usize,
    ) -> (String, Result<FinishReason, &'static str>) {
        let mut chunks = Chunks::new(stream, max_bytes);
        let mut text = String::new();
        loop {
            match chunks.next().await.expect("a stream ends with an end or an error") {
                Ok(Piece::Text(piece)) => text += &piece,
                Ok(Piece::End(reason)) => return (text, Ok(reason)),
                Err(error) => return (text, Err(error.outcome())),
            }
        }
    }

    const A: &str = r#"{"choices":[{"delta":{"content":"a"}}]}"#;

    #[tokio::test]
    async fn lines_may_end_either_way_and_data_may_follow_the_colon_at_once() {
        let stream = format!("\u{feff}data: {A}\r\n\r\n: comment\n\nevent: x\ndata:{A}\n\ndata: [DONE]\n\n");
        assert_eq!(read(stream.as_bytes(), 1000).await, ("aa".into(), Ok(FinishReason::Unknown)));
    }

    #[tokio::test]
    async fn a_stream_that_ends_without_a_finish_is_cut() {
        assert_eq!(read(format!("data: {A}\n\n").as_bytes(), 1000).await, ("a".into(), Err("cut")));
        assert_eq!(read(&b"<html>"[..], 1000).await, (String::new(), Err("cut")));
    }

    #[tokio::test]
    async fn a_finish_reason_is_an_end_whatever_follows() {
        let finish = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
        for rest in [&b"\n\n"[..], b"\n\n\xff\n", b""] {
            let stream = [finish.as_bytes(), rest].concat();
            assert_eq!(read(&stream[..], 1000).await, (String::new(), Ok(FinishReason::Stop)));
        }
    }

    #[tokio::test]
    async fn a_finish_reason_is_an_end_even_if_nothing_follows() {
        let (mut server, stream) = tokio::io::duplex(1000);
        let finish = b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"length\"}]}\n";
        server.write_all(finish).await.unwrap();
        assert_eq!(read(stream, 1000).await, ("a".into(), Ok(FinishReason::Length)));
    }

    #[tokio::test]
    async fn what_is_not_text_is_garbage() {
        assert_eq!(read(&b"data: \xff\n\n"[..], 1000).await.1, Err("garbage"));
        assert_eq!(read(&b"data: {\"choices\":\n\n"[..], 1000).await.1, Err("garbage"));
    }

    #[tokio::test]
    async fn a_line_and_a_stream_that_do_not_end_are_garbage() {
        assert_eq!(read(&vec![b' '; LINE_MAX_BYTES + 1][..], usize::MAX).await.1, Err("garbage"));
        assert_eq!(read(": still thinking\n".repeat(100).as_bytes(), 1000).await.1, Err("garbage"));
    }
}
