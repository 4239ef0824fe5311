//! A server that copies another one.

use super::{RedisServer, wait::until};
use std::time::Duration;

/// For how long the primary waits for its replicas before it is asked again.
const ONE_WAIT: &str = "200";
const LONGEST_ANSWER: Duration = Duration::from_secs(2);

impl RedisServer {
    /// Starts a server that keeps nothing on disk and copies this one, later than it acknowledges. See
    /// [`RedisServer::await_replica`].
    pub fn start_replica_of(primary: &RedisServer) -> Self {
        // It is the primary that waits for further replicas before it sends its data.
        primary.ask(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]);
        let port = primary.port().to_string();
        let mut options = vec!["--save", "", "--appendonly", "no", "--replicaof", "127.0.0.1", &port];
        if let Some(password) = primary.password() {
            options.extend(["--requirepass", password, "--masterauth", password]);
        }
        Self::start_with(&options)
    }

    /// Waits until so many replicas have all that was written before.
    pub fn await_replica(&self, count: usize) {
        until(&format!("{count} replicas have everything"), || {
            let words = ["WAIT", &count.to_string(), ONE_WAIT];
            // WAIT is about what its own connection has done, for which any command will do.
            let mut answers = self.ask_all(&[&["PING"], &words], LONGEST_ANSWER)?;
            let have = answers.remove(1).value.text()?;
            match have.parse::<usize>() {
                Ok(have) if have >= count => Ok(()),
                _ => Err(format!("{have} have")),
            }
        });
    }
}
