//! A budget of bytes, of which parts are reserved.

use axum::body::Bytes;
use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// Maximum size of a small reservation. Larger ones leave a part of the budget to small ones, so that short requests succeed
/// while many large ones are incomplete.
pub const SMALL_MAX_BYTES: usize = 64 * 1024;

/// A budget of bytes. Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryBudget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    class: &'static str,
    capacity: usize,
    reserved: AtomicUsize,
    rejected: AtomicU64,
}

impl MemoryBudget {
    /// Creates a budget of `capacity` bytes, with its class in the metrics.
    pub(super) fn new(class: &'static str, capacity: usize) -> Self {
        Self(Arc::new(Inner { class, capacity, reserved: AtomicUsize::new(0), rejected: AtomicU64::new(0) }))
    }

    /// Returns an empty reservation, which can grow.
    pub fn empty(&self) -> Reservation {
        Reservation { budget: self.clone(), bytes: 0 }
    }

    /// Reserves bytes; `None` if the budget is used up.
    pub fn try_reserve(&self, bytes: usize) -> Option<Reservation> {
        let mut reservation = self.empty();
        reservation.try_grow(bytes).then_some(reservation)
    }

    pub(super) fn class(&self) -> &'static str {
        self.0.class
    }

    /// Returns the number of bytes that can be reserved.
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// Returns the number of reserved bytes.
    pub fn reserved(&self) -> usize {
        self.0.reserved.load(Ordering::Relaxed)
    }

    pub(super) fn rejected(&self) -> u64 {
        self.0.rejected.load(Ordering::Relaxed)
    }

    /// Adds to the reserved bytes unless they would exceed `max`.
    fn add(&self, bytes: usize, max: usize) -> bool {
        let add = |reserved: usize| reserved.checked_add(bytes).filter(|sum| *sum <= max);
        let is_added = self.0.reserved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok();
        if !is_added {
            self.0.rejected.fetch_add(1, Ordering::Relaxed);
        }
        is_added
    }
}

/// Reserved bytes of a budget, which are released when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: MemoryBudget,
    bytes: usize,
}

impl Reservation {
    /// Returns the number of reserved bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reserves more bytes. Returns `false` and changes nothing if the budget is used up.
    #[must_use]
    pub fn try_grow(&mut self, bytes: usize) -> bool {
        let capacity = self.budget.capacity();
        let is_small = self.bytes.saturating_add(bytes) <= SMALL_MAX_BYTES;
        let is_added =
            bytes == 0 || self.budget.add(bytes, if is_small { capacity } else { capacity / 4 * 3 });
        if is_added {
            self.bytes += bytes;
        }
        is_added
    }

    /// Changes the number of reserved bytes. Returns `false` and changes nothing if the budget is used up.
    #[must_use]
    pub fn try_resize(&mut self, bytes: usize) -> bool {
        if bytes >= self.bytes {
            return self.try_grow(bytes - self.bytes);
        }
        self.budget.0.reserved.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        self.bytes = bytes;
        true
    }

    /// Sets the number of reserved bytes to the size of data that exists, even beyond the budget.
    pub fn set(&mut self, bytes: usize) {
        if !self.try_resize(bytes) {
            self.budget.0.reserved.fetch_add(bytes - self.bytes, Ordering::Relaxed);
            self.bytes = bytes;
        }
    }

    /// Returns the reservation, and leaves an empty one.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let empty = self.budget.empty();
        std::mem::replace(self, empty)
    }

    /// Ties the reservation to data: it is released with the last reference to the data.
    pub fn attach(self, data: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(Charged { data, _reservation: self })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.0.reserved.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

struct Charged<D> {
    data: D,
    _reservation: Reservation,
}

impl<D: AsRef<[u8]>> AsRef<[u8]> for Charged<D> {
    fn as_ref(&self) -> &[u8] {
        self.data.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: usize = 4 << 20;

    #[test]
    fn a_reservation_grows_shrinks_and_is_released() {
        let budget = MemoryBudget::new("test", CAPACITY);
        let mut reservation = budget.try_reserve(1000).unwrap();
        assert!(reservation.try_grow(500) && reservation.try_resize(200) && reservation.try_resize(300));
        assert_eq!((budget.reserved(), reservation.bytes()), (300, 300));
        drop(reservation);
        assert_eq!((budget.reserved(), budget.rejected()), (0, 0));
    }

    #[test]
    fn large_reservations_leave_a_quarter_to_small_ones() {
        let budget = MemoryBudget::new("test", CAPACITY);
        let mut large = budget.try_reserve(CAPACITY / 4 * 3).unwrap();
        assert!(!large.try_grow(1) && budget.try_reserve(SMALL_MAX_BYTES + 1).is_none());
        assert_eq!(large.bytes(), CAPACITY / 4 * 3);
        let small: Vec<_> = std::iter::from_fn(|| budget.try_reserve(SMALL_MAX_BYTES)).collect();
        assert_eq!((small.len(), budget.rejected()), (CAPACITY / 4 / SMALL_MAX_BYTES, 3));
        assert!(budget.try_reserve(usize::MAX).is_none());
    }

    #[test]
    fn data_that_exists_is_counted_even_beyond_the_budget() {
        let budget = MemoryBudget::new("test", CAPACITY);
        let mut reservation = budget.try_reserve(1000).unwrap();
        reservation.set(2 * CAPACITY);
        assert_eq!(budget.reserved(), 2 * CAPACITY);
        assert!(budget.try_reserve(1).is_none());
        drop(reservation);
        assert_eq!(budget.reserved(), 0);
    }

    #[test]
    fn a_reservation_is_released_with_the_last_part_of_its_data() {
        let budget = MemoryBudget::new("test", CAPACITY);
        let mut data = budget.try_reserve(10).unwrap().attach(vec![1; 10]);
        let rest = data.split_off(4);
        drop(data);
        assert_eq!((rest.len(), budget.reserved()), (6, 10));
        drop(rest);
        assert_eq!(budget.reserved(), 0);
    }
}
