//! Pool of connections to one server at a time. bb8 replaces connections that break and bounds the wait for one.
//!
//! A checkout clones the multiplexed connection and returns it immediately: holding it for the whole call would limit
//! the connection to one caller at a time.

use super::{
    connection::{CONNECT_TIMEOUT, Connection, connect},
    error::describe,
    script::{self, Scripts},
    sentinel::PrimaryAddress,
    topology::SentinelConfig,
};
use bb8_redis::{
    bb8::{self, ErrorSink, ManageConnection},
    redis::{Client, ConnectionInfo, ErrorKind, RedisError, RedisResult},
};

/// Pool size for normal traffic. Redis is single-threaded, so a second connection adds no throughput, and requests that
/// share a connection also share its system calls.
const POOL_SIZE: u32 = 1;
/// Pool size for writes that wait for replicas. `WAIT` blocks its connection until the replicas acknowledge.
const REPLICATED_WRITE_POOL_SIZE: u32 = 16;

#[derive(Clone)]
pub(super) struct Pool(bb8::Pool<Manager>);

impl Pool {
    /// Creates a pool that connects to this server.
    pub(super) fn for_server(
        server: ConnectionInfo,
        scripts: Scripts,
        replicated_writes: bool,
    ) -> RedisResult<Self> {
        let target = Target::Server(Client::open(server)?);
        Ok(Self::new(Manager { target, scripts }, replicated_writes))
    }

    /// Creates a pool that connects to the current primary of a Sentinel deployment.
    pub(super) fn for_sentinel(config: SentinelConfig, scripts: Scripts, replicated_writes: bool) -> Self {
        let primary = PrimaryAddress::default();
        primary.watch(config.clone());
        Self::new(Manager { target: Target::Primary(config, primary), scripts }, replicated_writes)
    }

    /// Creates a pool and starts connecting in the background.
    fn new(manager: Manager, replicated_writes: bool) -> Self {
        let size = if replicated_writes { REPLICATED_WRITE_POOL_SIZE } else { POOL_SIZE };
        let builder = bb8::Pool::builder()
            .max_size(size)
            .min_idle(Some(size))
            .connection_timeout(CONNECT_TIMEOUT)
            .test_on_check_out(true)
            .error_sink(Box::new(LogErrors));
        Self(builder.build_unchecked(manager))
    }

    /// Returns a connection that other callers may share.
    pub(super) async fn connection(&self) -> RedisResult<Connection> {
        match self.0.get().await {
            Ok(checkout) => Ok(checkout.clone()),
            Err(bb8::RunError::User(error)) => Err(error),
            Err(bb8::RunError::TimedOut) => Err((ErrorKind::Io, "no connection within 500 ms").into()),
        }
    }
}

struct Manager {
    target: Target,
    scripts: Scripts,
}

enum Target {
    Server(Client),
    Primary(SentinelConfig, PrimaryAddress),
}

impl Manager {
    async fn establish(&self) -> RedisResult<Connection> {
        let (mut multiplexed, address) = match &self.target {
            Target::Server(server) => (connect(server).await?, None),
            Target::Primary(config, primary) => {
                let (connection, address) = primary.connect(config).await?;
                (connection, Some(address))
            }
        };
        script::load(&mut multiplexed, self.scripts).await?;
        Ok(Connection::new(multiplexed, address))
    }

    /// Returns `true` unless the connection broke or leads to a former primary.
    fn is_usable(&self, connection: &Connection) -> bool {
        let is_current = match (&self.target, connection.address()) {
            (Target::Primary(_, primary), Some(address)) => primary.is_current(address),
            _ => true,
        };
        is_current && !connection.is_broken()
    }
}

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = RedisError;

    /// Connects and loads the scripts, so that every call takes one round trip from the first one on.
    async fn connect(&self) -> RedisResult<Connection> {
        tokio::time::timeout(CONNECT_TIMEOUT, self.establish()).await.unwrap_or_else(|_| {
            Err((ErrorKind::Io, "the server did not complete the connection within 500 ms").into())
        })
    }

    async fn is_valid(&self, connection: &mut Connection) -> RedisResult<()> {
        let broken = || RedisError::from((ErrorKind::Io, "the connection broke"));
        self.is_usable(connection).then_some(()).ok_or_else(broken)
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        !self.is_usable(connection)
    }
}

/// Logs errors that no caller receives.
#[derive(Clone, Debug)]
struct LogErrors;

impl ErrorSink<RedisError> for LogErrors {
    fn sink(&self, error: RedisError) {
        tracing::debug!(error = describe(&error), "redis connection failed");
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<RedisError>> {
        Box::new(self.clone())
    }
}
