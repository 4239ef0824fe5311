//! Body of a response whose length is not known in advance: the request ends with it.

use super::record::Record;
use crate::error::Problem;
use axum::{
    body::{Body, Bytes, HttpBody},
    http::StatusCode,
};
use http_body::{Frame, SizeHint};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    task::{Context, Poll, ready},
};

/// Outcome of a response that continues after its headers, as an extension of the response; 0 before the end. Clones share
/// it.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamOutcome(Arc<AtomicU16>);

impl StreamOutcome {
    /// Sets the status that the response would have if it were not sent as a stream.
    pub(crate) fn set(&self, status: StatusCode) {
        self.0.store(status.as_u16(), Ordering::Release);
    }

    fn get(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.0.load(Ordering::Acquire)).ok()
    }
}

/// Body that completes the record of its request at its end. If it is dropped earlier, the client disconnected.
pub(super) struct RecordedBody {
    body: Body,
    record: Option<Record>,
    outcome: Option<StreamOutcome>,
}

impl RecordedBody {
    pub(super) fn new(body: Body, record: Record, outcome: Option<StreamOutcome>) -> Self {
        Self { body, record: Some(record), outcome }
    }

    /// Completes the record with the outcome of the stream, or with a status if the stream has set none.
    fn end(&mut self, status: Option<StatusCode>) {
        let outcome = self.outcome.as_ref().and_then(StreamOutcome::get);
        if let Some(record) = self.record.take()
            && let Some(status) = outcome.or(status)
        {
            record.end(status);
        }
    }
}

impl HttpBody for RecordedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(_)) => {}
            // The connection is cut, so that the client notices.
            Some(Err(_)) => self.end(Some(Problem::stream_interrupted().status())),
            None => self.end(Some(StatusCode::OK)),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RecordedBody {
    fn drop(&mut self) {
        self.end(None);
    }
}
