//! Heads and changes of sessions in memory.

use super::state::Record;
use crate::{
    domain::{HistoryPage, HistoryRange, PageSize, Timestamp, limits::HISTORY_PAGE_MAX_BYTES},
    store::{
        Changes, Head, Position, RunningTurn, TurnTag,
        live::{CHANGES_MAX_MESSAGES, text_start},
    },
};

impl Record {
    pub(super) fn head(&self, now: Timestamp) -> Head {
        let turn = self.turn.as_ref().filter(|turn| turn.lease_end > now);
        Head {
            incarnation: self.incarnation.clone(),
            revision: self.revision,
            message_count: self.session.message_count,
            last_activity: self.session.last_activity,
            expires_at: self.session.expires_at,
            turn: turn.map(|turn| RunningTurn {
                tag: TurnTag::from(&turn.token),
                reply_seq: turn.reply_seq,
                request_id: turn.request_id.as_str().to_owned(),
            }),
            ended_turn: self.ended_turn.clone(),
        }
    }

    pub(super) fn changes(&self, since: &Position, now: Timestamp) -> Changes {
        let size = PageSize::try_from(CHANGES_MAX_MESSAGES).unwrap_or_default();
        let page = HistoryPage { range: HistoryRange::After(since.seq), size };
        let mut stored: Vec<_> = match page.bounds(self.session.message_count) {
            Some((first, last)) => self.messages[first as usize - 1..last as usize].iter().collect(),
            None => Vec::new(),
        };
        page.trim(&mut stored, HISTORY_PAGE_MAX_BYTES, |stored| stored.bytes);
        let messages = stored.into_iter().map(|stored| stored.message.clone()).collect();
        let head = self.head(now);
        let running = self.turn.as_ref().filter(|_| head.turn.is_some());
        let text = running.map_or("", |turn| turn.text.as_str());
        let start = text_start(since, head.turn.as_ref());
        let (text_offset, text) = match text.get(start as usize..) {
            Some(text) => (start, text.to_owned()),
            // The text is shorter, or the offset is within a character.
            None if start as usize > text.len() => (start, String::new()),
            None => (0, text.to_owned()),
        };
        Changes { now, session: self.session.clone(), head, messages, text_offset, text }
    }
}
