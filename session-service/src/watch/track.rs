//! Position of one watcher, and the events that lead from one state of a session to the next.

use super::{
    cursor::{Start, WatchCursor},
    event::{Delta, EndReason, Snapshot, TurnChange, TurnState, TurnText, WatchEvent},
};
use crate::{
    domain::{FinishReason, Incarnation, Message, Timestamp},
    store::{Changes, EndedTurn, Head, Position, RunningTurn, TurnOutcome, TurnTag},
};

/// Events in order, each with the cursor after it.
pub(super) type Events = Vec<(WatchCursor, WatchEvent)>;

/// Knowledge of a watcher about its session.
pub(super) struct Track {
    incarnation: Incarnation,
    /// Seq of the newest message that was sent.
    seq: u32,
    turn: Option<KnownTurn>,
    /// The turn of which the end was sent last, or which ended before the watcher began.
    ended_turn: Option<TurnTag>,
    last_activity: Timestamp,
    expires_at: Timestamp,
}

/// The running turn, and the number of bytes of its text that were sent.
struct KnownTurn {
    turn: RunningTurn,
    bytes: u32,
}

/// Reason why changes cannot be sent one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// The store lost messages that were sent.
    Lost,
    /// The name belongs to another session.
    Replaced(EndReason),
}

/// Position from which on a watcher without a cursor begins: no stored message is after it.
pub(super) const FROM_NOW: Position = Position { seq: u32::MAX, text: None };

impl Track {
    /// Returns `true` if a watcher that starts here can continue in this state.
    pub(super) fn can_resume(start: &Start, head: &Head) -> bool {
        match start {
            Start::Now => false,
            Start::After(position) => position.seq <= head.message_count,
            Start::Cursor(cursor) => {
                cursor.incarnation == head.incarnation && cursor.position.seq <= head.message_count
            }
        }
    }

    /// Begins with a state that was read from a position, or with the present one.
    pub(super) fn begin(since: Option<&Position>, has_gap: bool, changes: &Changes) -> (Self, Events) {
        let Changes { now, session, head, text_offset, text, .. } = changes;
        let known_tag = since.and_then(|since| Some(&since.text.as_ref()?.0));
        let ended_turn = head.ended_turn.as_ref().map(|ended| ended.tag.clone());
        let mut track = Self {
            incarnation: head.incarnation.clone(),
            seq: since.map_or(head.message_count, |since| since.seq),
            turn: head.turn.clone().map(|turn| KnownTurn { turn, bytes: text_offset + bytes(text) }),
            // The end of the turn that the caller saw running is news to it.
            ended_turn: ended_turn.filter(|tag| Some(tag) != known_tag),
            last_activity: head.last_activity,
            expires_at: head.expires_at,
        };
        let turn = head.turn.clone();
        let turn = turn.map(|turn| TurnText { turn, offset: *text_offset, text: text.clone() });
        let snapshot = Snapshot { session: session.clone(), now: *now, turn, has_gap };
        let mut events = vec![(track.cursor(), WatchEvent::Snapshot(Box::new(snapshot)))];
        track.send_messages(since.map_or(&[][..], |_| &changes.messages), head, &mut events);
        (track, events)
    }

    /// Returns the events of what is new since this position.
    pub(super) fn advance(&mut self, changes: &Changes) -> Result<Events, Break> {
        let Changes { now, session, head, messages, text_offset, text } = changes;
        if head.incarnation != self.incarnation {
            return Err(Break::Replaced(self.end_reason(*now)));
        }
        if head.message_count < self.seq {
            return Err(Break::Lost);
        }
        let mut events = Vec::new();
        self.end_known_turn(head, messages, &mut events);
        self.send_messages(messages, head, &mut events);
        if self.is_behind(head) {
            return Ok(events);
        }
        if let Some(turn) = &head.turn {
            self.send_turn(turn, *text_offset, text, &mut events);
        }
        let is_message = messages.last().is_some_and(|message| message.timestamp == head.last_activity);
        if self.last_activity != head.last_activity && !is_message {
            events.push((self.cursor(), WatchEvent::Session(Box::new(session.clone()))));
        }
        (self.last_activity, self.expires_at) = (head.last_activity, head.expires_at);
        Ok(events)
    }

    /// Returns `true` if the session has messages that were not sent.
    pub(super) fn is_behind(&self, head: &Head) -> bool {
        self.seq < head.message_count
    }

    pub(super) fn position(&self) -> Position {
        let text = self.turn.as_ref().map(|known| (known.turn.tag.clone(), known.bytes));
        Position { seq: self.seq, text }
    }

    pub(super) fn cursor(&self) -> WatchCursor {
        WatchCursor { incarnation: self.incarnation.clone(), position: self.position() }
    }

    pub(super) fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    pub(super) fn last_activity(&self) -> Timestamp {
        self.last_activity
    }

    /// Returns the reason why a session that is not live at this time ended.
    pub(super) fn end_reason(&self, now: Timestamp) -> EndReason {
        if now > self.expires_at { EndReason::Expired } else { EndReason::Deleted }
    }

    /// Ends the known turn if it is over and its end is not the one in the head: that of a later turn has replaced it.
    fn end_known_turn(&mut self, head: &Head, messages: &[Message], events: &mut Events) {
        let is_running = |tag: &TurnTag| head.turn.as_ref().is_some_and(|turn| turn.tag == *tag);
        let Some(KnownTurn { turn, .. }) = self.turn.take_if(|known| !is_running(&known.turn.tag)) else {
            return;
        };
        if head.ended_turn.as_ref().is_some_and(|ended| ended.tag == turn.tag) {
            return;
        }
        let mut replies = messages
            .iter()
            .filter(|message| message.finish_reason.is_some() && message.seq >= turn.reply_seq);
        let state = match replies.next().and_then(|reply| reply.finish_reason) {
            None => TurnState::Lost,
            Some(FinishReason::Cancelled) => TurnState::Ended(TurnOutcome::Cancelled),
            Some(_) => TurnState::Ended(TurnOutcome::Done),
        };
        self.send_state(state, turn.reply_seq, turn.request_id, events);
    }

    /// Sends messages, and the end of the last turn after its reply.
    fn send_messages(&mut self, messages: &[Message], head: &Head, events: &mut Events) {
        let is_new = |ended: &&EndedTurn| self.ended_turn.as_ref() != Some(&ended.tag);
        let mut ended = head.ended_turn.as_ref().filter(is_new);
        for message in messages {
            self.seq = message.seq;
            events.push((self.cursor(), WatchEvent::Message(Box::new(message.clone()))));
            if let Some(turn) = ended.take_if(|ended| ended.reply_seq == message.seq) {
                self.end_turn(turn, events);
            }
        }
        if let Some(turn) = ended.filter(|ended| ended.reply_seq <= self.seq || !self.is_behind(head)) {
            self.end_turn(turn, events);
        }
    }

    fn end_turn(&mut self, ended: &EndedTurn, events: &mut Events) {
        self.ended_turn = Some(ended.tag.clone());
        self.turn.take_if(|known| known.turn.tag == ended.tag);
        self.send_state(TurnState::Ended(ended.outcome), ended.reply_seq, ended.request_id.clone(), events);
    }

    fn send_state(&self, state: TurnState, reply_seq: u32, request_id: String, events: &mut Events) {
        events.push((self.cursor(), WatchEvent::Turn(TurnChange { state, reply_seq, request_id })));
    }

    /// Sends the beginning of a turn unless it is known, and more of its text.
    fn send_turn(&mut self, turn: &RunningTurn, text_offset: u32, text: &str, events: &mut Events) {
        if self.turn.as_ref().is_none_or(|known| known.turn.tag != turn.tag) {
            self.turn = Some(KnownTurn { turn: turn.clone(), bytes: 0 });
            self.send_state(TurnState::Running, turn.reply_seq, turn.request_id.clone(), events);
        }
        let Some(known) = &mut self.turn else { return };
        let offset = known.bytes;
        let skipped = offset.saturating_sub(text_offset) as usize;
        let Some(text) = text.get(skipped..).filter(|text| text_offset <= offset && !text.is_empty()) else {
            return;
        };
        known.bytes += bytes(text);
        let delta = Delta { reply_seq: known.turn.reply_seq, offset, text: text.to_owned() };
        events.push((self.cursor(), WatchEvent::Delta(delta)));
    }
}

fn bytes(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}
