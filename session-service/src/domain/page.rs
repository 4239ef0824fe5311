//! Pages of lists and histories.

use super::{
    Message, Timestamp, UserId,
    limits::{PAGE_DEFAULT_ITEMS, PAGE_MAX_ITEMS},
};

/// Maximum number of items on a page: 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(u32);

impl PageSize {
    /// Returns the number of items.
    pub const fn items(self) -> u32 {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(PAGE_DEFAULT_ITEMS)
    }
}

impl TryFrom<i32> for PageSize {
    type Error = String;

    fn try_from(items: i32) -> Result<Self, String> {
        match u32::try_from(items) {
            Ok(0) => Ok(Self::default()),
            Ok(n) => Ok(Self(n.min(PAGE_MAX_ITEMS))),
            Err(_) => Err(format!("must not be negative; 0 means {PAGE_DEFAULT_ITEMS}")),
        }
    }
}

/// Position of a page in a listing: the page starts after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Snapshot time of the listing, which is the time of its first page.
    pub snapshot_at: Timestamp,
    /// Expiry of the last session before the page.
    pub expires_at: Timestamp,
    /// That session; `None` if all sessions with this expiry come before the page.
    pub user_id: Option<UserId>,
}

/// Range of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryRange {
    /// The newest messages.
    Latest,
    /// The newest messages with a smaller seq.
    Before(u32),
    /// The oldest messages with a larger seq.
    After(u32),
}

/// A page of a session's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    /// Range of the page.
    pub range: HistoryRange,
    /// Maximum number of messages.
    pub size: PageSize,
}

impl HistoryPage {
    /// Returns the first and last seq of the page in a session of `count` messages; `None` for an empty page.
    pub fn bounds(self, count: u32) -> Option<(u32, u32)> {
        let size = self.size.items();
        let (first, last) = match self.range {
            HistoryRange::After(seq) => (seq.checked_add(1)?, seq.saturating_add(size).min(count)),
            HistoryRange::Latest => (count.saturating_sub(size) + 1, count),
            HistoryRange::Before(seq) => {
                let last = seq.saturating_sub(1).min(count);
                (last.saturating_sub(size) + 1, last)
            }
        };
        (first <= last).then_some((first, last))
    }

    /// Removes the messages at the far end of the page that exceed its maximum size in bytes; keeps at least one. Returns the
    /// number of messages removed from the front.
    pub fn trim<T>(self, messages: &mut Vec<T>, max_bytes: usize, size: impl Fn(&T) -> usize) -> u32 {
        let mut bytes = 0;
        let mut fits = |message: &&T| {
            let is_first = bytes == 0;
            bytes += size(message);
            is_first || bytes <= max_bytes
        };
        if let HistoryRange::After(_) = self.range {
            let kept = messages.iter().take_while(&mut fits).count();
            messages.truncate(kept);
            return 0;
        }
        let removed = messages.len() - messages.iter().rev().take_while(&mut fits).count();
        messages.drain(..removed);
        u32::try_from(removed).unwrap_or(u32::MAX)
    }

    /// Returns `true` if a session of `count` messages has more than these in the direction of paging.
    pub fn has_more(self, messages: &[Message], count: u32) -> bool {
        match self.range {
            HistoryRange::After(_) => messages.last().is_some_and(|message| message.seq < count),
            HistoryRange::Latest | HistoryRange::Before(_) => {
                messages.first().is_some_and(|message| message.seq > 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(range: HistoryRange, size: i32, count: u32) -> Option<(u32, u32)> {
        HistoryPage { range, size: PageSize::try_from(size).unwrap() }.bounds(count)
    }

    #[test]
    fn bounds_of_a_history_page_are_within_the_session() {
        assert_eq!(bounds(HistoryRange::Latest, 3, 10), Some((8, 10)));
        assert_eq!(bounds(HistoryRange::Latest, 3, 2), Some((1, 2)));
        assert_eq!(bounds(HistoryRange::Latest, 3, 0), None);
        assert_eq!(bounds(HistoryRange::Before(8), 3, 10), Some((5, 7)));
        assert_eq!(bounds(HistoryRange::Before(u32::MAX), 3, 10), Some((8, 10)));
        assert_eq!(bounds(HistoryRange::Before(1), 3, 10), None);
        assert_eq!(bounds(HistoryRange::Before(0), 3, 10), None);
        assert_eq!(bounds(HistoryRange::After(0), 3, 10), Some((1, 3)));
        assert_eq!(bounds(HistoryRange::After(9), 3, 10), Some((10, 10)));
        assert_eq!(bounds(HistoryRange::After(10), 3, 10), None);
        assert_eq!(bounds(HistoryRange::After(u32::MAX), 3, 10), None);
        assert_eq!(bounds(HistoryRange::After(u32::MAX), 3, u32::MAX), None);
    }

    #[test]
    fn trim_keeps_the_messages_next_to_the_cursor_and_at_least_one() {
        let trim = |range, mut sizes: Vec<usize>| {
            let page = HistoryPage { range, size: PageSize::default() };
            let removed = page.trim(&mut sizes, 10, |size| *size);
            (removed, sizes)
        };
        assert_eq!(trim(HistoryRange::After(0), vec![4, 6, 1]), (0, vec![4, 6]));
        assert_eq!(trim(HistoryRange::After(0), vec![11, 1]), (0, vec![11]));
        assert_eq!(trim(HistoryRange::Latest, vec![1, 6, 4]), (1, vec![6, 4]));
        assert_eq!(trim(HistoryRange::Before(9), vec![1, 11]), (1, vec![11]));
        assert_eq!(trim(HistoryRange::Latest, Vec::new()), (0, Vec::new()));
    }

    #[test]
    fn page_sizes_are_clamped_and_not_negative() {
        assert_eq!(PageSize::try_from(0), Ok(PageSize(100)));
        assert_eq!(PageSize::try_from(5000), Ok(PageSize(1000)));
        assert!(PageSize::try_from(-1).is_err());
    }
}
