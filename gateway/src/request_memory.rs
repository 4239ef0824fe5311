//! Memory that is charged for a request until it has been handled.

use crate::error::Problem;
use runtime::memory::{MemoryBudget, Reservation};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task_local;

task_local! {
    /// Memory of the request that the current task handles.
    static CURRENT: RequestMemory;
}

/// Memory of a request. Clones share it; the last one releases it.
#[derive(Clone, Debug)]
pub(crate) struct RequestMemory(Arc<Mutex<Reservation>>);

impl RequestMemory {
    /// Runs a future that handles a request.
    pub(crate) fn scope<F: Future>(
        budget: &MemoryBudget,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        // Not an async function, which would store the future twice.
        CURRENT.scope(Self(Arc::new(Mutex::new(budget.empty()))), future)
    }

    /// Returns the memory of the current request, if there is one. A call that outlives its request keeps it.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Charges bytes to the current request, or rejects it.
    pub(crate) fn charge(bytes: usize) -> Result<(), Problem> {
        let grow = |Self(reservation): &Self| {
            reservation.lock().unwrap_or_else(PoisonError::into_inner).try_grow(bytes)
        };
        match CURRENT.try_with(grow) {
            Ok(false) => Err(Problem::out_of_memory()),
            Ok(true) | Err(_) => Ok(()),
        }
    }

    /// Releases the memory of the current request, whose data was handed over to the service.
    pub(crate) fn release() {
        let release = |Self(reservation): &Self| {
            // A reservation can always become smaller.
            let _ = reservation.lock().unwrap_or_else(PoisonError::into_inner).try_resize(0);
        };
        let _ = CURRENT.try_with(release);
    }
}
