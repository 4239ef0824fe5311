//! The order of one owner's sessions, and what a listing needs to show the order of an earlier moment.
//!
//! While a listing is being read, a session that moves leaves its old place behind (a *move*), unless an earlier move
//! of the same listing did. A page then shows the places that were taken at the listing's moment: those which still
//! are, and those left behind since. The Redis scripts do the same; `docs/decisions/0002-listing.md` says why.

use crate::domain::{
    Cursor, Timestamp, UserId,
    limits::{LIST_PAGE_SURE_ITEMS, LISTING_MAX_MILLISECONDS},
};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, VecDeque},
    ops::Bound::{Excluded, Unbounded},
    time::Duration,
};

const MILLISECOND: Duration = Duration::from_millis(1);

/// Where a session stands: the latest expiry first, ties by handle. No handle stands before every handle, as a bound.
type Place = (Reverse<Timestamp>, Option<UserId>);

#[derive(Default)]
pub(super) struct Index {
    places: BTreeSet<Place>,
    /// The places left behind, and when.
    moves: BTreeSet<(Place, Timestamp)>,
    /// The moves in the order of their age, because no listing needs those that are older than any listing.
    queue: VecDeque<(Place, Timestamp)>,
    listing: Option<Listing>,
}

/// The listings that may still be read.
struct Listing {
    /// The moment of the first of them: moves are complete since then.
    since: Timestamp,
    /// The moment of the last of them.
    last: Timestamp,
}

/// What a page of a listing is taken from.
pub(super) struct Page {
    pub(super) places: Vec<Cursor>,
    pub(super) next: Option<Cursor>,
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.places.is_empty() && self.listing.is_none()
    }

    pub(super) fn insert(&mut self, expires_at: Timestamp, user_id: UserId) {
        self.places.insert((Reverse(expires_at), Some(user_id)));
    }

    pub(super) fn remove(&mut self, expires_at: Timestamp, user_id: &UserId) {
        self.places.remove(&(Reverse(expires_at), Some(user_id.clone())));
    }

    /// The moment that an activity at `now` counts for: later than any listing that is being read.
    pub(super) fn moment(&mut self, now: Timestamp) -> Timestamp {
        self.remove_expired(now);
        self.listing.as_ref().map_or(now, |listing| now.max(listing.last.after(MILLISECOND)))
    }

    /// Moves a session to another place, at the `moment` given by [`Index::moment`].
    pub(super) fn slide(&mut self, user_id: &UserId, from: Timestamp, moment: Timestamp, ttl: Duration) {
        self.remove(from, user_id);
        self.insert(moment.after(ttl), user_id.clone());
        if self.listing.as_ref().is_some_and(|listing| from <= listing.last.after(ttl)) {
            let moved = ((Reverse(from), Some(user_id.clone())), moment);
            self.queue.push_back(moved.clone());
            self.moves.insert(moved);
        }
    }

    /// A page of at most `size` places; none when the cursor's listing can no longer be continued.
    pub(super) fn page(
        &mut self,
        size: usize,
        cursor: Option<&Cursor>,
        now: Timestamp,
        ttl: Duration,
    ) -> Option<Page> {
        self.remove_expired(now);
        let cursor = match cursor {
            None => self.first(now, ttl),
            Some(cursor) => {
                let known = self.listing.as_ref().is_some_and(|listing| listing.since <= cursor.moment);
                if !known || is_over(cursor.moment, now) {
                    return None;
                }
                cursor.clone()
            }
        };
        let mut places = self.places_after(&cursor, size + 1);
        let more = places.len() > size;
        places.truncate(size);
        let moment = cursor.moment;
        let place = |(expires_at, user_id): Place| Cursor { moment, expires_at: expires_at.0, user_id };
        let places: Vec<Cursor> = places.into_iter().map(place).collect();
        let next = places.last().filter(|_| more).cloned();
        // A page of many sessions may be cut short for their size, and has a next one then.
        if more || places.len() > LIST_PAGE_SURE_ITEMS {
            let since = self.listing.as_ref().map_or(moment, |listing| listing.since);
            let last = self.listing.as_ref().map_or(moment, |listing| listing.last.max(moment));
            self.listing = Some(Listing { since, last });
        }
        Some(Page { places, next })
    }

    /// Where a listing that begins now begins.
    fn first(&self, now: Timestamp, ttl: Duration) -> Cursor {
        let moment = self.listing.as_ref().map_or(now, |listing| now.max(listing.last));
        let expected = moment.after(ttl);
        let top = self.places.first().map_or(expected, |(Reverse(top), _)| *top);
        // One millisecond later is an activity since; anything later still comes from a longer lifetime before.
        let latest = if top > expected.after(MILLISECOND) { top } else { expected };
        Cursor { moment, expires_at: latest.after(MILLISECOND), user_id: None }
    }

    /// The first places after the cursor, as they were at its moment.
    fn places_after(&self, cursor: &Cursor, most: usize) -> Vec<Place> {
        let last = match &cursor.user_id {
            Some(user_id) => (Reverse(cursor.expires_at), Some(user_id.clone())),
            None => (Reverse(cursor.expires_at.before(MILLISECOND)), None),
        };
        let current = self.places.range((Excluded(last.clone()), Unbounded)).take(most).cloned();
        let left = self.moves.range((Excluded((last, Timestamp::MAX)), Unbounded));
        let left =
            left.filter(|(_, moved)| *moved > cursor.moment).take(most).map(|(place, _)| place.clone());
        let mut places: Vec<Place> = current.chain(left).collect();
        places.sort_unstable();
        places.truncate(most);
        places
    }

    /// Removes the moves that no listing needs any more, and the listings when all are over.
    fn remove_expired(&mut self, now: Timestamp) {
        while self.queue.front().is_some_and(|(_, moved)| is_over(*moved, now))
            && let Some(oldest) = self.queue.pop_front()
        {
            self.moves.remove(&oldest);
            if let Some(listing) = &mut self.listing {
                listing.since = listing.since.max(oldest.1);
            }
        }
        if self.listing.as_ref().is_some_and(|listing| is_over(listing.last, now)) {
            self.listing = None;
            self.moves.clear();
            self.queue.clear();
        }
    }
}

fn is_over(moment: Timestamp, now: Timestamp) -> bool {
    moment.after(Duration::from_millis(LISTING_MAX_MILLISECONDS)) < now
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
        let mut most = 0;
        for _ in 0..1000 {
            now = now.after(ROUND);
            assert!(index.page(1, None, now, HOUR).unwrap().next.is_some());
            for (user_id, expires_at) in user_ids.iter().zip(&mut expiries) {
                let timestamp = index.moment(now);
                index.slide(user_id, *expires_at, timestamp, HOUR);
                *expires_at = timestamp.after(HOUR);
            }
            assert_eq!(index.moves.len(), index.queue.len());
            most = most.max(index.moves.len());
        }
        let rounds = usize::try_from(LISTING_MAX_MILLISECONDS / 10_000).unwrap() + 1;
        assert_eq!(most, rounds * SESSIONS);
        let since = index.listing.as_ref().unwrap().since;
        assert!(since <= index.queue[0].1 && is_over(since, now), "moves are complete since then");
    }
}
