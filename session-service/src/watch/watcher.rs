//! One watcher: waits for changes, reads them and returns events in order.

use super::{
    clock::StoreClock,
    cursor::{Start, WatchCursor},
    event::{EndReason, WatchEvent},
    feed::SharedChanges,
    shared::Subscription,
    track::{Break, FROM_NOW, Track},
};
use crate::{
    domain::{Timestamp, limits::HISTORY_PAGE_MAX_BYTES},
    store::{Changes, Position, StoreError},
};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// Time after which a watcher without an event sends a checkpoint.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(15);
/// Time before the end of a session at which its watchers are notified, unless a quarter of its lifetime is shorter.
const EXPIRY_NOTICE: Duration = Duration::from_secs(120);
/// Size of new messages beyond which a watcher that had caught up is skipped forward.
const BEHIND_MAX_BYTES: usize = HISTORY_PAGE_MAX_BYTES;
/// Pause before a failed read is repeated.
const RETRY_BACKOFF: Duration = Duration::from_millis(500);
/// Time for which reads may fail.
const FAILING_MAX: Duration = Duration::from_secs(8);
/// Pause before the end of a session is checked again: its store's clock may be behind.
const EXPIRY_RECHECK: Duration = Duration::from_millis(100);

/// Error that ends a watcher. A retry with the last cursor helps, except for an error of the store that is final.
#[derive(Debug)]
pub(crate) enum WatchError {
    Store(StoreError),
    /// The process has the maximum number of watchers.
    TooManyWatchers,
    /// The process stops.
    ShuttingDown,
}

impl WatchError {
    /// Returns the error of a read that several watchers share.
    fn of_read(error: &StoreError) -> Self {
        Self::Store(match error {
            StoreError::NotFound => StoreError::NotFound,
            StoreError::Corrupt(cause) => StoreError::Corrupt(cause.to_string().into()),
            other => StoreError::Unavailable(other.to_string().into()),
        })
    }
}

/// A watcher of one session.
pub(crate) struct Watcher {
    subscription: Subscription,
    stopping: CancellationToken,
    track: Track,
    events: VecDeque<(WatchCursor, WatchEvent)>,
    clock: StoreClock,
    /// `true` if there may be something new.
    is_behind: bool,
    /// Size of the messages that were read since the watcher had caught up; `None` until it has for the first time.
    read_bytes: Option<usize>,
    checkpoint_at: Instant,
    /// Expiry of which the caller was notified.
    notified: Option<Timestamp>,
    expiry_check_at: Instant,
    failing_since: Option<Instant>,
    end: Option<End>,
}

/// Reason why a watcher stops waiting.
enum Wake {
    Stopping,
    Changed,
    Outage,
    Deadline,
}

/// End of a watcher after its last event.
enum End {
    Complete,
    Failed(WatchError),
}

impl Watcher {
    pub(super) async fn begin(
        mut subscription: Subscription,
        start: &Start,
        stopping: CancellationToken,
    ) -> Result<Self, WatchError> {
        subscription.changes.mark_unchanged();
        let since = start.position();
        let mut changes = read(&subscription, since.cloned().unwrap_or(FROM_NOW)).await?;
        let resumed = since.filter(|_| Track::can_resume(start, &changes.head));
        let has_gap = since.is_some() && resumed.is_none();
        if has_gap {
            changes = read(&subscription, FROM_NOW).await?;
        }
        let (track, events) = Track::begin(resumed, has_gap, &changes);
        let now = Instant::now();
        Ok(Self {
            is_behind: track.is_behind(&changes.head),
            track,
            events: events.into(),
            clock: StoreClock::new(changes.now),
            read_bytes: None,
            checkpoint_at: now + CHECKPOINT_INTERVAL,
            notified: None,
            expiry_check_at: now,
            failing_since: None,
            end: None,
            subscription,
            stopping,
        })
    }

    /// Returns the next event with the cursor after it; `None` after the last one.
    pub(crate) async fn next(&mut self) -> Option<Result<(WatchCursor, WatchEvent), WatchError>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                self.checkpoint_at = Instant::now() + CHECKPOINT_INTERVAL;
                return Some(Ok(event));
            }
            match self.end.take() {
                Some(End::Complete) => {
                    self.end = Some(End::Complete);
                    return None;
                }
                Some(End::Failed(error)) => {
                    self.end = Some(End::Complete);
                    return Some(Err(error));
                }
                None if self.is_behind => self.catch_up().await,
                None => self.wait().await,
            }
        }
    }

    /// Waits for a change, or for an event that comes by itself.
    async fn wait(&mut self) {
        let deadline = self.checkpoint_at.min(self.notice_at()).min(self.ends_at());
        let Subscription { changes, outage, .. } = &mut self.subscription;
        let wake = tokio::select! {
            biased;
            () = self.stopping.cancelled() => Wake::Stopping,
            _ = changes.changed() => Wake::Changed,
            _ = outage.wait_for(|outage| *outage) => Wake::Outage,
            () = sleep_until(deadline) => Wake::Deadline,
        };
        match wake {
            Wake::Stopping => self.stop(),
            Wake::Changed => self.is_behind = true,
            Wake::Outage => {
                let cause = "the store did not respond to reads for watchers";
                self.fail(WatchError::Store(StoreError::Unavailable(cause.into())));
            }
            Wake::Deadline => self.on_deadline(),
        }
    }

    fn on_deadline(&mut self) {
        let (now, expires_at) = (Instant::now(), self.track.expires_at());
        if now >= self.ends_at() {
            self.expiry_check_at = now + EXPIRY_RECHECK;
            self.is_behind = true;
        } else if now >= self.notice_at() {
            self.notified = Some(expires_at);
            self.push(WatchEvent::Expiring(expires_at));
        } else if now >= self.checkpoint_at {
            self.push(WatchEvent::Checkpoint(self.clock.now()));
        }
    }

    /// Reads what is new.
    async fn catch_up(&mut self) {
        self.subscription.changes.mark_unchanged();
        let since = self.track.position();
        match read(&self.subscription, since).await {
            Ok(changes) => {
                self.failing_since = None;
                self.advance(&changes).await;
            }
            Err(WatchError::Store(StoreError::NotFound)) => {
                let now = self.subscription.shared.store.time().await;
                self.end_with(self.track.end_reason(now.unwrap_or_else(|_| self.clock.now())));
            }
            Err(error @ WatchError::Store(StoreError::Unavailable(_))) => self.retry(error).await,
            Err(error) => self.fail(error),
        }
    }

    /// Waits before a failed read is repeated. Ends the watcher if reads have failed for too long.
    async fn retry(&mut self, error: WatchError) {
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= FAILING_MAX {
            return self.fail(error);
        }
        tokio::select! {
            () = self.stopping.cancelled() => self.stop(),
            () = sleep(RETRY_BACKOFF) => {}
        }
    }

    async fn advance(&mut self, changes: &Changes) {
        self.clock = StoreClock::new(changes.now);
        self.subscription.shared.metrics.changed();
        match self.track.advance(changes) {
            Ok(events) => {
                self.is_behind = self.track.is_behind(&changes.head);
                if self.is_too_far_behind(changes) {
                    return self.skip_forward().await;
                }
                self.observe_delays(changes);
                self.events.extend(events);
            }
            Err(Break::Lost) => self.skip_forward().await,
            Err(Break::Replaced(reason)) => self.end_with(reason),
        }
    }

    /// Returns `true` if the caller reads so slowly that more is new than is kept for it.
    fn is_too_far_behind(&mut self, changes: &Changes) -> bool {
        if !self.is_behind {
            self.read_bytes = Some(0);
            return false;
        }
        let size: usize = changes.messages.iter().map(|message| message.content.as_str().len()).sum();
        let Some(read_bytes) = &mut self.read_bytes else { return false };
        *read_bytes += size;
        *read_bytes >= BEHIND_MAX_BYTES * 9 / 10
    }

    /// Begins again with a snapshot of the present state.
    async fn skip_forward(&mut self) {
        match read(&self.subscription, FROM_NOW).await {
            Ok(changes) => {
                let (track, events) = Track::begin(None, true, &changes);
                self.clock = StoreClock::new(changes.now);
                (self.track, self.is_behind, self.read_bytes) = (track, false, Some(0));
                self.events.extend(events);
            }
            // The next read fails in the same way, and ends the watcher.
            Err(error) => tracing::debug!(?error, "watcher not skipped forward yet"),
        }
    }

    fn observe_delays(&self, changes: &Changes) {
        for message in &changes.messages {
            let delay = changes.now.as_millis().saturating_sub(message.timestamp.as_millis());
            self.subscription.shared.metrics.message(Duration::from_millis(delay));
        }
    }

    fn push(&mut self, event: WatchEvent) {
        self.events.push_back((self.track.cursor(), event));
    }

    fn end_with(&mut self, reason: EndReason) {
        self.push(WatchEvent::Ended(reason));
        self.end = Some(End::Complete);
    }

    fn stop(&mut self) {
        self.push(WatchEvent::Checkpoint(self.clock.now()));
        self.fail(WatchError::ShuttingDown);
    }

    fn fail(&mut self, error: WatchError) {
        self.end = Some(End::Failed(error));
    }

    fn ends_at(&self) -> Instant {
        // A session is live up to and including the millisecond of its expiry.
        let end = self.track.expires_at().after(Duration::from_millis(2));
        self.clock.instant(end).max(self.expiry_check_at)
    }

    /// Returns the time at which the caller is notified of the expiry; the far future if it was.
    fn notice_at(&self) -> Instant {
        let expires_at = self.track.expires_at();
        if self.notified == Some(expires_at) {
            return self.ends_at();
        }
        let lifetime = expires_at.as_millis().saturating_sub(self.track.last_activity().as_millis());
        let notice = EXPIRY_NOTICE.min(Duration::from_millis(lifetime / 4));
        self.clock.instant(expires_at.before(notice))
    }
}

async fn read(subscription: &Subscription, since: Position) -> Result<Arc<Changes>, WatchError> {
    let changes: SharedChanges = subscription.feed.read(&subscription.shared.store, since).await;
    changes.map_err(|error| WatchError::of_read(&error))
}
