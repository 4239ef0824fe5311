//! Servers of a deployment: standalone, Sentinel or Cluster.

use bb8_redis::redis::ConnectionInfo;

/// Servers to connect to.
#[derive(Clone, Debug)]
pub(in crate::store::redis) enum Topology {
    /// One server, or a proxy that acts as one.
    Standalone(ConnectionInfo),
    /// The primary that the Sentinels report.
    Sentinel(SentinelConfig),
    /// Nodes from which the others are discovered.
    Cluster(Vec<ConnectionInfo>),
}

/// Sentinels, and the primary that they monitor.
#[derive(Clone, Debug)]
pub(in crate::store::redis) struct SentinelConfig {
    pub(super) sentinels: Vec<ConnectionInfo>,
    /// Name of the primary.
    pub(super) name: String,
    /// Credentials, database and TLS of the primary. The address is that of a Sentinel and unused.
    pub(super) primary: ConnectionInfo,
}
