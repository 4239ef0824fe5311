//! Events of a turn for its caller, as long as the caller listens.

use crate::{
    domain::{FinishReason, Message},
    rpc::render,
};
use nono_proto::chat::v1::{self as pb, chat_response::Event};
use std::time::Duration;
use tokio::sync::mpsc;
use tonic::Status;

/// Timeout for a caller that does not read.
const READ_MAX_WAIT: Duration = Duration::from_secs(10);

type Sender = mpsc::Sender<Result<pb::ChatResponse, Status>>;

/// Sender of events to the caller; empty once the caller has disconnected.
pub(super) struct Events(Option<Sender>);

impl Events {
    pub(super) fn new(sender: Sender) -> Self {
        Self(Some(sender))
    }

    pub(super) async fn accepted(&mut self, message: &Message, replayed: bool) {
        let message = render::message(message.clone());
        self.send(message.map(|message| Event::Accepted(pb::Accepted { message: Some(message), replayed })))
            .await;
    }

    pub(super) async fn delta(&mut self, text: String) {
        self.send(Ok(Event::Delta(pb::Delta { text }))).await;
    }

    /// Sends the stored reply. One of an older version has no finish reason; all of those were sent as `STOP`.
    pub(super) async fn done(&mut self, reply: &Message) {
        let finish_reason = match reply.finish_reason.unwrap_or(FinishReason::Stop) {
            FinishReason::Stop => pb::FinishReason::Stop,
            FinishReason::Length => pb::FinishReason::Length,
            FinishReason::ContentFilter => pb::FinishReason::ContentFilter,
            FinishReason::Unknown => pb::FinishReason::Unspecified,
        };
        let message = render::message(reply.clone());
        let done =
            message.map(|message| pb::Done { message: Some(message), finish_reason: finish_reason.into() });
        self.send(done.map(Event::Done)).await;
    }

    pub(super) async fn failed(&mut self, status: Status) {
        self.send(Err(status)).await;
    }

    async fn send(&mut self, event: Result<Event, Status>) {
        let Some(sender) = &self.0 else { return };
        let event = event.map(|event| pb::ChatResponse { event: Some(event) });
        if sender.send_timeout(event, READ_MAX_WAIT).await.is_err() {
            self.0 = None;
        }
    }
}
