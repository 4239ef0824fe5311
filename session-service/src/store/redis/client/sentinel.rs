//! Finds the primary by majority vote. Sentinels are queried concurrently, so a hung one cannot delay the result.

use super::{
    connection::{HostPort, connect},
    failure::Failure,
    topology::SentinelConfig,
};
use bb8_redis::redis::{
    Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisResult, Value, aio::MultiplexedConnection, cmd,
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use runtime::reload::Current;
use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout_at};

/// Timeout for the vote, unless a majority has agreed before.
const VOTE_TIMEOUT: Duration = Duration::from_millis(250);
/// Interval between votes. A former primary may go on as if it were the primary for seconds.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Address of the current primary, shared by its pool and the task that watches it.
#[derive(Clone, Default)]
pub(super) struct PrimaryAddress(Arc<Mutex<Option<HostPort>>>);

impl PrimaryAddress {
    /// Returns `true` unless the primary is known to have another address.
    pub(super) fn is_current(&self, address: &HostPort) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_none_or(|current| current == address)
    }

    fn update(&self, address: &HostPort) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref() != Some(address) {
            tracing::info!(host = address.0, port = address.1, "primary found by Sentinels");
            *current = Some(address.clone());
        }
    }

    /// Starts a task that updates the address until the last pool is dropped.
    pub(super) fn watch(&self, config: Current<SentinelConfig>) {
        let primary = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            while let Some(primary) = Weak::upgrade(&primary) {
                // Minority results are ignored: a stale Sentinel must not invalidate healthy connections.
                if let Ok((address, true)) = quorum_vote(&config.get()).await {
                    Self(primary).update(&address);
                }
                sleep(WATCH_INTERVAL).await;
            }
        });
    }

    /// Connects to the primary, after the server confirmed its role. Also returns the settings of the connection.
    pub(super) async fn connect(
        &self,
        config: &SentinelConfig,
    ) -> Result<(MultiplexedConnection, ConnectionInfo, HostPort), Failure> {
        let (address, is_majority) = quorum_vote(config).await?;
        if is_majority {
            self.update(&address);
        }
        let server = server_at(config, address.clone());
        let connection = connect_to_primary(&server).await;
        let connection = connection.map_err(|error| Failure::of_server(&server, error))?;
        if !self.is_current(&address) {
            let error = (ErrorKind::Io, "the Sentinels named another primary in the meantime");
            return Err(Failure::of_server(&server, error.into()));
        }
        Ok((connection, server, address))
    }

    /// Returns the failure of a connection that took too long: to the primary, or to a Sentinel if the primary is not
    /// known yet.
    pub(super) fn timeout(&self, config: &SentinelConfig) -> Failure {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            Some(address) => Failure::timeout(&server_at(config, address)),
            None => Failure::sentinel_timeout(&config.sentinels[0]),
        }
    }
}

fn server_at(config: &SentinelConfig, (host, port): HostPort) -> ConnectionInfo {
    let address = match config.primary.addr().clone() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    config.primary.clone().set_addr(address)
}

async fn connect_to_primary(server: &ConnectionInfo) -> RedisResult<MultiplexedConnection> {
    let mut connection = connect(&Client::open(server.clone())?).await?;
    let role: Vec<Value> = cmd("ROLE").query_async(&mut connection).await?;
    if !matches!(role.first(), Some(Value::BulkString(role)) if role == b"master") {
        return Err((ErrorKind::NoValidReplicasFoundBySentinel, "the server is not a primary").into());
    }
    Ok(connection)
}

/// Returns the address that most responding Sentinels report, and `true` if these are a majority of all.
async fn quorum_vote(config: &SentinelConfig) -> Result<(HostPort, bool), Failure> {
    let deadline = Instant::now() + VOTE_TIMEOUT;
    let majority = config.sentinels.len() / 2 + 1;
    let mut responses: FuturesUnordered<_> =
        config.sentinels.iter().map(|sentinel| query(config, sentinel)).collect();
    let mut votes: Vec<(HostPort, usize)> = Vec::new();
    let mut failure = None;
    while let Ok(Some(response)) = timeout_at(deadline, responses.next()).await {
        match response {
            Err(other) => failure = Some(other),
            Ok(address) => {
                let at = votes.iter().position(|(known, _)| *known == address).unwrap_or_else(|| {
                    votes.push((address, 0));
                    votes.len() - 1
                });
                votes[at].1 += 1;
                if votes[at].1 >= majority {
                    break;
                }
            }
        }
    }
    let winner = votes.into_iter().max_by_key(|(_, votes)| *votes);
    let no_response = || Failure::sentinel_timeout(&config.sentinels[0]);
    winner
        .map(|(address, votes)| (address, votes >= majority))
        .ok_or_else(|| failure.unwrap_or_else(no_response))
}

async fn query(config: &SentinelConfig, sentinel: &ConnectionInfo) -> Result<HostPort, Failure> {
    let address = query_address(config, sentinel).await;
    address.map_err(|error| Failure::of_sentinel(sentinel, error))
}

async fn query_address(config: &SentinelConfig, sentinel: &ConnectionInfo) -> RedisResult<HostPort> {
    let mut sentinel = connect(&Client::open(sentinel.clone())?).await?;
    let mut command = cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(&config.name);
    let address: Option<HostPort> = command.query_async(&mut sentinel).await?;
    let unknown = (ErrorKind::MasterNameNotFoundBySentinel, "unknown primary", config.name.clone());
    address.ok_or_else(|| unknown.into())
}
