//! Pages of lists and histories.

use super::{
    Message, Timestamp, UserId,
    limits::{HISTORY_PAGE_MAX_BYTES, PAGE_DEFAULT_ITEMS, PAGE_MAX_ITEMS},
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
    pub moment: Timestamp,
    /// Expiry of the last session before the page.
    pub expires_at: Timestamp,
    /// That session; `None` if all sessions with this expiry come before the page.
    pub user_id: Option<UserId>,
}

/// Range of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// The newest messages.
    Newest,
    /// The newest messages with a smaller seq.
    Before(u32),
    /// The oldest messages with a larger seq.
    After(u32),
}

/// A page of a session's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    /// Range of the page.
    pub span: Span,
    /// Maximum number of messages.
    pub size: PageSize,
}

impl HistoryPage {
    /// Returns the first and last seq of the page in a session of `count` messages; `None` for an empty page.
    pub fn within(self, count: u32) -> Option<(u32, u32)> {
        let size = self.size.items();
        let (first, last) = match self.span {
            Span::After(seq) => (seq.saturating_add(1), seq.saturating_add(size).min(count)),
            Span::Newest => (count.saturating_sub(size) + 1, count),
            Span::Before(seq) => {
                let last = seq.saturating_sub(1).min(count);
                (last.saturating_sub(size) + 1, last)
            }
        };
        (first <= last).then_some((first, last))
    }

    /// Returns the number of messages, with these sizes in bytes, that fit into [`HISTORY_PAGE_MAX_BYTES`], counted from
    /// the reading end; at least one if there is any.
    pub fn fitting(self, sizes: impl DoubleEndedIterator<Item = usize>) -> usize {
        let mut bytes = 0;
        let mut fits = |size: &usize| {
            let is_first = bytes == 0;
            bytes += size;
            is_first || bytes <= HISTORY_PAGE_MAX_BYTES
        };
        match self.span {
            Span::After(_) => sizes.take_while(&mut fits).count(),
            Span::Newest | Span::Before(_) => sizes.rev().take_while(&mut fits).count(),
        }
    }

    /// Returns `true` if a session of `count` messages has more than these in the direction of paging.
    pub fn has_more(self, messages: &[Message], count: u32) -> bool {
        match self.span {
            Span::After(_) => messages.last().is_some_and(|message| message.seq < count),
            Span::Newest | Span::Before(_) => messages.first().is_some_and(|message| message.seq > 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(span: Span, size: i32, count: u32) -> Option<(u32, u32)> {
        HistoryPage { span, size: PageSize::try_from(size).unwrap() }.within(count)
    }

    #[test]
    fn a_page_of_history_stays_within_the_session() {
        assert_eq!(within(Span::Newest, 3, 10), Some((8, 10)));
        assert_eq!(within(Span::Newest, 3, 2), Some((1, 2)));
        assert_eq!(within(Span::Newest, 3, 0), None);
        assert_eq!(within(Span::Before(8), 3, 10), Some((5, 7)));
        assert_eq!(within(Span::Before(u32::MAX), 3, 10), Some((8, 10)));
        assert_eq!(within(Span::Before(1), 3, 10), None);
        assert_eq!(within(Span::Before(0), 3, 10), None);
        assert_eq!(within(Span::After(0), 3, 10), Some((1, 3)));
        assert_eq!(within(Span::After(9), 3, 10), Some((10, 10)));
        assert_eq!(within(Span::After(10), 3, 10), None);
        assert_eq!(within(Span::After(u32::MAX), 3, 10), None);
    }

    #[test]
    fn a_page_size_is_clamped_but_never_negative() {
        assert_eq!(PageSize::try_from(0), Ok(PageSize(100)));
        assert_eq!(PageSize::try_from(5000), Ok(PageSize(1000)));
        assert!(PageSize::try_from(-1).is_err());
    }
}
