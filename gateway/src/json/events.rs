//! JSON of the events of a watched session.

use super::{Message, Session, rfc3339};
use crate::error::Problem;
use nono_proto::session::v1::{self as pb, watch_response};
use serde::Serialize;
use utoipa::ToSchema;

/// Event of a session.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum WatchEvent {
    Snapshot(Snapshot),
    Message(Message),
    Turn(TurnState),
    Delta(ReplyDelta),
    Session(Session),
    Expiring(Expiring),
    Ended(Ended),
    Checkpoint(Checkpoint),
}

impl WatchEvent {
    /// Returns the name of the event.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Snapshot(_) => "snapshot",
            Self::Message(_) => "message",
            Self::Turn(_) => "turn",
            Self::Delta(_) => "delta",
            Self::Session(_) => "session",
            Self::Expiring(_) => "expiring",
            Self::Ended(_) => "ended",
            Self::Checkpoint(_) => "checkpoint",
        }
    }
}

impl From<watch_response::Event> for WatchEvent {
    fn from(event: watch_response::Event) -> Self {
        use watch_response::Event;
        match event {
            Event::Snapshot(snapshot) => Self::Snapshot(snapshot.into()),
            Event::Message(message) => Self::Message(message.into()),
            Event::Turn(turn) => Self::Turn(turn.into()),
            Event::Delta(delta) => Self::Delta(delta.into()),
            Event::Session(session) => Self::Session(session.into()),
            Event::Expiring(expiring) => Self::Expiring(expiring.into()),
            Event::Ended(ended) => Self::Ended(ended.into()),
            Event::Checkpoint(checkpoint) => Self::Checkpoint(checkpoint.into()),
        }
    }
}

/// Event `snapshot`: the present state.
#[derive(Serialize, ToSchema)]
pub(crate) struct Snapshot {
    /// The session.
    session: Session,
    /// Time of the store.
    #[schema(format = DateTime)]
    server_time: String,
    /// The running turn; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<RunningTurn>,
    /// `true` if messages up to `session.message_count` are missing from the stream and must be read with History.
    has_gap: bool,
}

impl From<pb::Snapshot> for Snapshot {
    fn from(snapshot: pb::Snapshot) -> Self {
        Self {
            session: Session::from(snapshot.session.unwrap_or_default()),
            server_time: rfc3339(snapshot.server_time),
            turn: snapshot.turn.map(RunningTurn::from),
            has_gap: snapshot.has_gap,
        }
    }
}

/// A running turn, with the text of its reply that the client does not know.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunningTurn {
    /// Expected seq of the reply.
    seq: u32,
    /// Request id of the turn.
    request_id: String,
    /// Offset of the text in the reply, in bytes of UTF-8.
    offset: u32,
    /// Text of the reply from the offset on.
    text: String,
}

impl From<pb::RunningTurn> for RunningTurn {
    fn from(turn: pb::RunningTurn) -> Self {
        Self { seq: turn.seq, request_id: turn.request_id, offset: turn.offset, text: turn.text }
    }
}

/// Event `turn`: a turn began or ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct TurnState {
    /// State of the turn.
    state: TurnStateName,
    /// Seq of the reply, the expected one unless it is stored.
    seq: u32,
    /// Request id of the turn.
    request_id: String,
    /// Error with which the turn failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// State of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TurnStateName {
    /// It is running.
    Running,
    /// The reply is stored.
    Done,
    /// It ended without a reply.
    Failed,
    /// It was cancelled. Its text until then, if there was any, is stored as the reply.
    Cancelled,
    /// The process that ran it stopped responding, and its lease ended without a reply.
    Lost,
}

impl From<pb::TurnState> for TurnState {
    fn from(turn: pb::TurnState) -> Self {
        use pb::turn_state::State;
        let state = match turn.state() {
            State::Running | State::Unspecified => TurnStateName::Running,
            State::Done => TurnStateName::Done,
            State::Failed => TurnStateName::Failed,
            State::Cancelled => TurnStateName::Cancelled,
            State::Lost => TurnStateName::Lost,
        };
        let problem = turn.problem.map(Problem::from);
        Self { state, seq: turn.seq, request_id: turn.request_id, problem }
    }
}

/// Event `delta`: more text of the running reply. A preview: the stored message, which follows, is the reply.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReplyDelta {
    /// Expected seq of the reply.
    seq: u32,
    /// Offset of the text in the reply, in bytes of UTF-8.
    offset: u32,
    /// The text.
    text: String,
}

impl From<pb::ReplyDelta> for ReplyDelta {
    fn from(delta: pb::ReplyDelta) -> Self {
        Self { seq: delta.seq, offset: delta.offset, text: delta.text }
    }
}

/// Event `expiring`: the session expires soon.
#[derive(Serialize, ToSchema)]
pub(crate) struct Expiring {
    /// Time at which it expires unless it is used before.
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<pb::Expiring> for Expiring {
    fn from(expiring: pb::Expiring) -> Self {
        Self { expires_at: rfc3339(expiring.expires_at) }
    }
}

/// Event `ended`: the session ended. Always last.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ended {
    /// Reason why it ended.
    reason: EndReason,
}

/// Reason why a session ended.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EndReason {
    /// It was not used for its lifetime.
    Expired,
    /// It was deleted.
    Deleted,
}

impl From<pb::Ended> for Ended {
    fn from(ended: pb::Ended) -> Self {
        let reason = match ended.reason() {
            pb::ended::Reason::Deleted => EndReason::Deleted,
            pb::ended::Reason::Expired | pb::ended::Reason::Unspecified => EndReason::Expired,
        };
        Self { reason }
    }
}

/// Event `checkpoint`: nothing happened, and the stream is alive.
#[derive(Serialize, ToSchema)]
pub(crate) struct Checkpoint {
    /// Time of the store.
    #[schema(format = DateTime)]
    server_time: String,
}

impl From<pb::Checkpoint> for Checkpoint {
    fn from(checkpoint: pb::Checkpoint) -> Self {
        Self { server_time: rfc3339(checkpoint.server_time) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nono_proto::chat::v1::FinishReason;
    use serde_json::json;

    fn rendered(event: watch_response::Event) -> (&'static str, serde_json::Value) {
        let event = WatchEvent::from(event);
        (event.name(), serde_json::to_value(&event).unwrap())
    }

    #[test]
    fn the_problem_of_a_failed_turn_has_the_form_of_other_problems() {
        let turn = pb::TurnState {
            state: pb::turn_state::State::Failed.into(),
            seq: 4,
            request_id: "r".into(),
            problem: Some(pb::Problem {
                code: 14,
                message: "the model did not generate a reply".into(),
                reason: pb::ErrorReason::ModelUnavailable.into(),
                retry_after_ms: Some(1500),
            }),
        };
        let problem = json!({
            "type": "urn:nono:problem:MODEL_UNAVAILABLE", "title": "Model unavailable", "status": 503,
            "detail": "the model did not generate a reply", "reason": "MODEL_UNAVAILABLE", "retry_after_ms": 1500,
        });
        let expected = json!({ "state": "failed", "seq": 4, "request_id": "r", "problem": problem });
        assert_eq!(rendered(watch_response::Event::Turn(turn)), ("turn", expected));
    }

    #[test]
    fn a_snapshot_without_a_turn_has_no_such_field() {
        let (name, snapshot) = rendered(watch_response::Event::Snapshot(pb::Snapshot::default()));
        assert_eq!((name, snapshot.get("turn"), &snapshot["has_gap"]), ("snapshot", None, &json!(false)));
    }

    #[test]
    fn a_message_has_a_finish_reason_if_it_is_a_reply() {
        let message = |reason: pb::FinishReason| {
            let message = pb::Message { finish_reason: reason.into(), ..Default::default() };
            rendered(watch_response::Event::Message(message)).1.get("finish_reason").cloned()
        };
        assert_eq!(message(pb::FinishReason::Unspecified), None);
        assert_eq!(message(pb::FinishReason::ContentFilter), Some(json!("content_filter")));
        assert_eq!(message(pb::FinishReason::Cancelled), Some(json!("cancelled")));
    }

    #[test]
    fn the_finish_reasons_of_messages_and_of_turns_are_the_same() {
        for number in 0..16 {
            let (stored, sent) = (pb::FinishReason::try_from(number), FinishReason::try_from(number));
            assert_eq!(stored.map(|reason| reason.as_str_name()), sent.map(|reason| reason.as_str_name()));
        }
    }
}
