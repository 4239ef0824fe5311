//! Discovery of the service's addresses.
//!
//! tonic's balancer does not notice a dead connection until a call fails; callers retry such a call.

use super::transport::{Transport, TransportError};
use http::Uri;
use runtime::server::HEADER_LIST_MAX_BYTES;
use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::sync::{mpsc::Sender, watch};
use tonic::{
    Status,
    transport::{Channel, Endpoint, channel::Change},
};
use tower::{ServiceExt, util::BoxCloneSyncService};

/// Timeout for connecting to an address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Interval between lookups of the names.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(5);
/// Timeout for a lookup.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);

/// Source of the addresses of the service. Each transport that it creates has connections of its own.
pub(super) enum Discovery {
    /// One fixed address.
    Static(Uri),
    /// The last known addresses of all names.
    Dns(watch::Receiver<BTreeSet<SocketAddr>>),
}

impl Discovery {
    pub(super) fn new(addresses: &[Uri]) -> Self {
        if let [address] = addresses
            && is_single_address(address)
        {
            return Self::Static(address.clone());
        }
        let (sender, known) = watch::channel(BTreeSet::new());
        tokio::spawn(watch_dns(addresses.to_vec(), sender));
        Self::Dns(known)
    }

    /// Creates a transport that connects when it is first used.
    pub(super) fn transport(&self) -> Transport {
        let known = match self {
            Self::Static(address) => {
                let channel = endpoint(address.clone()).connect_lazy();
                return BoxCloneSyncService::new(channel.map_err(TransportError::new));
            }
            Self::Dns(known) => known.clone(),
        };
        let (channel, changes) = Channel::balance_channel(64);
        tokio::spawn(sync_endpoints(known.clone(), changes));
        // Without any address, the balancer would keep calls waiting indefinitely.
        let channel = channel.filter_async(move |request| {
            let mut known = known.clone();
            async move {
                let found = known.wait_for(|known| !known.is_empty());
                match tokio::time::timeout(LOOKUP_TIMEOUT, found).await {
                    Ok(Ok(_)) => Ok(request),
                    _ => Err(Status::unavailable("no address of the service is known")),
                }
            }
        });
        BoxCloneSyncService::new(channel.map_err(TransportError::new))
    }
}

/// Returns `true` if the address needs neither DNS nor load balancing.
fn is_single_address(address: &Uri) -> bool {
    let host = address.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok()
}

fn endpoint(address: Uri) -> Endpoint {
    Endpoint::from(address)
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_max_header_list_size(HEADER_LIST_MAX_BYTES)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
}

/// Looks the names up at regular intervals. A lookup that fails or returns nothing keeps the known addresses.
async fn watch_dns(names: Vec<Uri>, known: watch::Sender<BTreeSet<SocketAddr>>) {
    while !known.is_closed() {
        let found = lookup(&names).await;
        let is_new = !found.is_empty() && *known.borrow() != found;
        if is_new {
            tracing::info!(addresses = ?found, "addresses of the session service changed");
            known.send_replace(found);
        }
        tokio::time::sleep(runtime::jittered(LOOKUP_INTERVAL)).await;
    }
}

/// Applies changes of the known addresses to a balancer.
async fn sync_endpoints(
    mut known: watch::Receiver<BTreeSet<SocketAddr>>,
    changes: Sender<Change<SocketAddr, Endpoint>>,
) {
    let mut applied = BTreeSet::new();
    loop {
        let current = known.borrow_and_update().clone();
        for address in current.difference(&applied) {
            let uri = format!("http://{address}").parse().expect("an address makes a URI");
            if changes.send(Change::Insert(*address, endpoint(uri))).await.is_err() {
                return;
            }
        }
        for address in applied.difference(&current) {
            if changes.send(Change::Remove(*address)).await.is_err() {
                return;
            }
        }
        applied = current;
        if known.changed().await.is_err() {
            return;
        }
    }
}

async fn lookup(names: &[Uri]) -> BTreeSet<SocketAddr> {
    let mut found = BTreeSet::new();
    for name in names {
        let (Some(host), Some(port)) = (name.host(), name.port_u16().or(Some(80))) else {
            continue;
        };
        let lookup = tokio::net::lookup_host((host.trim_matches(['[', ']']), port));
        match tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await {
            Ok(Ok(addresses)) => found.extend(addresses),
            Ok(Err(error)) => tracing::warn!(host, %error, "host name not found"),
            Err(_) => tracing::warn!(host, timeout = ?LOOKUP_TIMEOUT, "no response from the name server"),
        }
    }
    found
}
