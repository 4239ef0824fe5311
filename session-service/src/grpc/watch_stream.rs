//! Events of a watched session as responses.

use super::{render, status};
use crate::{
    store::{TurnFailure, TurnOutcome},
    watch::{Delta, EndReason, Snapshot, TurnChange, TurnState, TurnText, WatchCursor, WatchEvent, Watcher},
};
use futures_util::{Stream, stream};
use nono_proto::session::v1::{self as pb, watch_response::Event};
use std::pin::Pin;
use tonic::Status;
use tonic_types::StatusExt;

/// Stream of responses.
pub(super) type WatchStream = Pin<Box<dyn Stream<Item = Result<pb::WatchResponse, Status>> + Send>>;

/// Returns the events of a watcher as responses. It waits while the caller does not read.
pub(super) fn stream(watcher: Watcher) -> WatchStream {
    Box::pin(stream::unfold(watcher, |mut watcher| async {
        let event = watcher.next().await?;
        let response = match event {
            Ok((cursor, event)) => response(&cursor, event),
            Err(error) => Err(status::from_watch(error)),
        };
        Some((response, watcher))
    }))
}

fn response(cursor: &WatchCursor, event: WatchEvent) -> Result<pb::WatchResponse, Status> {
    let event = match event {
        WatchEvent::Snapshot(snapshot) => Event::Snapshot(render_snapshot(*snapshot)?),
        WatchEvent::Message(message) => Event::Message(render::message(*message)?),
        WatchEvent::Turn(change) => Event::Turn(turn(change)),
        WatchEvent::Delta(Delta { reply_seq, offset, text }) => {
            Event::Delta(pb::ReplyDelta { seq: reply_seq, offset, text })
        }
        WatchEvent::Session(session) => Event::Session(render::session(&session)?),
        WatchEvent::Expiring(expires_at) => {
            Event::Expiring(pb::Expiring { expires_at: Some(render::timestamp(expires_at)) })
        }
        WatchEvent::Ended(reason) => {
            let reason = match reason {
                EndReason::Expired => pb::ended::Reason::Expired,
                EndReason::Deleted => pb::ended::Reason::Deleted,
            };
            Event::Ended(pb::Ended { reason: reason.into() })
        }
        WatchEvent::Checkpoint(now) => {
            Event::Checkpoint(pb::Checkpoint { server_time: Some(render::timestamp(now)) })
        }
    };
    Ok(pb::WatchResponse { cursor: cursor.to_string(), event: Some(event) })
}

fn render_snapshot(snapshot: Snapshot) -> Result<pb::Snapshot, Status> {
    let Snapshot { session, now, turn, has_gap } = snapshot;
    let turn = turn.map(|TurnText { turn, offset, text }| pb::RunningTurn {
        seq: turn.reply_seq,
        request_id: turn.request_id,
        offset,
        text,
    });
    let server_time = Some(render::timestamp(now));
    Ok(pb::Snapshot { session: Some(render::session(&session)?), server_time, turn, has_gap })
}

fn turn(change: TurnChange) -> pb::TurnState {
    let TurnChange { state, reply_seq, request_id } = change;
    let mut failure = None;
    let state = match state {
        TurnState::Running => pb::turn_state::State::Running,
        TurnState::Lost => pb::turn_state::State::Lost,
        TurnState::Ended(TurnOutcome::Done) => pb::turn_state::State::Done,
        TurnState::Ended(TurnOutcome::Cancelled) => pb::turn_state::State::Cancelled,
        TurnState::Ended(TurnOutcome::Failed(reason)) => {
            failure = Some(reason);
            pb::turn_state::State::Failed
        }
    };
    pb::TurnState { state: state.into(), seq: reply_seq, request_id, problem: failure.map(problem) }
}

/// Returns the error with which the caller of a failed turn received it.
fn problem(failure: TurnFailure) -> pb::Problem {
    let status = status::from_failure(failure);
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| format!("ERROR_REASON_{}", info.reason));
    let reason = reason.and_then(|name| pb::ErrorReason::from_str_name(&name)).unwrap_or_default();
    let delay = details.retry_info().and_then(|info| info.retry_delay);
    pb::Problem {
        code: status.code().into(),
        message: status.message().to_owned(),
        reason: reason.into(),
        retry_after_ms: delay.map(|delay| u32::try_from(delay.as_millis()).unwrap_or(u32::MAX)),
    }
}
