//! The open connections of a port, and the limits on them.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Maximum number of connections without a complete request. When one more arrives, the oldest of them is closed, so
/// that silent clients cannot keep others out. Clients that all come back at once should not evict each other.
const MAX_PENDING: usize = 4096;

/// Limits on the connections of one port.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Maximum number of open connections.
    pub max: usize,
    /// Maximum number of open connections from one address (IPv6: one /64 network).
    pub max_per_peer: usize,
    /// Timeout for a client that does not read: without progress, its connection is closed, or its stream reset.
    pub write_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { max: 10_000, max_per_peer: 5_000, write_timeout: Duration::from_secs(30) }
    }
}

/// Connection metrics, labelled by port.
#[derive(Clone, Debug, Default)]
pub struct ConnectionMetrics {
    open: Family<PortLabel, Gauge>,
    rejected: Family<RejectedLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PortLabel {
    port: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RejectedLabels {
    port: &'static str,
    reason: &'static str,
}

impl ConnectionMetrics {
    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("nono_connections_open", "Open connections", self.open.clone());
        let help = "Connections closed before a request was served, by reason";
        registry.register("nono_connections_rejected", help, self.rejected.clone());
    }
}

/// Reason why a connection was closed before a request was served.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rejection {
    /// The port had its maximum of connections.
    PortLimit,
    /// The peer had its maximum of connections.
    PeerLimit,
    /// No complete request or preface arrived in time.
    Timeout,
    /// A newer connection needed the slot and no request had arrived on this one.
    Evicted,
    /// The TLS handshake failed.
    Handshake,
}

impl Rejection {
    const ALL: [Self; 5] = [Self::PortLimit, Self::PeerLimit, Self::Timeout, Self::Evicted, Self::Handshake];

    const fn as_label(self) -> &'static str {
        match self {
            Self::PortLimit => "port_limit",
            Self::PeerLimit => "peer_limit",
            Self::Timeout => "first_request_timeout",
            Self::Evicted => "evicted",
            Self::Handshake => "tls_handshake",
        }
    }
}

/// The open connections of one port.
#[derive(Debug)]
pub(super) struct ConnectionTable {
    limits: ConnectionLimits,
    open_gauge: Gauge,
    rejected: [Counter; 5],
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    next_id: u64,
    open: usize,
    by_peer: HashMap<IpAddr, usize>,
    /// Connections without a complete request, oldest first.
    pending: BTreeMap<u64, Pending>,
}

#[derive(Debug)]
struct Pending {
    peer: IpAddr,
    evicted: CancellationToken,
}

impl Connections {
    /// Evicts the oldest pending connection, of `peer` if one is given. Returns `false` if there is none.
    fn evict(&mut self, peer: Option<IpAddr>) -> bool {
        let oldest = self.pending.iter().find(|(_, pending)| peer.is_none_or(|peer| pending.peer == peer));
        let Some(id) = oldest.map(|(id, _)| *id) else { return false };
        if let Some(pending) = self.pending.remove(&id) {
            self.release(pending.peer);
            pending.evicted.cancel();
        }
        true
    }

    fn release(&mut self, peer: IpAddr) {
        self.open -= 1;
        if let Some(open) = self.by_peer.get_mut(&peer) {
            *open -= 1;
            if *open == 0 {
                self.by_peer.remove(&peer);
            }
        }
    }
}

impl ConnectionTable {
    pub(super) fn new(port: &'static str, limits: ConnectionLimits, metrics: &ConnectionMetrics) -> Self {
        let rejected = |reason: Rejection| {
            let labels = RejectedLabels { port, reason: reason.as_label() };
            metrics.rejected.get_or_create_owned(&labels)
        };
        Self {
            limits,
            open_gauge: metrics.open.get_or_create_owned(&PortLabel { port }),
            rejected: Rejection::ALL.map(rejected),
            connections: Mutex::default(),
        }
    }

    /// Admits a connection, evicting a pending one if a limit is reached. Returns `None` if it must be closed.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Ticket> {
        let peer = network_of(peer);
        let mut connections = self.lock();
        let of_peer = connections.by_peer.get(&peer).copied().unwrap_or_default();
        if of_peer >= self.limits.max_per_peer && !connections.evict(Some(peer)) {
            self.reject(Rejection::PeerLimit);
            return None;
        }
        let is_full = connections.open >= self.limits.max || connections.pending.len() >= MAX_PENDING;
        if is_full && !connections.evict(None) {
            self.reject(Rejection::PortLimit);
            return None;
        }
        let (id, evicted) = (connections.next_id, CancellationToken::new());
        connections.next_id += 1;
        connections.open += 1;
        *connections.by_peer.entry(peer).or_default() += 1;
        connections.pending.insert(id, Pending { peer, evicted: evicted.clone() });
        self.open_gauge.inc();
        Some(Ticket {
            table: self.clone(),
            id,
            peer,
            evicted,
            is_established: AtomicBool::new(false),
            has_preface: AtomicBool::new(false),
        })
    }

    pub(super) fn reject(&self, reason: Rejection) {
        self.rejected[reason as usize].inc();
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An admitted connection. Dropping it frees its slot.
#[derive(Debug)]
pub(super) struct Ticket {
    table: Arc<ConnectionTable>,
    id: u64,
    peer: IpAddr,
    evicted: CancellationToken,
    is_established: AtomicBool,
    has_preface: AtomicBool,
}

impl Ticket {
    /// Marks the connection as established: it has sent a complete request and can no longer be evicted.
    pub(super) fn establish(&self) {
        if !self.is_established() {
            self.is_established.store(true, Ordering::Relaxed);
            self.table.lock().pending.remove(&self.id);
        }
    }

    pub(super) fn is_established(&self) -> bool {
        self.is_established.load(Ordering::Relaxed)
    }

    /// Marks the HTTP/2 preface as complete. The client may take its time to the first request, but can be evicted.
    pub(super) fn set_preface_complete(&self) {
        self.has_preface.store(true, Ordering::Relaxed);
    }

    /// Returns `true` if a complete request or preface has arrived.
    pub(super) fn is_in_time(&self) -> bool {
        self.is_established() || self.has_preface.load(Ordering::Relaxed)
    }

    /// Token that is cancelled when the connection has to give way to a newer one.
    pub(super) fn evicted(&self) -> CancellationToken {
        self.evicted.clone()
    }

    pub(super) fn reject(&self, reason: Rejection) {
        self.table.reject(reason);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.table.open_gauge.dec();
        let mut connections = self.table.lock();
        connections.pending.remove(&self.id);
        // An evicted connection was released when it was evicted.
        if !self.evicted.is_cancelled() {
            connections.release(self.peer);
        }
    }
}

/// Returns the address, or the /64 network of an IPv6 address: one client commonly owns a whole /64.
fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn table(max: usize, max_per_peer: usize) -> Arc<ConnectionTable> {
        let metrics = ConnectionMetrics::default();
        Arc::new(ConnectionTable::new(
            "test",
            ConnectionLimits { max, max_per_peer, ..Default::default() },
            &metrics,
        ))
    }

    #[test]
    fn established_connections_are_limited_per_port_and_per_peer() {
        let table = table(3, 2);
        let admit = |peer| {
            let ticket = table.admit(peer);
            if let Some(ticket) = &ticket {
                ticket.establish();
            }
            ticket
        };
        let (first, _second) = (admit(A).unwrap(), admit(A).unwrap());
        assert!(admit(A).is_none(), "the peer's limit");
        let _third = admit(B).unwrap();
        assert!(admit(B).is_none(), "the port's limit");
        drop(first);
        assert!(admit(A).is_some());
        let rejected = [Rejection::PeerLimit, Rejection::PortLimit];
        assert_eq!(rejected.map(|reason| table.rejected[reason as usize].get()), [1, 1]);
    }

    #[test]
    fn a_new_connection_evicts_the_oldest_pending_one_at_the_limit() {
        let table = table(2, 2);
        let (first, second) = (table.admit(A).unwrap(), table.admit(A).unwrap());
        second.establish();
        let third = table.admit(B).unwrap();
        assert!(first.evicted.is_cancelled() && !second.evicted.is_cancelled());
        third.establish();
        assert!(table.admit(B).is_none());
        drop((first, second, third));
        let connections = table.lock();
        assert_eq!((connections.open, connections.by_peer.len(), connections.pending.len()), (0, 0, 0));
    }

    #[test]
    fn pending_connections_are_limited_even_below_the_port_limit() {
        let table = table(10 * MAX_PENDING, 10 * MAX_PENDING);
        let tickets: Vec<_> = (0..3 * MAX_PENDING).map(|_| table.admit(A).unwrap()).collect();
        assert_eq!(tickets.iter().filter(|ticket| !ticket.evicted.is_cancelled()).count(), MAX_PENDING);
        assert_eq!(table.lock().open, MAX_PENDING);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_peer() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:10.0.0.1"), A);
    }
}
