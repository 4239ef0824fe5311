//! Handling of request bodies that are unread when the response is ready (HTTP/1 only).
//!
//! hyper closes a connection whose request was not read to its end. A client that is still sending then receives a reset,
//! possibly before it has read the response. Therefore a short rest is read before the response is sent, which keeps the
//! connection, and a long one while the client reads the response.

use crate::error::Problem;
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Version,
        header::{CONNECTION, CONTENT_LENGTH, EXPECT},
    },
    response::{IntoResponse, Response},
};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use nono_proto::limits::HTTP_BODY_MAX_SENT_BYTES;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

/// Maximum number of bytes that are read before the response is sent.
const SHORT_MAX_BYTES: usize = 64 * 1024;
/// Timeout for reading a short rest.
const SHORT_TIMEOUT: Duration = Duration::from_millis(500);
/// Timeout for reading a long rest, after which the connection is closed.
const LONG_TIMEOUT: Duration = Duration::from_secs(30);
/// Timeout for the next part of a long rest.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(5);

/// Rejects a body by its announced length, calls `respond`, and reads what that left of the body.
pub(crate) async fn handle<F>(request: Request, respond: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let is_too_large =
        announced_len(request.headers()).is_some_and(|len| len > HTTP_BODY_MAX_SENT_BYTES as u64);
    if request.version() >= Version::HTTP_2 || request.body().is_end_stream() {
        return if is_too_large { Problem::too_large().into_response() } else { respond(request).await };
    }
    let expects_continue = request.headers().contains_key(EXPECT);
    let (parts, body) = request.into_parts();
    if is_too_large {
        return finish(Problem::too_large().into_response(), Rest { body, was_polled: !expects_continue })
            .await;
    }
    let (give_back, mut rest) = oneshot::channel();
    let lent =
        LentBody { rest: Some(Rest { body, was_polled: !expects_continue }), give_back: Some(give_back) };
    let response = respond(Request::from_parts(parts, Body::new(lent))).await;
    match rest.try_recv() {
        Ok(rest) => finish(response, rest).await,
        Err(_) => response,
    }
}

fn announced_len(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads the rest, before the response is returned or in the background.
async fn finish(mut response: Response, mut rest: Rest) -> Response {
    // The client waits for "100 Continue", which reading would send.
    if rest.was_polled {
        if matches!(timeout(SHORT_TIMEOUT, rest.discard(SHORT_MAX_BYTES)).await, Ok(true)) {
            return response;
        }
        tokio::spawn(timeout(LONG_TIMEOUT, async move { rest.discard(usize::MAX).await }));
    }
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A body that was not read to its end.
struct Rest {
    body: Body,
    /// `true` if the client is sending, or was asked to.
    was_polled: bool,
}

impl Rest {
    /// Reads and drops up to `max` bytes. Returns `true` if the body ended.
    async fn discard(&mut self, max: usize) -> bool {
        let mut discarded = 0;
        while discarded <= max {
            match timeout(SILENCE_TIMEOUT, self.body.frame()).await {
                Ok(None) => return true,
                Ok(Some(Ok(frame))) => discarded += frame.data_ref().map_or(0, Bytes::len),
                Ok(Some(Err(_))) | Err(_) => return false,
            }
        }
        false
    }
}

/// A body that gives itself back when it is dropped before its end.
struct LentBody {
    rest: Option<Rest>,
    give_back: Option<oneshot::Sender<Rest>>,
}

impl HttpBody for LentBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        rest.was_polled = true;
        let frame = Pin::new(&mut rest.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.rest = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.as_ref().map(|rest| rest.body.size_hint()).unwrap_or_default()
    }
}

impl Drop for LentBody {
    fn drop(&mut self) {
        let rest = self.rest.take().filter(|rest| !rest.body.is_end_stream());
        if let Some((rest, give_back)) = rest.zip(self.give_back.take()) {
            // The receiver is gone if the request was cancelled.
            let _ = give_back.send(rest);
        }
    }
}
