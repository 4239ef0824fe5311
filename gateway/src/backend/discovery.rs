//! Discovery of the service's addresses by DNS. A lookup that fails or returns nothing keeps the known addresses.

use super::{balancer::Balancer, metrics::BackendMetrics};
use http::Uri;
use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{Arc, Weak},
    time::Duration,
};

/// Interval between lookups of the names.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(5);
/// Timeout for a lookup.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);
/// Port of an address without one.
const DEFAULT_PORT: u16 = 80;

/// Sets the addresses of a balancer, and starts to look names up at regular intervals.
pub(super) fn start(addresses: &[Uri], balancer: &Arc<Balancer>, metrics: BackendMetrics) {
    let (fixed, names): (Vec<_>, Vec<_>) =
        addresses.iter().map(host_port).partition(|(host, _)| is_fixed(host));
    let fixed: BTreeSet<String> = fixed.iter().map(|(host, port)| format!("{host}:{port}")).collect();
    if names.is_empty() {
        balancer.set_addresses(&fixed);
        balancer.set_resolved();
    } else {
        tokio::spawn(watch_dns(fixed, names, Arc::downgrade(balancer), metrics));
    }
}

fn host_port(address: &Uri) -> (String, u16) {
    (address.host().unwrap_or_default().to_owned(), address.port_u16().unwrap_or(DEFAULT_PORT))
}

/// Returns `true` if the host needs no lookup. All addresses of `localhost` are the same machine.
fn is_fixed(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

async fn watch_dns(
    fixed: BTreeSet<String>,
    names: Vec<(String, u16)>,
    balancer: Weak<Balancer>,
    metrics: BackendMetrics,
) {
    let mut known = BTreeSet::new();
    loop {
        let found = lookup(&names, &metrics).await;
        let Some(balancer) = balancer.upgrade() else { return };
        if !found.is_empty() && found != known {
            tracing::info!(addresses = ?found, "addresses of the session service changed");
            known = found;
        }
        balancer.set_addresses(&known.union(&fixed).cloned().collect());
        balancer.set_resolved();
        drop(balancer);
        tokio::time::sleep(runtime::jittered(LOOKUP_INTERVAL)).await;
    }
}

async fn lookup(names: &[(String, u16)], metrics: &BackendMetrics) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (host, port) in names {
        let lookup = tokio::net::lookup_host((host.as_str(), *port));
        let outcome = match tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await {
            Ok(Ok(addresses)) => {
                let count = found.len();
                found.extend(addresses.map(|address| address.to_string()));
                if found.len() > count { "found" } else { "empty" }
            }
            Ok(Err(error)) => {
                tracing::warn!(host, %error, "host name not found");
                "failed"
            }
            Err(_) => {
                tracing::warn!(host, timeout = ?LOOKUP_TIMEOUT, "no response from the name server");
                "timeout"
            }
        };
        metrics.lookup(outcome);
    }
    found
}
