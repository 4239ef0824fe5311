//! Reason why no connection to a cluster can be established: the driver reports one error for all nodes, as text.

use super::{
    connection::{CONNECT_TIMEOUT, connect},
    failure::Failure,
};
use bb8_redis::redis::{Client, ConnectionInfo, ErrorKind, RedisError, RedisResult, Value, cmd};
use tokio::time::timeout;

/// Maximum number of nodes to query, which bounds the time of a diagnosis.
const NODES_MAX: usize = 3;

/// Queries the configured nodes in turn. Returns the failure of the first one that fails, or that of the driver if all
/// of them respond.
pub(super) async fn diagnose(nodes: &[ConnectionInfo], error: Option<RedisError>) -> Failure {
    for node in nodes.iter().take(NODES_MAX) {
        match timeout(CONNECT_TIMEOUT, check(node)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Failure::of_node(node, error),
            Err(_) => return Failure::timeout(node),
        }
    }
    match error {
        Some(error) => Failure::of_node(&nodes[0], error),
        None => Failure::timeout(&nodes[0]),
    }
}

async fn check(node: &ConnectionInfo) -> RedisResult<()> {
    let mut connection = connect(&Client::open(node.clone())?).await?;
    let slots: Vec<Value> = cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await?;
    let no_slots = (ErrorKind::ClusterConnectionNotFound, "no node has slots");
    if slots.is_empty() { Err(no_slots.into()) } else { Ok(()) }
}
