//! Connections: a few multiplexed ones that every call shares, replaced when they break.
//!
//! A checkout only clones the connection and gives it back at once; holding it during the call would let one caller at
//! a time use it. A `MultiplexedConnection` never reconnects by itself, so each one carries a flag that says it broke,
//! and the pool drops it on the next checkout, without asking the server.

use super::scripts;
use bb8_redis::{
    bb8::{self, ErrorSink, ManageConnection},
    redis::{
        AsyncConnectionConfig, Client, Cmd, ErrorKind, IntoConnectionInfo, Pipeline, RedisError, RedisFuture,
        RedisResult, ServerErrorKind, Value,
        aio::{ConnectionLike, MultiplexedConnection},
        io::tcp::TcpSettings,
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The longest wait for a connection.
const CONNECTION_MAX_WAIT: Duration = Duration::from_millis(500);
/// The longest wait for an answer.
const ANSWER_MAX_WAIT: Duration = Duration::from_secs(1);
/// How many connections are kept: one server thread answers them all, more than a few only cost.
const CONNECTIONS: u32 = 4;

#[derive(Clone)]
pub(super) struct Pool(bb8::Pool<Manager>);

impl Pool {
    /// A pool that begins to connect at once and does not wait for it.
    pub(super) fn new(url: &str) -> RedisResult<Self> {
        let info = url.into_connection_info()?.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let builder = bb8::Pool::builder()
            .max_size(CONNECTIONS)
            .min_idle(Some(CONNECTIONS))
            .connection_timeout(CONNECTION_MAX_WAIT)
            .test_on_check_out(true)
            .error_sink(Box::new(LogFailures));
        Ok(Self(builder.build_unchecked(Manager(Client::open(info)?))))
    }

    /// A connection to share.
    pub(super) async fn connection(&self) -> RedisResult<Connection> {
        match self.0.get().await {
            Ok(checkout) => Ok(checkout.clone()),
            Err(bb8::RunError::User(error)) => Err(error),
            Err(bb8::RunError::TimedOut) => Err((ErrorKind::Io, "no connection within 500 ms").into()),
        }
    }
}

/// A connection that knows whether it still works.
#[derive(Clone)]
pub(super) struct Connection {
    multiplexed: MultiplexedConnection,
    broken: Arc<AtomicBool>,
}

impl Connection {
    fn note<T>(&self, result: RedisResult<T>) -> RedisResult<T> {
        if let Err(error) = &result
            && is_fatal(error)
        {
            self.broken.store(true, Ordering::Relaxed);
        }
        result
    }
}

/// Whether the connection is of no more use: it is cut, it is silent, or its server has become a replica.
fn is_fatal(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_timeout()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let result = self.multiplexed.send_packed_command(cmd).await;
            self.note(result)
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let result = self.multiplexed.send_packed_commands(pipeline, offset, count).await;
            self.note(result)
        })
    }

    fn get_db(&self) -> i64 {
        self.multiplexed.get_db()
    }
}

struct Manager(Client);

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = RedisError;

    /// Connects and loads the scripts, so that every call is one round trip from the first one on.
    async fn connect(&self) -> RedisResult<Connection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTION_MAX_WAIT))
            .set_response_timeout(Some(ANSWER_MAX_WAIT));
        let connecting = async {
            let mut multiplexed = self.0.get_multiplexed_async_connection_with_config(&config).await?;
            scripts::load(&mut multiplexed).await?;
            Ok(Connection { multiplexed, broken: Arc::default() })
        };
        tokio::time::timeout(CONNECTION_MAX_WAIT, connecting).await.unwrap_or_else(|_| {
            Err((ErrorKind::Io, "the server did not complete the connection within 500 ms").into())
        })
    }

    async fn is_valid(&self, connection: &mut Connection) -> RedisResult<()> {
        if connection.broken.load(Ordering::Relaxed) {
            return Err((ErrorKind::Io, "the connection broke").into());
        }
        Ok(())
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.broken.load(Ordering::Relaxed)
    }
}

#[derive(Clone, Debug)]
struct LogFailures;

impl ErrorSink<RedisError> for LogFailures {
    fn sink(&self, error: RedisError) {
        tracing::debug!(%error, "redis connection dropped or not made");
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<RedisError>> {
        Box::new(self.clone())
    }
}
