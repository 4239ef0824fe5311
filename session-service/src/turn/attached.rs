//! Events of a turn that runs in another task or process, for a retry of its request.

use super::events::{Accepted, Events, TurnError, TurnEvent};
use crate::{
    domain::Owner,
    store::{FinishedTurn, Position, SessionStore, StoreError, Turn, TurnOutcome, TurnRequest, TurnTag},
    watch::{Delta, Start, TurnChange, TurnState, WatchEvent, Watcher, Watchers},
};
use futures_util::stream;
use std::{collections::VecDeque, sync::Arc};
use tokio_util::sync::CancellationToken;

/// A caller that is attached to a turn.
struct Attached {
    store: Arc<dyn SessionStore>,
    owner: Owner,
    request: TurnRequest,
    tag: TurnTag,
    watcher: Watcher,
    /// Number of bytes of the reply that were sent.
    sent: usize,
    events: VecDeque<Result<TurnEvent, TurnError>>,
    is_over: bool,
}

/// Attaches to a running turn of the same request, until `stopping` is cancelled.
pub(super) async fn attach(
    store: Arc<dyn SessionStore>,
    watchers: &Watchers,
    owner: Owner,
    request: TurnRequest,
    turn: Turn,
    stopping: CancellationToken,
) -> Result<Events, TurnError> {
    let Turn { session, message, running, .. } = turn;
    let tag = running.as_ref().map(TurnTag::from).ok_or(TurnError::Lost)?;
    let start = Start::After(Position { seq: message.seq, text: Some((tag.clone(), 0)) });
    let watcher = watchers.watch_until(owner.clone(), request.user_id.clone(), &start, stopping).await?;
    let accepted = TurnEvent::Accepted(Box::new(Accepted { session, message, replayed: true }));
    let events = VecDeque::from([Ok(accepted)]);
    let attached = Attached { store, owner, request, tag, watcher, sent: 0, events, is_over: false };
    Ok(Box::pin(stream::unfold(attached, |mut attached| async {
        attached.next().await.map(|event| (event, attached))
    })))
}

impl Attached {
    async fn next(&mut self) -> Option<Result<TurnEvent, TurnError>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                self.is_over |= event.is_err() || matches!(event, Ok(TurnEvent::Done(_)));
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            match self.watcher.next().await {
                Some(Ok((_, event))) => self.follow(event).await,
                Some(Err(error)) => self.events.push_back(Err(error.into())),
                None => return None,
            }
        }
    }

    async fn follow(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Snapshot(snapshot) => {
                if let Some(turn) = snapshot.turn.filter(|turn| turn.turn.tag == self.tag) {
                    self.send(turn.offset, &turn.text);
                } else if snapshot.has_gap {
                    self.finish().await;
                }
            }
            WatchEvent::Delta(Delta { offset, text, .. }) => self.send(offset, &text),
            WatchEvent::Turn(TurnChange { state, request_id, .. })
                if request_id == self.request.request_id.as_str() =>
            {
                match state {
                    TurnState::Running => {}
                    TurnState::Ended(TurnOutcome::Done | TurnOutcome::Cancelled) => self.finish().await,
                    TurnState::Ended(TurnOutcome::Failed(failure)) => {
                        self.events.push_back(Err(TurnError::Failed(failure)));
                    }
                    TurnState::Lost => self.events.push_back(Err(TurnError::Lost)),
                }
            }
            WatchEvent::Ended(_) => {
                self.events.push_back(Err(TurnError::Store(StoreError::NotFound)));
            }
            _ => {}
        }
    }

    /// Sends what is new of the text at an offset.
    fn send(&mut self, offset: u32, text: &str) {
        let known = self.sent.saturating_sub(offset as usize);
        if let Some(text) = text.get(known..).filter(|text| !text.is_empty()) {
            self.sent += text.len();
            self.events.push_back(Ok(TurnEvent::Delta(text.to_owned())));
        }
    }

    /// Sends the rest of the stored reply and the end. A turn without a reply was cancelled before there was any text.
    async fn finish(&mut self) {
        let turn = match self.store.replay_turn(&self.owner, &self.request).await {
            Ok(turn) => turn,
            Err(error) => return self.events.push_back(Err(error.into())),
        };
        match turn {
            Some(Turn { session, reply: Some(reply), .. }) => {
                self.send(0, reply.content.as_str());
                let done = FinishedTurn { session, reply };
                self.events.push_back(Ok(TurnEvent::Done(Box::new(done))));
            }
            _ => self.events.push_back(Err(TurnError::Cancelled)),
        }
    }
}
