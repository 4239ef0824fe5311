//! Requests to every node: for the doctor, never for a call.

use super::{RedisClient, Servers, classify::classify, value::read};
use crate::store::StoreError;
use bb8_redis::redis::{Cmd, Value, cmd};

/// Hint to the server on how many keys to visit per request.
const SCAN_COUNT: u32 = 1000;

impl RedisClient {
    /// Runs a command on every primary. Returns the replies with the names of the nodes. Not retried.
    pub(in crate::store::redis) async fn query_all_nodes(
        &self,
        command: &Cmd,
    ) -> Result<Vec<(String, Value)>, StoreError> {
        match &self.servers {
            Servers::Single { .. } => {
                Ok(vec![("the server".into(), self.send_command(command).await.map_err(classify)?)])
            }
            Servers::Cluster(cluster) => cluster.send_to_all(command).await.map_err(classify),
        }
    }

    /// Returns up to `limit` keys of each node that match the pattern, and `true` if these are all.
    pub(in crate::store::redis) async fn scan(
        &self,
        pattern: &str,
        limit: usize,
    ) -> Result<(Vec<Vec<u8>>, bool), StoreError> {
        let nodes = match &self.servers {
            Servers::Single { .. } => vec![None],
            Servers::Cluster(_) => {
                let replies = self.query_all_nodes(&cmd("TIME")).await?;
                replies.into_iter().map(|(node, _)| Some(node)).collect()
            }
        };
        let (mut keys, mut is_complete) = (Vec::new(), true);
        for node in nodes {
            let (found, is_all) = self.scan_node(node.as_deref(), pattern, limit).await?;
            is_complete &= is_all;
            keys.extend(found);
        }
        Ok((keys, is_complete))
    }

    async fn scan_node(
        &self,
        node: Option<&str>,
        pattern: &str,
        limit: usize,
    ) -> Result<(Vec<Vec<u8>>, bool), StoreError> {
        let (mut cursor, mut keys) = (0_u64, Vec::new());
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(SCAN_COUNT);
            let reply = match (&self.servers, node) {
                (Servers::Cluster(cluster), Some(node)) => cluster.send_to_node(node, &scan).await,
                _ => self.send_command(&scan).await,
            };
            let (next, page): (u64, Vec<Vec<u8>>) = read(reply.map_err(classify)?)?;
            keys.extend(page);
            cursor = next;
            if cursor == 0 || keys.len() >= limit {
                let is_all = cursor == 0 && keys.len() <= limit;
                keys.truncate(limit);
                return Ok((keys, is_all));
            }
        }
    }
}
