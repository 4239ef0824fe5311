//! Responses of a server stream. The call of the service ends with them in the metrics.

use super::metrics::BackendMetrics;
use crate::error::is_shutdown;
use nono_proto::{
    chat::v1::{ChatResponse, chat_response},
    session::v1::{WatchResponse, watch_response},
};
use tokio::time::Instant;
use tonic::{Code, Status, Streaming};

/// A response of a server stream.
pub(crate) trait StreamResponse: Sized {
    /// Name of the method.
    const METHOD: &'static str;

    /// Returns `true` for the last response of a complete stream.
    fn is_last(&self) -> bool;

    /// Returns the code of a stream that ended with an error, in metrics.
    fn code(status: &Status) -> Code {
        status.code()
    }
}

impl StreamResponse for ChatResponse {
    const METHOD: &'static str = "Chat";

    fn is_last(&self) -> bool {
        matches!(self.event, Some(chat_response::Event::Done(_)))
    }
}

impl StreamResponse for WatchResponse {
    const METHOD: &'static str = "Watch";

    fn is_last(&self) -> bool {
        matches!(self.event, Some(watch_response::Event::Ended(_)))
    }

    /// A stream that the service ends because it shuts down is complete: the next one continues.
    fn code(status: &Status) -> Code {
        if is_shutdown(status) { Code::Ok } else { status.code() }
    }
}

/// Responses of a server stream.
pub(crate) struct ServerStream<R: StreamResponse> {
    responses: Streaming<R>,
    metrics: BackendMetrics,
    start: Instant,
    /// Code of the call. A stream that is dropped before its end was cancelled.
    code: Code,
}

impl<R: StreamResponse> ServerStream<R> {
    pub(super) fn new(responses: Streaming<R>, metrics: BackendMetrics, start: Instant) -> Self {
        Self { responses, metrics, start, code: Code::Cancelled }
    }

    /// Returns the next response; `None` at the end of the stream.
    pub(crate) async fn message(&mut self) -> Result<Option<R>, Status> {
        let message = self.responses.message().await;
        match &message {
            Ok(Some(response)) if response.is_last() => self.code = Code::Ok,
            Ok(Some(_)) => {}
            // A stream without its last response was cut.
            Ok(None) if self.code != Code::Ok => self.code = Code::Unknown,
            Ok(None) => {}
            Err(status) => self.code = R::code(status),
        }
        message
    }
}

impl<R: StreamResponse> Drop for ServerStream<R> {
    fn drop(&mut self) {
        self.metrics.call_ended(R::METHOD, self.code, self.start.elapsed());
    }
}
