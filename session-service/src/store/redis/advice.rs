//! What the servers say of themselves, and what should be otherwise for sessions to be kept.

use super::{
    RedisStore,
    reply::{read, timestamp},
};
use crate::{
    domain::Timestamp,
    store::{SessionStore, StoreError},
};
use bb8_redis::redis::cmd;
use std::time::Duration;

/// How often it is tried to reach a store that is not there.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// A server that holds sessions, as it describes itself.
#[derive(Clone, Debug)]
pub struct Server {
    /// What to call it.
    pub name: String,
    info: String,
    /// When it writes snapshots; none when it does not say, empty for never.
    save: Option<String>,
}

impl Server {
    /// The value of a field of `INFO`.
    pub fn info(&self, field: &str) -> Option<&str> {
        self.info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).map(str::trim_end)
    }

    /// Each thing that should be otherwise, in one sentence that says what to do.
    pub fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        if let Some(policy) = self.info("maxmemory_policy").filter(|policy| *policy != "noeviction") {
            advice.push(format!(
                "{} may evict live sessions when its memory is full (maxmemory-policy is {policy}): set it to noeviction",
                self.name
            ));
        }
        let appends = self.info("aof_enabled") == Some("1");
        // Whoever does not say may write snapshots.
        if !appends && self.save.as_deref() == Some("") {
            advice.push(format!(
                "{} loses every session when it stops (persistence is off): set appendonly to yes",
                self.name
            ));
        }
        advice
    }
}

impl RedisStore {
    /// Every server that holds sessions.
    pub async fn servers(&self) -> Result<Vec<Server>, StoreError> {
        let infos = self.link.ask_each(&cmd("INFO")).await?;
        // A managed Redis may not let us ask for its configuration.
        let mut config = cmd("CONFIG");
        config.arg("GET").arg("save");
        let saves = self.link.ask_each(&config).await.unwrap_or_default();
        let mut servers = Vec::with_capacity(infos.len());
        for (name, info) in infos {
            let answer = saves.iter().find(|(other, _)| *other == name).map(|(_, answer)| answer.clone());
            let save = answer.and_then(|answer| read::<Vec<String>>(answer).ok()?.into_iter().nth(1));
            servers.push(Server { name, info: read(info)?, save });
        }
        Ok(servers)
    }

    /// The time by each server's clock.
    pub async fn clocks(&self) -> Result<Vec<Timestamp>, StoreError> {
        let times = self.link.ask_each(&cmd("TIME")).await?;
        times.into_iter().map(|(_, answer)| timestamp(answer)).collect()
    }

    /// Waits until the store is there, and answers what should be otherwise, as far as it can be found out.
    pub async fn advice_once_there(&self) -> Vec<String> {
        while self.time().await.is_err() {
            tokio::time::sleep(TRY_EVERY).await;
        }
        let servers = self.servers().await.unwrap_or_default();
        servers.iter().flat_map(Server::advice).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(info: &str, save: Option<&str>) -> Server {
        Server { name: "redis".into(), info: info.into(), save: save.map(str::to_owned) }
    }

    #[test]
    fn a_server_that_keeps_everything_needs_no_advice() {
        let info = "# Memory\r\nmaxmemory_policy:noeviction\r\n# Persistence\r\naof_enabled:1\r\n";
        assert_eq!(server(info, Some("")).advice(), Vec::<String>::new());
    }

    #[test]
    fn eviction_and_forgetting_are_named_with_what_to_do() {
        let info = "maxmemory_policy:volatile-lru\r\naof_enabled:0\r\n";
        let advice = server(info, Some("")).advice();
        assert_eq!(advice.len(), 2);
        assert!(advice[0].contains("volatile-lru") && advice[0].ends_with("set it to noeviction"));
        assert!(advice[1].ends_with("set appendonly to yes"));
        assert_eq!(server(info, Some("3600 1")).advice().len(), 1, "snapshots are persistence");
    }
}
