//! A multiplexed connection that records when it becomes unusable, and the timeouts of every connection.

use super::error::is_connection_unusable;
use bb8_redis::redis::{
    AsyncConnectionConfig, Client, Cmd, Pipeline, RedisResult, Value, aio::MultiplexedConnection,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
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
/// A [`MultiplexedConnection`] never reconnects, so the pool discards a connection whose flag is set.
#[derive(Clone)]
pub(super) struct Connection {
    multiplexed: MultiplexedConnection,
    broken: Arc<AtomicBool>,
    /// Address of the server, if a failover can make it stale.
    address: Option<HostPort>,
}

impl Connection {
    pub(super) fn new(multiplexed: MultiplexedConnection, address: Option<HostPort>) -> Self {
        Self { multiplexed, broken: Arc::default(), address }
    }

    pub(super) fn address(&self) -> Option<&HostPort> {
        self.address.as_ref()
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let reply = self.multiplexed.send_packed_command(command).await;
        self.mark_if_broken(reply.and_then(Value::extract_error))
    }

    /// Sends a pipeline. Per-command errors are returned in place.
    pub(super) async fn send_pipeline(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let replies = self.multiplexed.send_packed_commands(pipeline, 0, pipeline.len()).await;
        if let Ok(replies) = &replies {
            let errors = replies.iter().filter(|reply| matches!(reply, Value::ServerError(_)));
            for error in errors {
                let _ = self.mark_if_broken(error.clone().extract_error());
            }
        }
        self.mark_if_broken(replies)
    }

    fn mark_if_broken<T>(&self, result: RedisResult<T>) -> RedisResult<T> {
        if let Err(error) = &result
            && is_connection_unusable(error)
        {
            self.broken.store(true, Ordering::Relaxed);
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
