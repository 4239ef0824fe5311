//! Refresh of the keys at a URL: at the start, every ten minutes, and on demand if a token has an unknown key.
//!
//! At most one fetch is in progress. Requests that need it wait for it together, and requests with known keys do not wait.

use super::{
    jwks_url::JwksUrl,
    metrics::{RefreshMetrics, RefreshOutcome},
    snapshot::Snapshot,
};
use runtime::{jittered, reload::Current};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

/// Interval between refreshes.
const REFRESH_INTERVAL: Duration = Duration::from_secs(600);
/// Interval between refreshes after one that failed.
const RETRY_INTERVAL: Duration = Duration::from_secs(15);
/// Minimum interval between refreshes on demand, whatever tokens clients send.
const DEMAND_INTERVAL: Duration = Duration::from_secs(10);
/// Maximum time for which a request waits.
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Keys of the identity provider; `None` until there are any.
pub(super) type CurrentKeys = Current<Option<Snapshot>>;

/// A fetch in progress. It ends when its task drops the sender.
type Fetch = watch::Receiver<()>;

/// Refresh of the keys at a URL.
#[derive(Debug)]
pub(super) struct Refresher {
    url: JwksUrl,
    keys: CurrentKeys,
    metrics: RefreshMetrics,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The last fetch.
    fetch: Option<Fetch>,
    /// Start of the last fetch on demand.
    demanded_at: Option<Instant>,
    /// `true` if the last fetch failed.
    is_failing: bool,
}

impl State {
    fn in_progress(&self) -> Option<Fetch> {
        self.fetch.clone().filter(|fetch| fetch.has_changed().is_ok())
    }
}

impl Refresher {
    /// Fetches the keys now, and refreshes them until the process ends.
    pub(super) fn start(url: JwksUrl, keys: CurrentKeys, metrics: RefreshMetrics) -> Arc<Self> {
        let refresher = Arc::new(Self { url, keys, metrics, state: Mutex::default() });
        let periodic = refresher.clone();
        tokio::spawn(async move {
            loop {
                end_of(periodic.join_or_begin()).await;
                let is_failing = periodic.state().is_failing;
                sleep(jittered(if is_failing { RETRY_INTERVAL } else { REFRESH_INTERVAL })).await;
            }
        });
        refresher
    }

    /// Refreshes the keys for a request until `is_satisfied`, unless another request had them refreshed shortly before.
    pub(super) async fn demand(self: &Arc<Self>, is_satisfied: impl Fn() -> bool) {
        let fetches = async {
            // A fetch in progress may have begun before the provider published the key, so there may be a second one.
            for _ in 0..2 {
                let Some(fetch) = self.join_or_begin_on_demand() else { return };
                end_of(fetch).await;
                if is_satisfied() {
                    return;
                }
            }
        };
        // A fetch that takes longer continues for later requests.
        let _ = timeout(WAIT_TIMEOUT, fetches).await;
    }

    fn join_or_begin(self: &Arc<Self>) -> Fetch {
        let mut state = self.state();
        state.in_progress().unwrap_or_else(|| self.begin(&mut state))
    }

    fn join_or_begin_on_demand(self: &Arc<Self>) -> Option<Fetch> {
        let mut state = self.state();
        if let Some(fetch) = state.in_progress() {
            return Some(fetch);
        }
        if state.demanded_at.is_some_and(|demanded| demanded.elapsed() < DEMAND_INTERVAL) {
            return None;
        }
        state.demanded_at = Some(Instant::now());
        Some(self.begin(&mut state))
    }

    fn begin(self: &Arc<Self>, state: &mut State) -> Fetch {
        let (end, fetch) = watch::channel(());
        state.fetch = Some(fetch.clone());
        let refresher = self.clone();
        tokio::spawn(async move {
            refresher.fetch().await;
            drop(end);
        });
        fetch
    }

    async fn fetch(&self) {
        let fetched = self.url.fetch().await.and_then(|json| Snapshot::parse(&json));
        let outcome = match &fetched {
            Err(_) => RefreshOutcome::Failed,
            Ok(new) if matches!(&*self.keys.get(), Some(keys) if keys.has_same_keys(new)) => {
                RefreshOutcome::Unchanged
            }
            Ok(_) => RefreshOutcome::Changed,
        };
        self.metrics.count(outcome);
        let was_failing = std::mem::replace(&mut self.state().is_failing, fetched.is_err());
        match fetched {
            Ok(new) => {
                if outcome == RefreshOutcome::Changed {
                    self.keys.set(Some(new));
                    tracing::info!("the keys of the identity provider have changed");
                } else if was_failing {
                    tracing::info!("the keys of the identity provider are available again");
                }
            }
            Err(reason) if !was_failing => {
                let advice = "known keys stay in use; check --oidc-jwks and the identity provider";
                tracing::warn!(reason, advice, "the keys of the identity provider cannot be fetched");
            }
            Err(_) => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn end_of(mut fetch: Fetch) {
    while fetch.changed().await.is_ok() {}
}

#[cfg(test)]
mod tests;
