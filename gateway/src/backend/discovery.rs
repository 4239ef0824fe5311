//! Discovery of the service's addresses by DNS. A lookup that fails or returns nothing keeps the known addresses.

use super::{
    balancer::Balancer,
    metrics::BackendMetrics,
    target::{Host, Target},
};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Weak},
    time::Duration,
};

/// Interval between lookups of the names.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(5);
/// Timeout for a lookup.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);

/// Targets by their addresses.
type Targets = BTreeMap<Arc<str>, Target>;

/// Sets the addresses of a balancer, and starts to look names up at regular intervals.
pub(super) fn start(hosts: Vec<Host>, balancer: &Arc<Balancer>, metrics: BackendMetrics) {
    let (fixed, names): (Vec<_>, Vec<_>) = hosts.into_iter().partition(|host| is_fixed(&host.host));
    let fixed = by_address(fixed.iter().map(|host| host.target(format!("{}:{}", host.host, host.port))));
    if names.is_empty() {
        balancer.set_targets(&fixed);
        balancer.set_resolved();
    } else {
        tokio::spawn(watch_dns(fixed, names, Arc::downgrade(balancer), metrics));
    }
}

fn by_address(targets: impl Iterator<Item = Target>) -> Targets {
    targets.map(|target| (target.address.clone(), target)).collect()
}

/// Returns `true` if the host needs no lookup. All addresses of `localhost` are the same machine.
fn is_fixed(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

async fn watch_dns(fixed: Targets, names: Vec<Host>, balancer: Weak<Balancer>, metrics: BackendMetrics) {
    let mut known = fixed.clone();
    loop {
        let found = lookup(&names, &metrics).await;
        let Some(balancer) = balancer.upgrade() else { return };
        if !found.is_empty() {
            let found: Targets = fixed.clone().into_iter().chain(found).collect();
            if found.keys().ne(known.keys()) {
                let addresses: Vec<_> = found.keys().collect();
                tracing::info!(?addresses, "addresses of the session service changed");
                known = found;
            }
        }
        balancer.set_targets(&known);
        balancer.set_resolved();
        drop(balancer);
        tokio::time::sleep(runtime::jittered(LOOKUP_INTERVAL)).await;
    }
}

async fn lookup(names: &[Host], metrics: &BackendMetrics) -> Targets {
    let mut found = Targets::new();
    for host in names {
        let lookup = tokio::net::lookup_host((host.host.as_str(), host.port));
        let outcome = match tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await {
            Ok(Ok(addresses)) => {
                let count = found.len();
                found.extend(by_address(addresses.map(|address| host.target(address.to_string()))));
                if found.len() > count { "found" } else { "empty" }
            }
            Ok(Err(error)) => {
                tracing::warn!(host = host.host, %error, "host name not found");
                "failed"
            }
            Err(_) => {
                tracing::warn!(host = host.host, timeout = ?LOOKUP_TIMEOUT, "no response from the name server");
                "timeout"
            }
        };
        metrics.lookup(outcome);
    }
    found
}
