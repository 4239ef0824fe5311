//! The connection to one server: a multiplexed one that every call shares, replaced when it breaks.
//!
//! A checkout only clones the connection and gives it back at once; holding it during the call would let one caller at
//! a time use it. A `MultiplexedConnection` never reconnects by itself, so each one carries a flag that says it broke,
//! and the pool drops it on the next checkout, without asking the server.

use super::{
    address::Watched,
    scripts,
    sentinel::{Place, Primary},
    verdict::{describe, is_fatal},
};
use bb8_redis::{
    bb8::{self, ErrorSink, ManageConnection},
    redis::{
        AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, Pipeline, RedisError, RedisResult,
        Value, aio::MultiplexedConnection,
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
pub(super) const CONNECTION_MAX_WAIT: Duration = Duration::from_millis(500);
/// The longest wait for an answer.
pub(super) const ANSWER_MAX_WAIT: Duration = Duration::from_secs(1);
/// How many connections are kept. One server thread answers them all, and what shares a connection also shares the
/// system calls, on both ends.
const CONNECTIONS: u32 = 1;
/// How many requests wait in front of a connection before callers have to.
const REQUESTS_QUEUED: usize = 1024;
/// How many when writes wait for replicas: a connection does nothing else while one of its writes waits.
const WAITING_CONNECTIONS: u32 = 16;

#[derive(Clone)]
pub(super) struct Pool(bb8::Pool<Manager>);

impl Pool {
    /// Connections to this server.
    pub(super) fn of_server(server: ConnectionInfo, writes_wait: bool) -> RedisResult<Self> {
        Ok(Self::new(Manager::Server(Client::open(server)?), writes_wait))
    }

    /// Connections to whichever server is the primary when one is made.
    pub(super) fn of_watched(watched: Watched, writes_wait: bool) -> Self {
        let primary = Primary::default();
        primary.watch(watched.clone());
        Self::new(Manager::Watched(watched, primary), writes_wait)
    }

    /// A pool that begins to connect at once and does not wait for it.
    fn new(manager: Manager, writes_wait: bool) -> Self {
        let connections = if writes_wait { WAITING_CONNECTIONS } else { CONNECTIONS };
        let builder = bb8::Pool::builder()
            .max_size(connections)
            .min_idle(Some(connections))
            .connection_timeout(CONNECTION_MAX_WAIT)
            .test_on_check_out(true)
            .error_sink(Box::new(LogFailures));
        Self(builder.build_unchecked(manager))
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
    /// Where it leads to, when that may cease to be the right place.
    place: Option<Place>,
}

impl Connection {
    pub(super) async fn ask(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = self.multiplexed.send_packed_command(command).await;
        self.note(answer.and_then(Value::extract_error))
    }

    /// An error among the answers is left there.
    pub(super) async fn pipe(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let answers = self.multiplexed.send_packed_commands(pipeline, 0, pipeline.len()).await;
        if let Ok(answers) = &answers {
            let errors = answers.iter().filter(|answer| matches!(answer, Value::ServerError(_)));
            for error in errors {
                let _ = self.note(error.clone().extract_error());
            }
        }
        self.note(answers)
    }

    fn note<T>(&self, result: RedisResult<T>) -> RedisResult<T> {
        if let Err(error) = &result
            && is_fatal(error)
        {
            self.broken.store(true, Ordering::Relaxed);
        }
        result
    }
}

enum Manager {
    Server(Client),
    Watched(Watched, Primary),
}

impl Manager {
    async fn establish(&self) -> RedisResult<Connection> {
        let (mut multiplexed, place) = match self {
            Self::Server(server) => (connect(server).await?, None),
            Self::Watched(watched, primary) => {
                let (connection, place) = primary.connect(watched).await?;
                (connection, Some(place))
            }
        };
        scripts::load(&mut multiplexed).await?;
        Ok(Connection { multiplexed, broken: Arc::default(), place })
    }

    fn is_of_use(&self, connection: &Connection) -> bool {
        let is_in_place = match (self, &connection.place) {
            (Self::Watched(_, primary), Some(place)) => primary.is_at(place),
            _ => true,
        };
        is_in_place && !connection.broken.load(Ordering::Relaxed)
    }
}

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = RedisError;

    /// Connects and loads the scripts, so that every call is one round trip from the first one on.
    async fn connect(&self) -> RedisResult<Connection> {
        tokio::time::timeout(CONNECTION_MAX_WAIT, self.establish()).await.unwrap_or_else(|_| {
            Err((ErrorKind::Io, "the server did not complete the connection within 500 ms").into())
        })
    }

    async fn is_valid(&self, connection: &mut Connection) -> RedisResult<()> {
        let broken = || RedisError::from((ErrorKind::Io, "the connection broke"));
        self.is_of_use(connection).then_some(()).ok_or_else(broken)
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        !self.is_of_use(connection)
    }
}

/// Connects with the limits of time that hold for every connection.
pub(super) async fn connect(server: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECTION_MAX_WAIT))
        .set_response_timeout(Some(ANSWER_MAX_WAIT))
        .set_pipeline_buffer_size(REQUESTS_QUEUED);
    server.get_multiplexed_async_connection_with_config(&config).await
}

#[derive(Clone, Debug)]
struct LogFailures;

impl ErrorSink<RedisError> for LogFailures {
    fn sink(&self, error: RedisError) {
        tracing::debug!(error = describe(&error), "redis connection dropped or not made");
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<RedisError>> {
        Box::new(self.clone())
    }
}
