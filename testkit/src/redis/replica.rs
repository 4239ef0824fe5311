//! Replicas.

use super::{RedisServer, wait::until};
use std::time::Duration;

/// Timeout of one `WAIT` in milliseconds.
const WAIT_MS: &str = "200";
const REPLY_TIMEOUT: Duration = Duration::from_secs(2);

impl RedisServer {
    /// Starts an asynchronous replica without persistence. See [`RedisServer::await_replica`].
    pub fn start_replica_of(primary: &RedisServer) -> Self {
        // The primary delays the first synchronization to wait for further replicas.
        primary.ask(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]);
        let port = primary.port().to_string();
        let mut options = vec!["--save", "", "--appendonly", "no", "--replicaof", "127.0.0.1", &port];
        if let Some(password) = primary.password() {
            options.extend(["--requirepass", password, "--masterauth", password]);
        }
        Self::start_with(&options)
    }

    /// Waits until `count` replicas have all earlier writes.
    pub fn await_replica(&self, count: usize) {
        until(&format!("{count} replicas have everything"), || {
            let words = ["WAIT", &count.to_string(), WAIT_MS];
            // A new replica acknowledges everything before it receives writes, so WAIT follows a write.
            let write = ["SET", "await_replica", "", "PX", "1"];
            let mut replies = self.ask_all(&[&write, &words], REPLY_TIMEOUT)?;
            let have = replies.remove(1).value.text()?;
            match have.parse::<usize>() {
                Ok(have) if have >= count => Ok(()),
                _ => Err(format!("{have} have")),
            }
        });
    }
}
