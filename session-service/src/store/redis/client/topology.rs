//! Servers of a deployment: standalone, Sentinel or Cluster.

use bb8_redis::redis::{ConnectionAddr, ConnectionInfo};

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

impl Topology {
    /// Returns `true` if the other topology has the same servers, apart from credentials and certificates.
    pub(super) fn has_servers_of(&self, other: &Self) -> bool {
        let all_same = |nodes: &[ConnectionInfo], others: &[ConnectionInfo]| {
            nodes.iter().map(endpoint).eq(others.iter().map(endpoint))
        };
        match (self, other) {
            (Self::Standalone(server), Self::Standalone(other)) => endpoint(server) == endpoint(other),
            (Self::Cluster(nodes), Self::Cluster(others)) => all_same(nodes, others),
            (Self::Sentinel(config), Self::Sentinel(other)) => {
                config.name == other.name
                    && endpoint(&config.primary) == endpoint(&other.primary)
                    && all_same(&config.sentinels, &other.sentinels)
            }
            _ => false,
        }
    }
}

/// Returns host, port, use of TLS and database of a server.
fn endpoint(server: &ConnectionInfo) -> (&str, u16, bool, i64) {
    let database = server.redis_settings().db();
    match server.addr() {
        ConnectionAddr::Tcp(host, port) => (host, *port, false, database),
        ConnectionAddr::TcpTls { host, port, .. } => (host, *port, true, database),
        _ => ("", 0, false, database),
    }
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

#[cfg(test)]
mod tests {
    use super::super::parse_url;

    #[test]
    fn topologies_with_other_credentials_have_the_same_servers() {
        let same = |one: &str, other: &str| {
            parse_url::topology(one).unwrap().has_servers_of(&parse_url::topology(other).unwrap())
        };
        for (one, other) in [
            ("redis://h:1/2", "redis://user:password@h:1/2"),
            ("redis+cluster://:a@h:1,i:2", "redis+cluster://:b@h:1,i:2"),
            ("rediss+sentinel://:a@h:1,i:2/main", "rediss+sentinel://:b@h:1,i:2/main"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("redis://h:1", "redis://h:2"),
            ("redis://h:1", "redis://i:1"),
            ("redis://h:1", "redis://h:1/1"),
            ("redis://h:1", "rediss://h:1"),
            ("redis://h:1", "redis+cluster://h:1"),
            ("redis+cluster://h:1,i:2", "redis+cluster://h:1"),
            ("redis+sentinel://h:1/main", "redis+sentinel://h:1/other"),
            ("redis+sentinel://h:1/main", "redis+sentinel://h:1/main/1"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }
}
