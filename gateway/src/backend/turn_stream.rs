//! Events of a turn. The call of the service ends with them in the metrics.

use super::metrics::BackendMetrics;
use nono_proto::chat::v1::{ChatResponse, chat_response::Event};
use tokio::time::Instant;
use tonic::{Code, Status, Streaming};

/// Events of a turn.
pub(crate) struct TurnStream {
    events: Streaming<ChatResponse>,
    metrics: BackendMetrics,
    start: Instant,
    /// Code of the call. A stream that is dropped before its end was cancelled.
    code: Code,
}

impl TurnStream {
    pub(super) fn new(events: Streaming<ChatResponse>, metrics: BackendMetrics, start: Instant) -> Self {
        Self { events, metrics, start, code: Code::Cancelled }
    }

    /// Returns the next response; `None` at the end of the stream.
    pub(crate) async fn message(&mut self) -> Result<Option<ChatResponse>, Status> {
        let message = self.events.message().await;
        match &message {
            Ok(Some(ChatResponse { event: Some(Event::Done(_)) })) => self.code = Code::Ok,
            Ok(Some(_)) => {}
            // A stream without its last event was cut.
            Ok(None) if self.code != Code::Ok => self.code = Code::Unknown,
            Ok(None) => {}
            Err(status) => self.code = status.code(),
        }
        message
    }
}

impl Drop for TurnStream {
    fn drop(&mut self) {
        self.metrics.call_ended("Chat", self.code, self.start.elapsed());
    }
}
