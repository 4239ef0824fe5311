//! Properties of the stream of a chat completion for arbitrary input.

use super::chunks::Chunks;
use crate::model::ReplyEvent;
use futures_util::stream;
use std::io;
use tokio_util::{bytes::Bytes, io::StreamReader};

/// Maximum number of bytes that are read of a stream.
const STREAM_BYTES: usize = 64 * 1024;

/// Checks that a stream ends once, that its text is not longer than the stream allows, and that the reply does not depend on the
/// sizes in which the stream arrives. Input: those sizes in the first byte, and the stream.
pub fn model_stream(input: &[u8]) {
    let (first, stream) = input.split_first().map_or((1, input), |(first, stream)| (*first, stream));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime without I/O can be created");
    for has_framing in [true, false] {
        let whole = runtime.block_on(read(stream, stream.len().max(1), has_framing));
        let parts = runtime.block_on(read(stream, usize::from(first % 16) + 1, has_framing));
        assert_eq!(whole, parts, "the parts of a stream change the reply");
        // An invalid byte becomes a character of three bytes.
        assert!(whole.0.len() <= 3 * stream.len(), "a reply is longer than its stream");
    }
}

/// Reads a stream that arrives in parts of `size` bytes. Returns the text, and the finish reason or the label of the error.
async fn read(stream: &[u8], size: usize, has_framing: bool) -> (String, String) {
    let parts: Vec<_> =
        stream.chunks(size).map(|part| io::Result::Ok(Bytes::copy_from_slice(part))).collect();
    let mut chunks = Chunks::new(StreamReader::new(stream::iter(parts)), STREAM_BYTES, has_framing);
    let mut text = String::new();
    let end = loop {
        match chunks.next().await.expect("a stream ends with an end or an error") {
            Ok(ReplyEvent::Text(piece)) => text += &piece,
            Ok(ReplyEvent::Finish(reason)) => break reason.as_str().to_owned(),
            Err(error) => break error.as_label().to_owned(),
        }
    };
    assert!(chunks.next().await.is_none(), "there is something after the end");
    (text, end)
}
