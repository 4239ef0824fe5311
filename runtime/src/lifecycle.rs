//! Lifecycle of a process: ready, draining, stopping, and a deadline for the rest.

use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Time before the drain deadline at which tasks that cannot finish should abort cleanly.
const FORCE_SHUTDOWN_LEAD: Duration = Duration::from_secs(2);

/// State of a process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    draining: CancellationToken,
    stopping: CancellationToken,
    force_shutdown: CancellationToken,
    dependencies: Arc<watch::Sender<Vec<Dependency>>>,
}

/// A dependency of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Name in logs and in `/readyz?verbose`.
    pub name: &'static str,
    /// `true` once the dependency was reachable. The process is ready from then on.
    pub was_up: bool,
    /// `true` if the dependency was reachable at the last check.
    pub is_up: bool,
    /// Reason why the dependency was not reachable at the last check, without secrets.
    pub reason: Option<String>,
    /// States of the parts of the dependency, such as its endpoints, by name.
    pub parts: BTreeMap<String, String>,
}

impl Lifecycle {
    /// Sets the state of a dependency. The first call registers it.
    pub fn set_dependency(&self, name: &'static str, is_up: bool) {
        self.dependencies.send_modify(|all| {
            match all.iter_mut().find(|dependency| dependency.name == name) {
                Some(dependency) => {
                    dependency.is_up = is_up;
                    dependency.was_up |= is_up;
                }
                None => {
                    let (reason, parts) = (None, BTreeMap::new());
                    all.push(Dependency { name, was_up: is_up, is_up, reason, parts });
                }
            }
        });
    }

    /// Sets the reason why a registered dependency is not reachable.
    pub fn set_dependency_reason(&self, name: &str, reason: Option<String>) {
        self.dependencies.send_if_modified(|all| {
            let dependency = all.iter_mut().find(|dependency| dependency.name == name);
            let dependency = dependency.filter(|dependency| dependency.reason != reason);
            dependency.map(|dependency| dependency.reason = reason).is_some()
        });
    }

    /// Sets the states of the parts of a registered dependency.
    pub fn set_dependency_parts(&self, name: &str, parts: BTreeMap<String, String>) {
        self.dependencies.send_if_modified(|all| {
            let dependency = all.iter_mut().find(|dependency| dependency.name == name);
            let dependency = dependency.filter(|dependency| dependency.parts != parts);
            dependency.map(|dependency| dependency.parts = parts).is_some()
        });
    }

    /// Returns the state of all dependencies.
    pub fn dependencies(&self) -> Vec<Dependency> {
        self.dependencies.borrow().clone()
    }

    /// Returns `true` if every dependency was reachable once and the process is not draining.
    ///
    /// A dependency that is lost later does not count: replicas share it, and all of them would become unready at once.
    pub fn is_ready(&self) -> bool {
        !self.is_draining() && all_seen_up(&self.dependencies.borrow())
    }

    /// Returns `true` once the process drains.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Waits until every dependency was reachable once.
    pub async fn ready(&self) {
        let mut changes = self.dependencies.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = changes.wait_for(|all| all_seen_up(all)).await;
    }

    /// Resolves when the process drains: calls are still served, but load balancers should choose another replica.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Resolves when the process stops: no new call is accepted and streams should end.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// Resolves shortly before the drain deadline: tasks that cannot finish should abort cleanly now.
    pub async fn force_shutdown(&self) {
        self.force_shutdown.cancelled().await;
    }

    /// Returns the token behind [`Lifecycle::draining`].
    pub fn draining_token(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// Returns the token behind [`Lifecycle::stopping`].
    pub fn stopping_token(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Returns the token behind [`Lifecycle::force_shutdown`].
    pub fn force_shutdown_token(&self) -> CancellationToken {
        self.force_shutdown.clone()
    }

    /// Starts to drain, waits for `delay`, then stops.
    pub async fn stop(&self, delay: Duration) {
        self.draining.cancel();
        tokio::time::sleep(delay).await;
        self.stopping.cancel();
    }

    /// Runs `work` until it ends or until `timeout` after the process stopped. Returns `true` if it ended.
    pub async fn drain(&self, timeout: Duration, work: impl Future<Output = ()>) -> bool {
        let lead = FORCE_SHUTDOWN_LEAD.min(timeout / 2);
        tokio::select! {
            () = work => true,
            () = async {
                self.stopping().await;
                tokio::time::sleep(timeout - lead).await;
                self.force_shutdown.cancel();
                tokio::time::sleep(lead).await;
            } => false,
        }
    }
}

/// Returns `true` if every dependency was reachable once. Without a registered dependency the process is not set up yet.
fn all_seen_up(dependencies: &[Dependency]) -> bool {
    !dependencies.is_empty() && dependencies.iter().all(|dependency| dependency.was_up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_from_the_first_contact_until_it_drains() {
        let lifecycle = Lifecycle::default();
        assert!(!lifecycle.is_ready());
        lifecycle.set_dependency("store", false);
        assert!(!lifecycle.is_ready());
        lifecycle.set_dependency("store", true);
        assert!(lifecycle.is_ready());
        lifecycle.set_dependency("store", false);
        assert!(lifecycle.is_ready());
        lifecycle.draining.cancel();
        assert!(!lifecycle.is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn drain_returns_false_at_its_deadline() {
        let lifecycle = Lifecycle::default();
        let endless = lifecycle.drain(Duration::from_secs(15), std::future::pending());
        let (ended, ()) = tokio::join!(endless, lifecycle.stop(Duration::from_secs(5)));
        assert!(!ended);
    }
}
