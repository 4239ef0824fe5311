//! Connections to the servers of a deployment, whatever its topology.

use super::{cluster::Cluster, pool::Pool, script::Scripts, topology::Topology};
use bb8_redis::redis::{ErrorKind, Pipeline, RedisResult, TlsCertificates, Value};

/// Servers of a deployment, with their connections.
pub(super) enum Servers {
    /// One server at a time owns all keys.
    Single { pool: Pool, has_failover: bool },
    /// Each server owns some of the keys.
    Cluster(Cluster),
}

impl Servers {
    pub(super) fn new(
        topology: Topology,
        certificates: Option<TlsCertificates>,
        scripts: Scripts,
        replicated_writes: bool,
    ) -> RedisResult<Self> {
        Ok(match topology {
            Topology::Standalone(server) => Self::Single {
                pool: Pool::for_server(server, scripts, replicated_writes)?,
                has_failover: false,
            },
            Topology::Sentinel(config) => Self::Single {
                pool: Pool::for_sentinel(config, scripts, replicated_writes),
                has_failover: true,
            },
            Topology::Cluster(nodes) => Self::Cluster(Cluster::new(nodes, certificates)?),
        })
    }

    pub(super) fn reconfigure(
        &self,
        topology: Topology,
        certificates: Option<TlsCertificates>,
    ) -> RedisResult<()> {
        match (self, topology) {
            (Self::Cluster(cluster), Topology::Cluster(nodes)) => cluster.reconfigure(nodes, certificates),
            (Self::Single { pool, .. }, topology) => pool.reconfigure(topology),
            (Self::Cluster(_), _) => Err((ErrorKind::InvalidClientConfig, "another topology").into()),
        }
    }

    pub(super) async fn send_pipeline(&self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        match self {
            Self::Single { pool, .. } => pool.connection().await?.send_pipeline(pipeline).await,
            Self::Cluster(cluster) => Box::pin(cluster.send_pipeline(pipeline)).await,
        }
    }
}
