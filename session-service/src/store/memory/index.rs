//! Index of one owner's sessions, and the moves that let a listing show the order of its snapshot.
//!
//! While a listing is in progress, a session whose index entry changes leaves the old one behind as a *move*. A page
//! consists of the entries that existed at the listing's snapshot time: those that still exist, and those moved since.
//! The Redis scripts do the same; see `docs/decisions/0002-listing.md`.

use crate::domain::{
    Cursor, Timestamp, UserId,
    limits::{LIST_PAGE_MIN_ITEMS, LISTING_TTL},
};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, VecDeque},
    ops::Bound::{Excluded, Unbounded},
    time::Duration,
};

const MILLISECOND: Duration = Duration::from_millis(1);

/// Index entry: ordered by descending expiry, then by name. Without a name it is a bound that precedes all names.
type Entry = (Reverse<Timestamp>, Option<UserId>);

#[derive(Default)]
pub(super) struct Index {
    entries: BTreeSet<Entry>,
    /// Former entries with the time of their change.
    moves: BTreeSet<(Entry, Timestamp)>,
    /// The moves by age, for the removal of those that no listing needs.
    move_queue: VecDeque<(Entry, Timestamp)>,
    listings: Option<Listings>,
}

/// The listings in progress.
struct Listings {
    /// Snapshot time of the first one. Moves are complete since then.
    since: Timestamp,
    /// Snapshot time of the last one.
    last: Timestamp,
}

/// A page of index entries.
pub(super) struct EntryPage {
    pub(super) entries: Vec<Cursor>,
    pub(super) next: Option<Cursor>,
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns `true` if the index can be dropped.
    pub(super) fn is_idle(&self) -> bool {
        self.entries.is_empty() && self.listings.is_none()
    }

    pub(super) fn insert(&mut self, expires_at: Timestamp, user_id: UserId) {
        self.entries.insert((Reverse(expires_at), Some(user_id)));
    }

    pub(super) fn remove(&mut self, expires_at: Timestamp, user_id: &UserId) {
        self.entries.remove(&(Reverse(expires_at), Some(user_id.clone())));
    }

    /// Returns the timestamp of a change at `now`, which is later than every listing in progress.
    pub(super) fn next_timestamp(&mut self, now: Timestamp) -> Timestamp {
        self.evict_expired(now);
        self.listings.as_ref().map_or(now, |listings| now.max(listings.last.after(MILLISECOND)))
    }

    /// Updates the entry of a session that is used at a timestamp returned by [`Index::next_timestamp`].
    pub(super) fn update(
        &mut self,
        user_id: &UserId,
        previous: Timestamp,
        timestamp: Timestamp,
        ttl: Duration,
    ) {
        self.remove(previous, user_id);
        self.insert(timestamp.after(ttl), user_id.clone());
        if self.listings.as_ref().is_some_and(|listings| previous <= listings.last.after(ttl)) {
            let moved = ((Reverse(previous), Some(user_id.clone())), timestamp);
            self.move_queue.push_back(moved.clone());
            self.moves.insert(moved);
        }
    }

    /// Returns a page of at most `size` entries; `None` if the cursor's listing has expired.
    pub(super) fn page(
        &mut self,
        size: usize,
        cursor: Option<&Cursor>,
        now: Timestamp,
        ttl: Duration,
    ) -> Option<EntryPage> {
        self.evict_expired(now);
        let cursor = match cursor {
            None => self.start_cursor(now, ttl),
            Some(cursor) => {
                let snapshot_at = cursor.snapshot_at;
                let is_known = self.listings.as_ref().is_some_and(|listings| listings.since <= snapshot_at);
                if !is_known || is_expired(snapshot_at, now) {
                    return None;
                }
                cursor.clone()
            }
        };
        let mut entries = self.entries_after(&cursor, size + 1);
        let has_more = entries.len() > size;
        entries.truncate(size);
        let snapshot_at = cursor.snapshot_at;
        let cursor = |(expires_at, user_id): Entry| Cursor { snapshot_at, expires_at: expires_at.0, user_id };
        let entries: Vec<Cursor> = entries.into_iter().map(cursor).collect();
        let next = entries.last().filter(|_| has_more).cloned();
        // A page of many sessions may be cut at its maximum size, and then has a next page.
        if has_more || entries.len() > LIST_PAGE_MIN_ITEMS {
            let since = self.listings.as_ref().map_or(snapshot_at, |listings| listings.since);
            let last = self.listings.as_ref().map_or(snapshot_at, |listings| listings.last.max(snapshot_at));
            self.listings = Some(Listings { since, last });
        }
        Some(EntryPage { entries, next })
    }

    /// Returns the start of a listing that begins now.
    fn start_cursor(&self, now: Timestamp, ttl: Duration) -> Cursor {
        let snapshot_at = self.listings.as_ref().map_or(now, |listings| now.max(listings.last));
        let expected = snapshot_at.after(ttl);
        let top = self.entries.first().map_or(expected, |(Reverse(top), _)| *top);
        // `expected + 1 ms` is an activity after the snapshot; anything later was created under a longer TTL.
        let latest = if top > expected.after(MILLISECOND) { top } else { expected };
        Cursor { snapshot_at, expires_at: latest.after(MILLISECOND), user_id: None }
    }

    /// Returns the first `limit` entries after the cursor, as of its snapshot time.
    fn entries_after(&self, cursor: &Cursor, limit: usize) -> Vec<Entry> {
        let last = match &cursor.user_id {
            Some(user_id) => (Reverse(cursor.expires_at), Some(user_id.clone())),
            None => (Reverse(cursor.expires_at.before(MILLISECOND)), None),
        };
        let current = self.entries.range((Excluded(last.clone()), Unbounded)).take(limit).cloned();
        let moved = self.moves.range((Excluded((last, Timestamp::MAX)), Unbounded));
        let moved = moved.filter(|(_, moved_at)| *moved_at > cursor.snapshot_at).take(limit);
        let mut entries: Vec<Entry> = current.chain(moved.map(|(entry, _)| entry.clone())).collect();
        entries.sort_unstable();
        entries.truncate(limit);
        entries
    }

    /// Removes the moves that no listing needs, and expired listings.
    fn evict_expired(&mut self, now: Timestamp) {
        while self.move_queue.front().is_some_and(|(_, moved_at)| is_expired(*moved_at, now))
            && let Some(oldest) = self.move_queue.pop_front()
        {
            self.moves.remove(&oldest);
            if let Some(listings) = &mut self.listings {
                listings.since = listings.since.max(oldest.1);
            }
        }
        if self.listings.as_ref().is_some_and(|listings| is_expired(listings.last, now)) {
            self.listings = None;
            self.moves.clear();
            self.move_queue.clear();
        }
    }
}

/// Returns `true` if a listing with this snapshot time has expired.
fn is_expired(snapshot_at: Timestamp, now: Timestamp) -> bool {
    snapshot_at.after(LISTING_TTL) < now
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const ROUND: Duration = Duration::from_secs(10);
    const SESSIONS: usize = 5;

    #[test]
    fn moves_are_kept_for_the_lifetime_of_a_listing() {
        let mut index = Index::default();
        let user_ids: Vec<_> =
            (0..SESSIONS).map(|n| UserId::try_from(n.to_string().as_str()).unwrap()).collect();
        let mut now = Timestamp::from_millis(1_697_856_000_000);
        let mut expiries: Vec<_> = user_ids.iter().map(|_| now.after(HOUR)).collect();
        for (user_id, expires_at) in user_ids.iter().zip(&expiries) {
            index.insert(*expires_at, user_id.clone());
        }
        let mut largest = 0;
        for _ in 0..1000 {
            now = now.after(ROUND);
            assert!(index.page(1, None, now, HOUR).unwrap().next.is_some());
            for (user_id, expires_at) in user_ids.iter().zip(&mut expiries) {
                let timestamp = index.next_timestamp(now);
                index.update(user_id, *expires_at, timestamp, HOUR);
                *expires_at = timestamp.after(HOUR);
            }
            assert_eq!(index.moves.len(), index.move_queue.len());
            largest = largest.max(index.moves.len());
        }
        let rounds = usize::try_from(LISTING_TTL.as_secs() / ROUND.as_secs()).unwrap() + 1;
        assert_eq!(largest, rounds * SESSIONS);
        let since = index.listings.as_ref().unwrap().since;
        assert!(since <= index.move_queue[0].1 && is_expired(since, now), "moves are complete since then");
    }
}
