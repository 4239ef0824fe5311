//! Responses of the scripted model as HTTP/1.1 and server-sent events.

use super::behaviour::{Behaviour, micros};
use serde_json::{Value, json};
use std::io;
use tokio::{io::AsyncWriteExt, net::tcp::OwnedWriteHalf, sync::Semaphore};

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// A response that is being written.
pub(super) struct Response<'a> {
    pub(super) to: &'a mut OwnedWriteHalf,
    pub(super) gate: &'a Semaphore,
}

impl Response<'_> {
    /// Writes a response. An error closes the connection.
    pub(super) async fn play(&mut self, behaviour: Behaviour) -> io::Result<()> {
        match behaviour {
            Behaviour::Status { code, retry_after, body } => {
                return self.fail(code, retry_after, &body).await;
            }
            Behaviour::Http(response) => {
                self.to.write_all(response.as_bytes()).await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Behaviour::Hang => std::future::pending().await,
            streamed => {
                self.to.write_all(STREAM.as_bytes()).await?;
                self.stream(streamed).await?;
            }
        }
        self.to.write_all(b"0\r\n\r\n").await
    }

    async fn stream(&mut self, behaviour: Behaviour) -> io::Result<()> {
        match behaviour {
            Behaviour::Raw(stream) => return self.write(stream.as_bytes()).await,
            Behaviour::Reply(pieces) => self.send_pieces(&pieces).await?,
            Behaviour::Slow { pieces, pause } => {
                for piece in &pieces {
                    tokio::time::sleep(pause).await;
                    self.chunk(&delta(piece)).await?;
                }
            }
            Behaviour::Clock { pieces, pause } => {
                for _ in 0..pieces {
                    self.chunk(&delta(&format!("@{}@", micros()))).await?;
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                }
            }
            Behaviour::Gated(pieces) => {
                for piece in &pieces {
                    self.gate.acquire().await.expect("the semaphore is never closed").forget();
                    self.chunk(&delta(piece)).await?;
                }
            }
            Behaviour::LateEnd { pieces, delay } => {
                self.send_pieces(&pieces).await?;
                self.finish().await?;
                tokio::time::sleep(delay).await;
                return Ok(());
            }
            Behaviour::Verbose(pieces) => return self.send_verbose(&pieces).await,
            Behaviour::Stall(pieces) => {
                self.send_pieces(&pieces).await?;
                std::future::pending().await
            }
            Behaviour::Cut(pieces) => {
                self.send_pieces(&pieces).await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Behaviour::Garbage(pieces) => {
                self.send_pieces(&pieces).await?;
                return self.write(b"data: {\"choices\": [oops\n\n").await;
            }
            Behaviour::SplitUtf8(piece) => self.send_split(&piece).await?,
            Behaviour::Endless(piece) => loop {
                self.chunk(&delta(&piece)).await?;
            },
            Behaviour::Hang | Behaviour::Http(_) | Behaviour::Status { .. } => {
                unreachable!("these have no stream")
            }
        }
        self.finish().await
    }

    async fn send_pieces(&mut self, pieces: &[String]) -> io::Result<()> {
        for piece in pieces {
            self.chunk(&delta(piece)).await?;
        }
        Ok(())
    }

    async fn send_verbose(&mut self, pieces: &[String]) -> io::Result<()> {
        self.write(b": PROCESSING\r\n\r\n").await?;
        self.chunk(&json!({"choices": [{"delta": {"role": "assistant", "content": null}}]})).await?;
        self.chunk(&json!({"choices": [{"delta": {"reasoning_content": "Hm."}, "finish_reason": null}]}))
            .await?;
        for piece in pieces {
            self.write(format!("event: message\nid: 1\ndata:{}\n\n", delta(piece)).as_bytes()).await?;
            self.write(b":\n\n").await?;
        }
        self.chunk(&json!({"choices": [{"delta": {}, "finish_reason": "eos_token"}]})).await?;
        self.chunk(&json!({"choices": [], "usage": {"total_tokens": 7}})).await?;
        self.write(b"data: [DONE]\n\n").await
    }

    async fn send_split(&mut self, piece: &str) -> io::Result<()> {
        let event = format!("data: {}\n\n", delta(piece)).into_bytes();
        let middle =
            event.iter().position(|byte| !byte.is_ascii()).expect("the piece has a multi-byte character") + 1;
        self.write(&event[..middle]).await?;
        tokio::task::yield_now().await;
        self.write(&event[middle..]).await
    }

    async fn finish(&mut self) -> io::Result<()> {
        self.chunk(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})).await?;
        self.write(b"data: [DONE]\n\n").await
    }

    async fn fail(&mut self, code: u16, retry_after: Option<String>, body: &str) -> io::Result<()> {
        let retry_after = retry_after.map(|value| format!("retry-after: {value}\r\n")).unwrap_or_default();
        let head = format!("HTTP/1.1 {code} Scripted\r\n{retry_after}content-length: {}\r\n\r\n", body.len());
        self.to.write_all((head + body).as_bytes()).await
    }

    async fn chunk(&mut self, chunk: &Value) -> io::Result<()> {
        self.write(format!("data: {chunk}\n\n").as_bytes()).await
    }

    /// Writes one HTTP chunk in one TCP write.
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let head = format!("{:x}\r\n", bytes.len());
        self.to.write_all(&[head.as_bytes(), bytes, b"\r\n"].concat()).await
    }
}

fn delta(text: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_697_856_000, "model": "scripted",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}],
    })
}
