//! Connection to a cluster: the driver's own, which knows the slots, replaced when its topology may be stale.
//!
//! The driver learns of a change from a node that responds. It would go on sending requests to a node that hangs, even
//! after its replica has taken over. So after a timeout or a lost connection a new driver connection is created from
//! the configured nodes, and replaces the old one once it is established.

use super::{
    cluster_failure::diagnose,
    connection::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT},
    diagnosis::LastFailure,
    error::{not_connected, should_refresh_topology},
    failure::Failure,
};
use bb8_redis::redis::{
    Cmd, ConnectionInfo, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, TlsCertificates,
    Value,
    aio::ConnectionLike,
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, Route, RoutingInfo, SingleNodeRoutingInfo, Slot, SlotAddr},
    io::tcp::TcpSettings,
};
use runtime::reload::Current;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// Timeout for a refresh: every node may be slow.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(4);
/// Minimum pause between refreshes, with jitter, so that processes do not all connect at once.
const REFRESH_BACKOFF: Duration = Duration::from_millis(150);

#[derive(Clone)]
pub(super) struct Cluster(Arc<Inner>);

struct Inner {
    config: Current<Config>,
    topology: watch::Sender<Option<ClusterConnection>>,
    is_refreshing: AtomicBool,
    last_failure: LastFailure,
}

/// Configuration of new connections.
struct Config {
    client: ClusterClient,
    /// The configured nodes, with credentials and certificates.
    nodes: Vec<ConnectionInfo>,
}

impl Config {
    fn new(nodes: Vec<ConnectionInfo>, certificates: Option<TlsCertificates>) -> RedisResult<Self> {
        // The driver's retries do not distinguish idempotent requests, so they are off and the caller retries.
        let mut builder = ClusterClientBuilder::new(nodes.clone())
            .retries(0)
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(RESPONSE_TIMEOUT)
            .tcp_settings(TcpSettings::default().set_nodelay(true));
        if let Some(certificates) = certificates {
            builder = builder.certs(certificates);
        }
        Ok(Self { client: builder.build()?, nodes })
    }
}

impl Cluster {
    /// Creates a client and starts connecting in the background.
    pub(super) fn new(
        nodes: Vec<ConnectionInfo>,
        certificates: Option<TlsCertificates>,
    ) -> RedisResult<Self> {
        let cluster = Self(Arc::new(Inner {
            config: Current::new(Config::new(nodes, certificates)?),
            topology: watch::Sender::new(None),
            is_refreshing: AtomicBool::new(false),
            last_failure: LastFailure::default(),
        }));
        cluster.refresh_topology();
        Ok(cluster)
    }

    /// Uses other credentials and certificates, for a new connection that replaces the current one.
    pub(super) fn reconfigure(
        &self,
        nodes: Vec<ConnectionInfo>,
        certificates: Option<TlsCertificates>,
    ) -> RedisResult<()> {
        self.0.config.set(Config::new(nodes, certificates)?);
        self.refresh_topology();
        Ok(())
    }

    /// Runs a command on the node that owns its first key.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let mut topology = self.topology().await?;
        let reply = topology.req_packed_command(command).await;
        match self.observe_error(reply.and_then(Value::extract_error)) {
            Err(error) if is_ask(&error) => {
                let mut pipeline = Pipeline::with_capacity(1);
                pipeline.add_command(command.clone());
                let reply = self.send_asking(&pipeline, &error).await?.pop();
                reply.unwrap_or(Value::Nil).extract_error()
            }
            result => result,
        }
    }

    /// Runs a command on the primary that owns `key`.
    pub(super) async fn send_to_owner_of(&self, key: &str, command: &Cmd) -> RedisResult<Value> {
        let route = Route::with_slot(Slot::for_key(key), SlotAddr::Master);
        let route = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
        let reply = self.topology().await?.route_command(command.clone(), route).await;
        self.observe_error(reply.and_then(Value::extract_error))
    }

    /// Runs a command on the node with this address.
    pub(super) async fn send_to_node(&self, address: &str, command: &Cmd) -> RedisResult<Value> {
        let route = route_to(address).ok_or((ErrorKind::Client, "not the address of a node"))?;
        let route = RoutingInfo::SingleNode(route);
        let reply = self.topology().await?.route_command(command.clone(), route).await;
        self.observe_error(reply.and_then(Value::extract_error))
    }

    /// Runs a command on each primary. Returns the replies with the addresses.
    pub(super) async fn send_to_all(&self, command: &Cmd) -> RedisResult<Vec<(String, Value)>> {
        let route = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let replies =
            self.observe_error(self.topology().await?.route_command(command.clone(), route).await)?;
        let Value::Map(replies) = replies else {
            return Err((ErrorKind::UnexpectedReturnType, "no reply per node").into());
        };
        let by_address = |(address, reply): (Value, Value)| {
            Ok((bb8_redis::redis::from_redis_value(address)?, reply.extract_error()?))
        };
        replies.into_iter().map(by_address).collect()
    }

    /// Sends commands that share a slot. Per-command errors are returned in place, except redirects.
    pub(super) async fn send_pipeline(&self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let mut topology = self.topology().await?;
        match self.observe_error(topology.req_packed_commands(pipeline, 0, pipeline.len()).await) {
            Err(error) if is_ask(&error) => self.send_asking(pipeline, &error).await,
            result => result,
        }
    }

    /// Retries the pipeline with `ASKING` on the node the slot is migrating to. Only the first command is asking.
    async fn send_asking(&self, pipeline: &Pipeline, error: &RedisError) -> RedisResult<Vec<Value>> {
        let route = error.redirect_node().and_then(|(node, _)| route_to(node));
        let route = route.ok_or((ErrorKind::Client, "the redirect has no address"))?;
        let mut asking = Pipeline::with_capacity(pipeline.len() + 1);
        asking.cmd("ASKING");
        for command in pipeline.cmd_iter() {
            asking.add_command(command.clone());
        }
        let mut topology = self.topology().await?;
        self.observe_error(topology.route_pipeline(asking, 1, pipeline.len(), route).await)
    }

    /// Returns the current connection, after waiting for the first one.
    async fn topology(&self) -> RedisResult<ClusterConnection> {
        if let Some(topology) = &*self.0.topology.borrow() {
            return Ok(topology.clone());
        }
        self.refresh_topology();
        let mut updates = self.0.topology.subscribe();
        match timeout(CONNECT_TIMEOUT, updates.wait_for(Option::is_some)).await {
            Ok(Ok(topology)) => Ok(topology.clone().expect("wait_for returned it")),
            _ => {
                let timeout = || Failure::timeout(&self.0.config.get().nodes[0]).reason();
                Err(not_connected(self.0.last_failure.reason().unwrap_or_else(timeout)))
            }
        }
    }

    fn observe_error<T>(&self, result: RedisResult<T>) -> RedisResult<T> {
        if let Err(error) = &result
            && should_refresh_topology(error)
        {
            self.refresh_topology();
        }
        result
    }

    /// Stores and logs the reason why a refresh failed. Without an error, it timed out.
    async fn record_failure(&self, error: Option<RedisError>) {
        let failure = diagnose(&self.0.config.get().nodes, error).await;
        let reason = self.0.last_failure.diagnose(&failure).await;
        tracing::debug!(%reason, "topology refresh failed");
    }

    /// Starts a refresh unless one is running.
    fn refresh_topology(&self) {
        let cluster = self.clone();
        if cluster.0.is_refreshing.swap(true, Ordering::AcqRel) {
            return;
        }
        tokio::spawn(async move {
            let config = cluster.0.config.get();
            cluster.reconnect(&config).await;
            sleep(runtime::jittered(REFRESH_BACKOFF)).await;
            cluster.0.is_refreshing.store(false, Ordering::Release);
            // The connection does not have a configuration that was set since.
            if !Arc::ptr_eq(&config, &cluster.0.config.get()) {
                cluster.refresh_topology();
            }
        });
    }

    async fn reconnect(&self, config: &Config) {
        match timeout(REFRESH_TIMEOUT, config.client.get_async_connection()).await {
            Ok(Ok(topology)) => {
                self.0.last_failure.clear();
                self.0.topology.send_replace(Some(topology));
            }
            Ok(Err(error)) => self.record_failure(Some(error)).await,
            Err(_) => self.record_failure(None).await,
        }
    }
}

fn route_to(address: &str) -> Option<SingleNodeRoutingInfo> {
    let (host, port) = address.rsplit_once(':')?;
    Some(SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port: port.parse().ok()? })
}

fn is_ask(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::Ask)
}
