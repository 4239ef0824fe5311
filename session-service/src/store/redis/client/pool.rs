//! Pool of connections to one server at a time. bb8 replaces connections that break and bounds the wait for one.
//!
//! A checkout clones the multiplexed connection and returns it immediately: holding it for the whole call would limit
//! the connection to one caller at a time.

use super::{
    connection::{CONNECT_TIMEOUT, Connection, connect},
    diagnosis::LastFailure,
    error::not_connected,
    failure::Failure,
    script::{self, Scripts},
    sentinel::PrimaryAddress,
    topology::{SentinelConfig, Topology},
};
use crate::store::Unreachable;
use bb8_redis::{
    bb8::{self, ErrorSink, ManageConnection},
    redis::{Client, ConnectionInfo, ErrorKind, RedisResult},
};
use runtime::reload::Current;
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// Pool size for normal traffic. Redis is single-threaded, so a second connection adds no throughput, and requests that
/// share a connection also share its system calls.
const POOL_SIZE: u32 = 1;
/// Pool size for writes that wait for replicas. `WAIT` blocks its connection until the replicas acknowledge.
const REPLICATED_WRITE_POOL_SIZE: u32 = 16;
/// Time for which callers share a connection without another checkout. The pool closes old connections, so it has to be short.
const CHECKOUT_TTL: Duration = Duration::from_secs(1);

pub(super) struct Pool {
    connections: bb8::Pool<Manager>,
    manager: Manager,
    /// The connection that callers share, and the end of its checkout. Replicated writes share none.
    shared: Option<RwLock<Option<(Connection, Instant)>>>,
}

impl Pool {
    /// Creates a pool that connects to this server.
    pub(super) fn for_server(
        server: ConnectionInfo,
        scripts: Scripts,
        replicated_writes: bool,
    ) -> RedisResult<Self> {
        let target = Target::Server(Current::new(Client::open(server)?));
        Ok(Self::new(Manager::new(target, scripts), replicated_writes))
    }

    /// Creates a pool that connects to the current primary of a Sentinel deployment.
    pub(super) fn for_sentinel(config: SentinelConfig, scripts: Scripts, replicated_writes: bool) -> Self {
        let (primary, config) = (PrimaryAddress::default(), Current::new(config));
        primary.watch(config.clone());
        Self::new(Manager::new(Target::Primary(config, primary), scripts), replicated_writes)
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
        let shared = (!replicated_writes).then(RwLock::default);
        Self { connections: builder.build_unchecked(manager.clone()), manager, shared }
    }

    /// Uses other credentials and certificates for new connections.
    pub(super) fn reconfigure(&self, topology: Topology) -> RedisResult<()> {
        match (&*self.manager.target, topology) {
            (Target::Server(client), Topology::Standalone(server)) => client.set(Client::open(server)?),
            (Target::Primary(current, _), Topology::Sentinel(config)) => current.set(config),
            _ => return Err((ErrorKind::InvalidClientConfig, "another topology").into()),
        }
        Ok(())
    }

    /// Returns a connection that other callers may share. The error has the reason why there is none.
    pub(super) async fn connection(&self) -> RedisResult<Connection> {
        if let Some(connection) = self.shared_connection() {
            return Ok(connection);
        }
        match self.connections.get().await {
            Ok(checkout) => {
                let connection = checkout.clone();
                if let Some(shared) = &self.shared {
                    let checkout = (connection.clone(), Instant::now() + CHECKOUT_TTL);
                    *shared.write().unwrap_or_else(PoisonError::into_inner) = Some(checkout);
                }
                Ok(connection)
            }
            Err(bb8::RunError::User(reason)) => Err(not_connected(reason)),
            Err(bb8::RunError::TimedOut) => Err(not_connected(self.manager.reason())),
        }
    }

    /// Returns the connection that callers share, unless its checkout is over.
    fn shared_connection(&self) -> Option<Connection> {
        let shared = self.shared.as_ref()?.read().unwrap_or_else(PoisonError::into_inner);
        let (connection, end) = shared.as_ref()?;
        (Instant::now() < *end && self.manager.is_usable(connection)).then(|| connection.clone())
    }
}

#[derive(Clone)]
struct Manager {
    target: Arc<Target>,
    scripts: Scripts,
    last_failure: Arc<LastFailure>,
}

enum Target {
    Server(Current<Client>),
    Primary(Current<SentinelConfig>, PrimaryAddress),
}

impl Manager {
    fn new(target: Target, scripts: Scripts) -> Self {
        Self { target: Arc::new(target), scripts, last_failure: Arc::default() }
    }

    async fn establish(&self) -> Result<Connection, Failure> {
        let (mut multiplexed, server, address) = match &*self.target {
            Target::Server(client) => {
                let client = client.get();
                let server = client.get_connection_info();
                let connection = connect(&client).await;
                (connection.map_err(|error| Failure::of_server(server, error))?, server.clone(), None)
            }
            Target::Primary(config, primary) => {
                let (connection, server, address) = primary.connect(&config.get()).await?;
                (connection, server, Some(address))
            }
        };
        let loaded = script::load(&mut multiplexed, self.scripts).await;
        loaded.map_err(|error| Failure::of_server(&server, error))?;
        Ok(Connection::new(multiplexed, address))
    }

    /// Returns the reason of the most recent failure. Until the first attempt has ended, the server did not respond.
    fn reason(&self) -> Unreachable {
        self.last_failure.reason().unwrap_or_else(|| self.timeout().reason())
    }

    fn timeout(&self) -> Failure {
        match &*self.target {
            Target::Server(client) => Failure::timeout(client.get().get_connection_info()),
            Target::Primary(config, primary) => primary.timeout(&config.get()),
        }
    }

    /// Returns `true` unless the connection broke or leads to a former primary.
    fn is_usable(&self, connection: &Connection) -> bool {
        let is_current = match (&*self.target, connection.address()) {
            (Target::Primary(_, primary), Some(address)) => primary.is_current(address),
            _ => true,
        };
        is_current && !connection.is_broken()
    }
}

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = Unreachable;

    /// Connects and loads the scripts, so that every call takes one round trip from the first one on.
    async fn connect(&self) -> Result<Connection, Unreachable> {
        let result = tokio::time::timeout(CONNECT_TIMEOUT, self.establish()).await;
        match result.unwrap_or_else(|_| Err(self.timeout())) {
            Ok(connection) => {
                self.last_failure.clear();
                Ok(connection)
            }
            Err(failure) => Err(self.last_failure.diagnose(&failure).await),
        }
    }

    async fn is_valid(&self, connection: &mut Connection) -> Result<(), Unreachable> {
        self.is_usable(connection).then_some(()).ok_or_else(broken)
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        !self.is_usable(connection)
    }
}

/// Returns the reason why the pool discards a connection.
fn broken() -> Unreachable {
    let reason = "the connection broke or leads to a former primary".into();
    Unreachable { code: "broken", reason, advice: "none: the pool replaces the connection" }
}

/// Logs errors that no caller receives.
#[derive(Clone, Debug)]
struct LogErrors;

impl ErrorSink<Unreachable> for LogErrors {
    fn sink(&self, reason: Unreachable) {
        tracing::debug!(%reason, "redis connection failed");
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<Unreachable>> {
        Box::new(self.clone())
    }
}
