//! A multiplexed connection that records when it becomes unusable, and the timeouts of every connection.

use super::error::is_connection_unusable;
use bb8_redis::redis::{
    AsyncConnectionConfig, Client, Cmd, Pipeline, RedisResult, Value, aio::MultiplexedConnection,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Timeout for obtaining a connection.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// Timeout for a response.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Number of requests that wait in front of a connection before callers have to.
const REQUEST_QUEUE_SIZE: usize = 1024;

/// Host and port of a server.
pub(super) type HostPort = (String, u16);

/// A multiplexed connection with a flag that is set once it is unusable.
///
/// A [`MultiplexedConnection`] never reconnects, so the pool discards a connection whose flag is set. A response that is
/// late does not set it as long as others arrive: every request on it would be lost and sent again, to the same server.
#[derive(Clone)]
pub(super) struct Connection {
    multiplexed: MultiplexedConnection,
    state: Arc<State>,
    /// Address of the server, if a failover can make it stale.
    address: Option<HostPort>,
}

/// State of a connection, shared by its clones.
struct State {
    is_broken: AtomicBool,
    opened_at: Instant,
    /// Time from `opened_at` to the most recent reply, in milliseconds.
    replied_at: AtomicU64,
}

impl State {
    fn since_opened(&self) -> u64 {
        u64::try_from(self.opened_at.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Connection {
    pub(super) fn new(multiplexed: MultiplexedConnection, address: Option<HostPort>) -> Self {
        let state = State {
            is_broken: AtomicBool::new(false),
            opened_at: Instant::now(),
            replied_at: AtomicU64::new(0),
        };
        Self { multiplexed, state: Arc::new(state), address }
    }

    pub(super) fn address(&self) -> Option<&HostPort> {
        self.address.as_ref()
    }

    pub(super) fn is_broken(&self) -> bool {
        self.state.is_broken.load(Ordering::Relaxed)
    }

    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let sent_at = self.state.since_opened();
        let reply = self.multiplexed.send_packed_command(command).await;
        self.observe(reply.and_then(Value::extract_error), sent_at)
    }

    /// Sends a pipeline. Per-command errors are returned in place.
    pub(super) async fn send_pipeline(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let sent_at = self.state.since_opened();
        let replies = self.multiplexed.send_packed_commands(pipeline, 0, pipeline.len()).await;
        if let Ok(replies) = &replies {
            let errors = replies.iter().filter(|reply| matches!(reply, Value::ServerError(_)));
            for error in errors {
                let _ = self.observe(error.clone().extract_error(), sent_at);
            }
        }
        self.observe(replies, sent_at)
    }

    /// Records the result of a request that was sent at a time since the connection was opened.
    fn observe<T>(&self, result: RedisResult<T>, sent_at: u64) -> RedisResult<T> {
        match &result {
            Err(error) if error.is_timeout() => {
                let is_delivering = self.state.replied_at.load(Ordering::Relaxed) > sent_at;
                self.state.is_broken.fetch_or(!is_delivering, Ordering::Relaxed);
            }
            Err(error) if is_connection_unusable(error) => {
                self.state.is_broken.store(true, Ordering::Relaxed);
            }
            _ => {
                self.state.replied_at.fetch_max(self.state.since_opened(), Ordering::Relaxed);
            }
        }
        result
    }
}

/// Connects to a server with the timeouts of every connection.
pub(super) async fn connect(server: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
        .set_pipeline_buffer_size(REQUEST_QUEUE_SIZE);
    server.get_multiplexed_async_connection_with_config(&config).await
}
