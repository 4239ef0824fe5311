//! Request of a unary call that has arrived as a whole, so that a client that sends it slowly occupies memory but no permit, and
//! is not taken for a slow store.

use super::status;
use crate::domain::limits::GRPC_MESSAGE_MAX_BYTES;
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
};
use http_body::Frame;
use http_body_util::BodyExt;
use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tonic::Status;

/// Receives the body of a request, or as much of it as a message may have: tonic rejects a larger one by its length.
pub(super) async fn receive_body(request: Request, timeout: Option<Duration>) -> Result<Request, Status> {
    let (head, body) = request.into_parts();
    let receiving = read(body);
    let body = match timeout {
        Some(timeout) => {
            tokio::time::timeout(timeout, receiving).await.map_err(|_| status::deadline_exceeded())?
        }
        None => receiving.await,
    };
    let body = body.map_err(|error| Status::from_error(Box::new(error)))?;
    Ok(Request::from_parts(head, Body::new(body)))
}

async fn read(mut rest: Body) -> Result<ReceivedBody, axum::Error> {
    let (mut first, mut others, mut bytes) = (None, VecDeque::new(), 0);
    while bytes <= GRPC_MESSAGE_MAX_BYTES
        && let Some(frame) = rest.frame().await.transpose()?
    {
        bytes += frame.data_ref().map_or(0, Bytes::len);
        match first {
            None => first = Some(frame),
            Some(_) => others.push_back(frame),
        }
    }
    Ok(ReceivedBody { first, others, rest })
}

/// Body of which a part has arrived. Most requests have one frame, which takes no queue.
struct ReceivedBody {
    first: Option<Frame<Bytes>>,
    others: VecDeque<Frame<Bytes>>,
    rest: Body,
}

impl HttpBody for ReceivedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.first.take().or_else(|| self.others.pop_front()) {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.others.is_empty() && self.rest.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(parts: Vec<Vec<u8>>) -> Request {
        let parts = parts.into_iter().map(|part| Ok::<_, std::io::Error>(Bytes::from(part)));
        Request::new(Body::from_stream(tokio_stream::iter(parts)))
    }

    #[tokio::test]
    async fn a_received_body_is_the_one_that_was_sent() {
        let half = GRPC_MESSAGE_MAX_BYTES / 2 + 1;
        for parts in
            [vec![], vec![b"abc".to_vec(), b"de".to_vec()], vec![vec![1; half], vec![2; half], vec![3]]]
        {
            let received = receive_body(request(parts.clone()), None).await.unwrap().into_body();
            let bytes = received.collect().await.unwrap().to_bytes();
            assert!(bytes == parts.concat(), "{} bytes", bytes.len());
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_exceeds_the_deadline() {
        let body = Body::from_stream(tokio_stream::pending::<std::io::Result<Bytes>>());
        let result = receive_body(Request::new(body), Some(Duration::from_millis(10))).await;
        assert_eq!(result.unwrap_err().code(), tonic::Code::DeadlineExceeded);
    }
}
