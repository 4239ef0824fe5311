//! From ready to stopped: draining first, then stopping, then a deadline.

use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long before the drain's deadline what cannot end well is told to hurry.
const LAST_MOMENTS: Duration = Duration::from_secs(2);

/// Where a process stands. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    draining: CancellationToken,
    stopping: CancellationToken,
    hurrying: CancellationToken,
    dependencies: Arc<watch::Sender<Vec<Dependency>>>,
}

/// Something that the process needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Its name.
    pub name: &'static str,
    /// Whether it was ever there: the process is ready from then on.
    pub was_up: bool,
    /// Whether it is there now.
    pub is_up: bool,
}

impl Lifecycle {
    /// Tells how a dependency is. The first call names it.
    pub fn report(&self, name: &'static str, is_up: bool) {
        self.dependencies.send_modify(|all| {
            match all.iter_mut().find(|dependency| dependency.name == name) {
                Some(dependency) => {
                    dependency.is_up = is_up;
                    dependency.was_up |= is_up;
                }
                None => all.push(Dependency { name, was_up: is_up, is_up }),
            }
        });
    }

    /// How the dependencies are.
    pub fn dependencies(&self) -> Vec<Dependency> {
        self.dependencies.borrow().clone()
    }

    /// Whether every dependency was there once and the process is not draining. A dependency that is lost later does
    /// not count: it is shared, and would take every replica out at once.
    pub fn is_ready(&self) -> bool {
        !self.draining.is_cancelled() && were_up(&self.dependencies.borrow())
    }

    /// Waits until every dependency was there once.
    pub async fn ready(&self) {
        let mut changes = self.dependencies.subscribe();
        // The sender lives as long as self, so waiting cannot fail.
        let _ = changes.wait_for(|all| were_up(all)).await;
    }

    /// Ends when load balancers should look elsewhere, though calls are still served.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Ends when no new call is taken and streams should end.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// Ends shortly before the drain's deadline, when what cannot end well should end otherwise.
    pub async fn hurrying(&self) {
        self.hurrying.cancelled().await;
    }

    /// The token behind [`Lifecycle::stopping`].
    pub fn stopping_token(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Stops: turns unready, waits for `delay`, then lets nothing new begin.
    pub async fn stop(&self, delay: Duration) {
        self.draining.cancel();
        tokio::time::sleep(delay).await;
        self.stopping.cancel();
    }

    /// Lets `work` go on until it ends, or until `patience` has passed since stopping began; answers whether it ended.
    pub async fn finish(&self, patience: Duration, work: impl Future<Output = ()>) -> bool {
        let last_moments = LAST_MOMENTS.min(patience / 2);
        tokio::select! {
            () = work => true,
            () = async {
                self.stopping().await;
                tokio::time::sleep(patience - last_moments).await;
                self.hurrying.cancel();
                tokio::time::sleep(last_moments).await;
            } => false,
        }
    }
}

/// Whether each was there once. Before any is named, nobody knows what is missing.
fn were_up(dependencies: &[Dependency]) -> bool {
    !dependencies.is_empty() && dependencies.iter().all(|dependency| dependency.was_up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_comes_with_the_first_contact_and_goes_with_draining_only() {
        let lifecycle = Lifecycle::default();
        assert!(!lifecycle.is_ready());
        lifecycle.report("store", false);
        assert!(!lifecycle.is_ready());
        lifecycle.report("store", true);
        assert!(lifecycle.is_ready());
        lifecycle.report("store", false);
        assert!(lifecycle.is_ready());
        lifecycle.draining.cancel();
        assert!(!lifecycle.is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_does_not_end_is_given_up() {
        let lifecycle = Lifecycle::default();
        let endless = lifecycle.finish(Duration::from_secs(15), std::future::pending());
        let (ended, ()) = tokio::join!(endless, lifecycle.stop(Duration::from_secs(5)));
        assert!(!ended);
    }
}
