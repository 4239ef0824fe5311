//! Choice of the endpoint for each call: the one with less load of two that are drawn at random, among those that are ready.

use super::{
    endpoint::Endpoint,
    health::Health,
    kind::Kind,
    metrics::BackendMetrics,
    target::Target,
    transport::{Attempts, Transport, TransportError},
};
use http::{Request, Response};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};
use tokio::{sync::watch, time::timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::body::Body;
use tower::{service_fn, util::BoxCloneSyncService};

/// Maximum wait for an endpoint if none is connected: the first look-up of a name, or a connection.
const WAIT_TIMEOUT: Duration = Duration::from_millis(1500);

/// An endpoint, which is removed when this is dropped.
struct Member {
    endpoint: Arc<Endpoint>,
    _removed: DropGuard,
}

/// The endpoints of the service.
pub(super) struct Balancer {
    endpoints: RwLock<BTreeMap<Arc<str>, Member>>,
    /// `true` once the names were looked up, even in vain.
    is_resolved: watch::Sender<bool>,
    changes: Arc<watch::Sender<()>>,
    metrics: BackendMetrics,
}

impl Balancer {
    pub(super) fn new(metrics: BackendMetrics) -> Self {
        Self {
            endpoints: RwLock::default(),
            is_resolved: watch::Sender::new(false),
            changes: Arc::new(watch::Sender::new(())),
            metrics,
        }
    }

    /// Replaces the targets. A removed endpoint takes no new calls and finishes those in progress.
    pub(super) fn set_targets(&self, targets: &BTreeMap<Arc<str>, Target>) {
        let mut endpoints = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
        endpoints.retain(|name, _| targets.contains_key(name));
        for (address, target) in targets {
            endpoints.entry(address.clone()).or_insert_with(|| {
                let removed = CancellationToken::new();
                let (changes, metrics) = (self.changes.clone(), self.metrics.clone());
                let endpoint = Endpoint::start(target.clone(), changes, metrics, removed.clone());
                Member { endpoint, _removed: removed.drop_guard() }
            });
        }
        drop(endpoints);
        self.changes.send_replace(());
    }

    /// Marks the first look-up of the names as done.
    pub(super) fn set_resolved(&self) {
        self.is_resolved.send_replace(true);
    }

    /// Returns `true` if another endpoint than those of the attempts is ready.
    pub(super) fn has_other(&self, attempts: &Attempts) -> bool {
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        endpoints.values().any(|Member { endpoint, .. }| {
            endpoint.health() == Health::Ready && !attempts.contains(&endpoint.name)
        })
    }

    /// Returns the names of the endpoints with their health.
    pub(super) fn states(&self) -> Vec<(Arc<str>, Health)> {
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        endpoints.values().map(|Member { endpoint, .. }| (endpoint.name.clone(), endpoint.health())).collect()
    }

    /// Returns the names of the endpoints to which TLS fails, with the reasons.
    pub(super) fn tls_failures(&self) -> Vec<(Arc<str>, String)> {
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        let failure =
            |endpoint: &Endpoint| Some((endpoint.name.clone(), endpoint.tls_failure()?.to_string()));
        endpoints.values().filter_map(|member| failure(&member.endpoint)).collect()
    }

    /// Returns a transport for calls of one kind.
    pub(super) fn transport(self: &Arc<Self>, kind: Kind) -> Transport {
        let balancer = self.clone();
        BoxCloneSyncService::new(service_fn(move |request: Request<Body>| {
            let balancer = balancer.clone();
            async move { balancer.send(kind, request).await }
        }))
    }

    async fn send(&self, kind: Kind, request: Request<Body>) -> Result<Response<Body>, TransportError> {
        let attempts = request.extensions().get::<Attempts>().cloned().unwrap_or_default();
        let endpoint = match self.pick(kind, &attempts, |health| health == Health::Ready) {
            Some(endpoint) => endpoint,
            None => self.pick_unready(kind, &attempts).await?,
        };
        attempts.add(&endpoint.name);
        endpoint.send(kind, request, attempts.wait()).await
    }

    /// Returns the less loaded of two endpoints, preferably one that the call was not sent to.
    fn pick(
        &self,
        kind: Kind,
        attempts: &Attempts,
        is_eligible: impl Fn(Health) -> bool,
    ) -> Option<Arc<Endpoint>> {
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        let eligible = endpoints.values().map(|member| &member.endpoint);
        let mut eligible: Vec<_> = eligible.filter(|endpoint| is_eligible(endpoint.health())).collect();
        if eligible.iter().any(|endpoint| !attempts.contains(&endpoint.name)) {
            eligible.retain(|endpoint| !attempts.contains(&endpoint.name));
        }
        let first = *eligible.get(fastrand::usize(..eligible.len().max(1)))?;
        if eligible.len() == 1 {
            return Some(first.clone());
        }
        eligible.retain(|endpoint| !Arc::ptr_eq(endpoint, first));
        let second = eligible[fastrand::usize(..eligible.len())];
        let is_second_better = second.load(kind).is_less_than(first.load(kind), Instant::now());
        Some(if is_second_better { second } else { first }.clone())
    }

    /// Returns an endpoint although none is ready: a connected one, whose own error is more precise than ours, or the first
    /// that can be connected to.
    async fn pick_unready(&self, kind: Kind, attempts: &Attempts) -> Result<Arc<Endpoint>, TransportError> {
        let deadline = tokio::time::Instant::now() + WAIT_TIMEOUT;
        let mut resolved = self.is_resolved.subscribe();
        let _ = timeout_at(deadline, resolved.wait_for(|is_resolved| *is_resolved)).await;
        let mut changes = self.changes.subscribe();
        let mut before: Option<BTreeMap<Arc<str>, u64>> = None;
        loop {
            changes.borrow_and_update();
            let is_connected = |health| health != Health::Connecting;
            let picked = self.pick(kind, attempts, |health| health == Health::Ready);
            if let Some(endpoint) = picked.or_else(|| self.pick(kind, attempts, is_connected)) {
                return Ok(endpoint);
            }
            let current = self.failed_attempts();
            if current.is_empty() {
                return Err(TransportError::unsent("no address of the session service is known"));
            }
            match &before {
                None => {
                    self.retry_all();
                    before = Some(current);
                }
                // Every endpoint has failed since: none can be connected to.
                Some(before) if current.iter().all(|(name, count)| before.get(name) < Some(count)) => {
                    return Err(TransportError::unsent(
                        "no address of the session service can be connected to",
                    ));
                }
                Some(_) => {}
            }
            if timeout_at(deadline, changes.changed()).await.is_err() {
                return Err(TransportError::unsent("no connection to the session service in time"));
            }
        }
    }

    fn failed_attempts(&self) -> BTreeMap<Arc<str>, u64> {
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        endpoints.iter().map(|(name, member)| (name.clone(), member.endpoint.failed_attempts())).collect()
    }

    fn retry_all(&self) {
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        endpoints.values().for_each(|member| member.endpoint.retry_now());
    }
}
