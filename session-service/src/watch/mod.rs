//! Watchers: streams of a session's events. Knows domain and store, and no protobuf.
//!
//! A watcher resumes from state. What it has missed is the messages after its seq and the text of the running reply after
//! its offset, so there is no log of events to keep, trim or order. One task of the process reads the heads of all watched
//! sessions, several hundred in one round trip, and wakes the watchers of those that changed; changes made by this process
//! wake them at once. A watcher then reads what is new since its position, and watchers at one position share this read.
//! Nothing is buffered for a caller that does not read. No guarantee depends on a wake-up: a lost one delays an event until
//! the next change.
//!
//! # Guarantees
//!
//! - The first event is a snapshot.
//! - Every message after the cursor is sent once, in order and without gaps, unless a snapshot says otherwise.
//! - The deltas of a turn, joined from offset 0, are a prefix of the stored reply.
//! - A stream ends with its last event, the end of the session, or with an error after which a retry helps.
//! - Watching restores nothing and extends no lifetime.

mod clock;
mod cursor;
mod event;
mod feed;
mod metrics;
mod notifying;
mod poll;
mod shared;
#[cfg(test)]
mod tests;
mod track;
mod watcher;
mod watchers;

pub(crate) use cursor::{Start, WatchCursor};
pub(crate) use event::{Delta, EndReason, Snapshot, TurnChange, TurnState, TurnText, WatchEvent};
pub(crate) use metrics::WatchMetrics;
pub(crate) use notifying::NotifyingStore;
pub(crate) use watcher::{WatchError, Watcher};
pub(crate) use watchers::Watchers;

/// Default of the maximum number of watchers of a process.
pub const DEFAULT_MAX_WATCHERS: u32 = 10_000;
