//! Text of a running reply, stored as it grows, so that watchers in every process can follow it.

use crate::{
    domain::Owner,
    store::{Flushed, SessionStore, StoreError, TurnRequest},
};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::Notify, time::sleep};

/// Interval in which new text is stored and a cancellation is noticed.
const FLUSH_INTERVAL: Duration = Duration::from_millis(250);
/// Flushes begin at multiples of this by the clock, so that those of several turns are sent in one round trip.
const FLUSH_STEP: Duration = Duration::from_millis(25);

/// Text of a running reply.
#[derive(Default)]
pub(super) struct ReplyText {
    text: Mutex<String>,
    began: Notify,
}

/// Reason why no more text is stored.
#[derive(Debug)]
pub(super) enum FlushEnd {
    Cancelled,
    Lost(StoreError),
}

impl ReplyText {
    /// Appends text. The first is stored immediately. Returns `true` for the first.
    pub(super) fn push(&self, text: &str) -> bool {
        let mut reply = self.lock();
        let is_first = reply.is_empty();
        reply.push_str(text);
        if is_first {
            self.began.notify_one();
        }
        is_first
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub(super) fn take(&self) -> String {
        std::mem::take(&mut *self.lock())
    }

    /// Returns the text from an offset on, or all of it if the offset is not one of its own.
    fn after(&self, offset: u32) -> (u32, String) {
        let text = self.lock();
        match text.get(offset as usize..) {
            Some(rest) => (offset, rest.to_owned()),
            None => (0, text.clone()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, String> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the text as it grows, until the turn is cancelled or lost. `wake` requests it at once. After a failure the next
    /// attempt only asks whether the turn was cancelled, and then all that is missing is stored.
    pub(super) async fn flush(
        &self,
        store: &dyn SessionStore,
        owner: &Owner,
        turn: &TurnRequest,
        wake: &Notify,
    ) -> FlushEnd {
        let (mut stored, mut has_failed) = (0, false);
        loop {
            tokio::select! {
                () = sleep(until_flush(since_epoch())) => {}
                () = self.began.notified() => {}
                () = wake.notified() => {}
            }
            let (offset, text) = if has_failed { (0, String::new()) } else { self.after(stored) };
            let result = store.flush_turn(owner, &turn.user_id, &turn.token, offset, &text).await;
            has_failed = result.is_err();
            match result {
                Ok(Flushed { cancelled: true, .. }) => return FlushEnd::Cancelled,
                Ok(flushed) => stored = flushed.stored,
                Err(error @ (StoreError::TurnLost | StoreError::NotFound)) => return FlushEnd::Lost(error),
                Err(error) => tracing::debug!(%error, "text of a reply not stored"),
            }
        }
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Returns the time from now to the next flush, at most [`FLUSH_INTERVAL`].
fn until_flush(now: Duration) -> Duration {
    let step = FLUSH_STEP.as_nanos();
    let late = u64::try_from(now.as_nanos() % step).unwrap_or_default();
    FLUSH_INTERVAL - Duration::from_nanos(late)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flushes_begin_at_common_times_and_at_most_an_interval_apart() {
        for micros in [0, 1, 24_999, 25_000, 1_700_000_000_013_700] {
            let now = Duration::from_micros(micros);
            let pause = until_flush(now);
            assert!(pause <= FLUSH_INTERVAL && pause > FLUSH_INTERVAL - FLUSH_STEP, "{micros}: {pause:?}");
            assert_eq!((now + pause).as_nanos() % FLUSH_STEP.as_nanos(), 0, "{micros}");
        }
    }
}
