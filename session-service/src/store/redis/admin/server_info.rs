//! Properties of the servers, and recommendations about settings that endanger sessions.

use crate::{
    domain::Timestamp,
    store::{
        StoreError,
        redis::{client::read, context::RedisStore, reply::timestamp},
    },
};
use bb8_redis::redis::cmd;
use std::time::Duration;

/// Interval between attempts to reach the store.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// A server that stores sessions, as it describes itself.
#[derive(Clone, Debug)]
pub struct ServerInfo {
    /// Name of the server.
    pub name: String,
    info: String,
    /// Schedule of snapshots, empty for none; `None` if the server does not report it.
    save: Option<String>,
}

impl ServerInfo {
    /// Returns a field of `INFO`.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim_end)
    }

    /// Returns one sentence for each setting that should be changed.
    pub fn recommendations(&self) -> Vec<String> {
        let mut recommendations = Vec::new();
        if let Some(policy) = self.field("maxmemory_policy").filter(|policy| *policy != "noeviction") {
            recommendations.push(format!(
                "{} may evict live sessions when its memory is full (maxmemory-policy is {policy}): set it to noeviction",
                self.name
            ));
        }
        let has_aof = self.field("aof_enabled") == Some("1");
        // A server that does not report its snapshots may have some.
        if !has_aof && self.save.as_deref() == Some("") {
            recommendations.push(format!(
                "{} loses every session when it stops (persistence is off): set appendonly to yes",
                self.name
            ));
        }
        recommendations
    }
}

impl RedisStore {
    /// Returns every server that stores sessions.
    pub async fn servers(&self) -> Result<Vec<ServerInfo>, StoreError> {
        let infos = self.client.query_all_nodes(&cmd("INFO")).await?;
        // A managed Redis may forbid CONFIG.
        let mut config = cmd("CONFIG");
        config.arg("GET").arg("save");
        let saves = self.client.query_all_nodes(&config).await.unwrap_or_default();
        let mut servers = Vec::with_capacity(infos.len());
        for (name, info) in infos {
            let reply = saves.iter().find(|(other, _)| *other == name).map(|(_, reply)| reply.clone());
            let save = reply.and_then(|reply| read::<Vec<String>>(reply).ok()?.into_iter().nth(1));
            servers.push(ServerInfo { name, info: read(info)?, save });
        }
        Ok(servers)
    }

    /// Returns the time of each server.
    pub async fn clocks(&self) -> Result<Vec<Timestamp>, StoreError> {
        let times = self.client.query_all_nodes(&cmd("TIME")).await?;
        times.into_iter().map(|(_, reply)| timestamp(reply)).collect()
    }

    /// Waits until the store is reachable. Returns the recommendations about all servers.
    pub async fn wait_and_check(&self) -> Vec<String> {
        while self.server_time().await.is_err() {
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
        let servers = self.servers().await.unwrap_or_default();
        servers.iter().flat_map(ServerInfo::recommendations).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(info: &str, save: Option<&str>) -> ServerInfo {
        ServerInfo { name: "redis".into(), info: info.into(), save: save.map(str::to_owned) }
    }

    #[test]
    fn there_are_no_recommendations_for_a_durable_server_without_eviction() {
        let info = "# Memory\r\nmaxmemory_policy:noeviction\r\n# Persistence\r\naof_enabled:1\r\n";
        assert_eq!(server(info, Some("")).recommendations(), Vec::<String>::new());
    }

    #[test]
    fn recommendations_name_the_setting_to_change() {
        let info = "maxmemory_policy:volatile-lru\r\naof_enabled:0\r\n";
        let recommendations = server(info, Some("")).recommendations();
        assert_eq!(recommendations.len(), 2);
        assert!(
            recommendations[0].contains("volatile-lru")
                && recommendations[0].ends_with("set it to noeviction")
        );
        assert!(recommendations[1].ends_with("set appendonly to yes"));
        assert_eq!(server(info, Some("3600 1")).recommendations().len(), 1, "snapshots are persistence");
    }
}
