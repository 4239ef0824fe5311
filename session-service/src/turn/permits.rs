//! Permits of running turns: a limited number for the process, and for each owner.

use super::{events::TurnError, limits::TurnLimits};
use crate::domain::Owner;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits of running turns. Clones share them.
#[derive(Clone)]
pub(super) struct Permits {
    process: Arc<Semaphore>,
    owners: Option<OwnerPermits>,
}

/// Number of running turns of each owner that has any.
#[derive(Clone)]
struct OwnerPermits {
    max: u32,
    running: Arc<Mutex<HashMap<Owner, u32>>>,
}

/// Permit of a running turn, which is returned when it is dropped.
pub(super) struct Permit {
    _process: OwnedSemaphorePermit,
    _owner: Option<OwnerPermit>,
}

/// Permit of an owner.
struct OwnerPermit {
    owner: Owner,
    permits: OwnerPermits,
}

impl Permits {
    pub(super) fn new(limits: &TurnLimits) -> Self {
        let owners = limits.max_turns_per_owner.map(|max| OwnerPermits { max, running: Arc::default() });
        Self { process: Arc::new(Semaphore::new(limits.max_turns as usize)), owners }
    }

    /// Returns a permit, or the limit that is reached.
    pub(super) fn try_acquire(&self, owner: &Owner) -> Result<Permit, TurnError> {
        let process = self.process.clone().try_acquire_owned().map_err(|_| TurnError::Overloaded)?;
        let owner = self.owners.as_ref().map(|owners| owners.try_acquire(owner)).transpose()?;
        Ok(Permit { _process: process, _owner: owner })
    }
}

impl OwnerPermits {
    fn try_acquire(&self, owner: &Owner) -> Result<OwnerPermit, TurnError> {
        let mut running = self.lock();
        let count = running.entry(owner.clone()).or_default();
        if *count >= self.max {
            return Err(TurnError::OwnerOverloaded);
        }
        *count += 1;
        Ok(OwnerPermit { owner: owner.clone(), permits: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, u32>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OwnerPermit {
    fn drop(&mut self) {
        let mut running = self.permits.lock();
        if let Some(count) = running.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(max_turns: u32, max_turns_per_owner: Option<u32>) -> Permits {
        Permits::new(&TurnLimits { max_turns, max_turns_per_owner, ..TurnLimits::default() })
    }

    #[test]
    fn an_owner_at_the_limit_leaves_permits_to_others() {
        let permits = permits(4, Some(2));
        let (ann, bob) = (Owner::named("ann"), Owner::named("bob"));
        let first = permits.try_acquire(&ann).unwrap();
        let _second = permits.try_acquire(&ann).unwrap();
        assert!(matches!(permits.try_acquire(&ann), Err(TurnError::OwnerOverloaded)));
        let of_bob = [permits.try_acquire(&bob).unwrap(), permits.try_acquire(&bob).unwrap()];
        drop(first);
        assert!(permits.try_acquire(&ann).is_ok());
        drop(of_bob);
        assert_eq!(permits.owners.unwrap().lock().len(), 1, "owners without a turn are not remembered");
    }

    #[test]
    fn the_process_has_a_limit_of_its_own() {
        let permits = permits(1, None);
        let _one = permits.try_acquire(&Owner::open()).unwrap();
        assert!(matches!(permits.try_acquire(&Owner::open()), Err(TurnError::Overloaded)));
    }
}
