//! Transports over all the addresses of the service, which are looked up again and again.
//!
//! tonic's balancer does not know which of its connections are dead until a call fails; callers repeat such a call.

use crate::backend::{Transport, TransportError};
use http::Uri;
use process::server::HEADER_LIST_MAX_BYTES;
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
use tower::{BoxError, ServiceExt, util::BoxCloneSyncService};

/// The longest wait for a connection.
const CONNECT_MAX_WAIT: Duration = Duration::from_secs(1);
/// How often names are looked up.
const RESOLVE_EVERY: Duration = Duration::from_secs(5);
/// The longest wait for a name server.
const RESOLVE_MAX_WAIT: Duration = Duration::from_secs(3);

/// What makes transports to the service, each with connections of its own.
pub(crate) enum Places {
    /// One address that is what it is.
    One(Uri),
    /// Addresses that were looked up, and are looked up again and again.
    Found(watch::Receiver<BTreeSet<SocketAddr>>),
}

impl Places {
    pub(crate) fn new(addresses: &[Uri]) -> Self {
        if let [address] = addresses
            && is_one_place(address)
        {
            return Self::One(address.clone());
        }
        let (sender, found) = watch::channel(BTreeSet::new());
        tokio::spawn(look_up(addresses.to_vec(), sender));
        Self::Found(found)
    }

    /// A transport that connects when it is first used.
    pub(crate) fn transport(&self) -> Transport {
        let found = match self {
            Self::One(address) => {
                return BoxCloneSyncService::new(endpoint(address.clone()).connect_lazy().map_err(as_ours));
            }
            Self::Found(found) => found.clone(),
        };
        let (channel, changes) = Channel::balance_channel(64);
        tokio::spawn(feed(found.clone(), changes));
        // The balancer would let calls wait for as long as it knows no address.
        let channel = channel.filter_async(move |request| {
            let mut found = found.clone();
            async move {
                let known = found.wait_for(|found| !found.is_empty());
                match tokio::time::timeout(RESOLVE_MAX_WAIT, known).await {
                    Ok(Ok(_)) => Ok(request),
                    _ => Err(Status::unavailable("no address of the service is known")),
                }
            }
        });
        BoxCloneSyncService::new(channel.map_err(as_ours))
    }
}

fn as_ours(error: impl Into<BoxError>) -> TransportError {
    TransportError::from(error.into())
}

/// Whether there is nothing to look up, or nothing that would be balanced.
fn is_one_place(address: &Uri) -> bool {
    let host = address.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok()
}

fn endpoint(address: Uri) -> Endpoint {
    Endpoint::from(address)
        .connect_timeout(CONNECT_MAX_WAIT)
        .tcp_nodelay(true)
        .http2_max_header_list_size(HEADER_LIST_MAX_BYTES)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
}

/// Looks the addresses up for ever. A look-up that fails or finds nothing changes nothing.
async fn look_up(names: Vec<Uri>, known: watch::Sender<BTreeSet<SocketAddr>>) {
    while !known.is_closed() {
        let found = resolve(&names).await;
        let is_new = !found.is_empty() && *known.borrow() != found;
        if is_new {
            tracing::info!(addresses = ?found, "addresses of the session service");
            known.send_replace(found);
        }
        tokio::time::sleep(process::jittered(RESOLVE_EVERY)).await;
    }
}

/// Keeps a balancer's set of addresses right.
async fn feed(
    mut found: watch::Receiver<BTreeSet<SocketAddr>>,
    changes: Sender<Change<SocketAddr, Endpoint>>,
) {
    let mut known = BTreeSet::new();
    loop {
        let now = found.borrow_and_update().clone();
        for address in now.difference(&known) {
            let uri = format!("http://{address}").parse().expect("an address makes a URI");
            if changes.send(Change::Insert(*address, endpoint(uri))).await.is_err() {
                return;
            }
        }
        for address in known.difference(&now) {
            if changes.send(Change::Remove(*address)).await.is_err() {
                return;
            }
        }
        known = now;
        if found.changed().await.is_err() {
            return;
        }
    }
}

async fn resolve(names: &[Uri]) -> BTreeSet<SocketAddr> {
    let mut found = BTreeSet::new();
    for name in names {
        let (Some(host), Some(port)) = (name.host(), name.port_u16().or(Some(80))) else {
            continue;
        };
        let lookup = tokio::net::lookup_host((host.trim_matches(['[', ']']), port));
        match tokio::time::timeout(RESOLVE_MAX_WAIT, lookup).await {
            Ok(Ok(addresses)) => found.extend(addresses),
            Ok(Err(error)) => tracing::warn!(host, %error, "name not found"),
            Err(_) => tracing::warn!(host, "the name server does not answer"),
        }
    }
    found
}
