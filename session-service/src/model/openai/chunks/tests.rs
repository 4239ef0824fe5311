//! Streams by themselves, without a server.

use super::*;
use crate::model::limits::LINE_MAX_BYTES;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

type Reply = (String, Result<FinishReason, &'static str>);

/// Returns the whole text and the end of a stream.
async fn read_all<R: AsyncRead + Unpin>(mut chunks: Chunks<R>) -> Reply {
    let mut text = String::new();
    loop {
        match chunks.next().await.expect("a stream ends with an end or an error") {
            Ok(ReplyEvent::Text(piece)) => text += &piece,
            Ok(ReplyEvent::Finish(reason)) => return (text, Ok(reason)),
            Err(error) => return (text, Err(error.as_label())),
        }
    }
}

/// Reads at most `max_bytes` of a stream whose end proves that it is complete.
async fn read(stream: impl AsyncRead + Unpin, max_bytes: usize) -> Reply {
    read_all(Chunks::new(stream, max_bytes, true)).await
}

const A: &str = r#"data: {"choices":[{"delta":{"content":"a"}}]}"#;
const FINISH: &str = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#;

/// A stream whose connection breaks at its end.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

#[tokio::test]
async fn a_clean_end_after_text_completes_the_reply() {
    for stream in [format!("{A}\n\n"), format!("{A}\n"), A.to_owned(), format!("{A}\r{A}")] {
        let (text, end) = read(stream.as_bytes(), 1000).await;
        assert_eq!((text.trim_matches('a'), end), ("", Ok(FinishReason::Unknown)), "{stream:?}");
        assert!(!text.is_empty());
    }
}

#[tokio::test]
async fn broken_streams_without_a_finish_reason_are_truncated() {
    let stream = A.as_bytes().chain(Broken);
    assert_eq!(read(stream, 1000).await, (String::new(), Err("truncated")));
    let stream = format!("{A}\n");
    assert_eq!(read(stream.as_bytes().chain(Broken), 1000).await, ("a".into(), Err("truncated")));
    let finished = format!("{A}\n{FINISH}\n");
    assert_eq!(read(finished.as_bytes().chain(Broken), 1000).await, ("a".into(), Ok(FinishReason::Stop)));
}

#[tokio::test]
async fn unreliable_ends_without_a_finish_reason_are_truncated() {
    let read = |stream: String| async move { read_all(Chunks::new(stream.as_bytes(), 1000, false)).await };
    assert_eq!(read(format!("{A}\n\n")).await, ("a".into(), Err("truncated")));
    assert_eq!(read(format!("{A}\n\n{FINISH}")).await, ("a".into(), Ok(FinishReason::Stop)));
    assert_eq!(read(format!("{A}\n\ndata: [DONE]\n\n")).await, ("a".into(), Ok(FinishReason::Unknown)));
}

#[tokio::test]
async fn a_finish_reason_completes_the_reply_before_a_broken_end() {
    for rest in ["", "\n\ndata: \u{0}\n", "\ndata: {\"error\":{\"code\":500}}\n", "\ndata: oops\n\n: more"] {
        let stream = format!("{FINISH}{rest}");
        assert_eq!(read(stream.as_bytes(), 1000).await, (String::new(), Ok(FinishReason::Stop)), "{rest}");
    }
    let endless = format!("{FINISH}\n{}", ": more\n".repeat(1000));
    assert_eq!(read(endless.as_bytes(), 1000).await.1, Ok(FinishReason::Stop));
}

#[tokio::test]
async fn a_finish_reason_completes_the_reply_without_further_data() {
    let (mut server, stream) = tokio::io::duplex(1000);
    let finish = b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"length\"}]}\n";
    server.write_all(finish).await.unwrap();
    assert_eq!(read(stream, 1000).await, ("a".into(), Ok(FinishReason::Length)));
}

#[tokio::test]
async fn text_after_the_finish_reason_is_kept() {
    let stream = format!("{A}\n\n{FINISH}\n\n{A}\n\ndata: [DONE]\n\n");
    assert_eq!(read(stream.as_bytes(), 1000).await, ("aa".into(), Ok(FinishReason::Stop)));
}

#[tokio::test]
async fn unknown_chunks_are_skipped() {
    for odd in ["data: oops", "data: {\"choices\":", "data: {\"choices\":[{\"delta\":7}]}", "data: \u{fffd}"]
    {
        let stream = format!("{A}\n\n{odd}\n\n{A}\n\n{FINISH}\n\n");
        assert_eq!(read(stream.as_bytes(), 1000).await, ("aa".into(), Ok(FinishReason::Stop)), "{odd}");
    }
    let invalid = [A.as_bytes(), b"\n\ndata: \xff\xfe\n\n", FINISH.as_bytes()].concat();
    assert_eq!(read(&invalid[..], 1000).await, ("a".into(), Ok(FinishReason::Stop)));
}

#[tokio::test]
async fn streams_without_a_chunk_are_invalid() {
    for stream in [
        "",
        "\n\n",
        "<html>",
        "data: \u{1}\n\n",
        "data: {\"choices\":\n\n",
        "data: oops\n\ndata: [DONE]\n\n",
        "{\"detail\": \"not here\"}",
        "{\"choices\": \"none\"}",
    ] {
        assert_eq!(
            read(stream.as_bytes(), 1000).await,
            (String::new(), Err("invalid_response")),
            "{stream:?}"
        );
    }
}

#[tokio::test]
async fn a_final_summary_does_not_repeat_the_reply() {
    let summary = r#"data: {"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}"#;
    let stream = format!("{A}\n\n{summary}\n\n");
    assert_eq!(read(stream.as_bytes(), 1000).await, ("a".into(), Ok(FinishReason::Stop)));
}

#[tokio::test]
async fn incomplete_characters_at_the_end_are_replaced() {
    let half = A.replace("\"a\"", r#""a\ud83d""#);
    for end in ["", "\n\ndata: [DONE]\n\n", &format!("\n\n{FINISH}")] {
        let (text, end) = read(format!("{half}{end}").as_bytes(), 1000).await;
        assert!(text == "a\u{fffd}" && end.is_ok(), "{text}");
    }
}

#[tokio::test]
async fn endless_lines_and_streams_are_invalid() {
    assert_eq!(read(&vec![b' '; LINE_MAX_BYTES + 1][..], usize::MAX).await.1, Err("invalid_response"));
    assert_eq!(read(": still thinking\n".repeat(100).as_bytes(), 1000).await.1, Err("invalid_response"));
}
