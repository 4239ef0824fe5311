//! Client for all topologies: retries, redirects and the wait for replicas. Knows no session.

mod batch;
mod classify;
mod cluster;
mod cluster_failure;
mod connection;
mod diagnosis;
mod error;
mod failure;
mod nodes;
mod parse_url;
mod pool;
mod problem;
mod script;
mod sentinel;
mod servers;
mod tls;
mod topology;
mod url;
mod value;

use crate::store::StoreError;
use bb8_redis::redis::{Cmd, Pipeline, RedisResult, Value, cmd};
use classify::{classify, classify_check};
use error::{is_connection_lost, is_redirect, is_unknown_script, is_wrong_type};
use futures_util::future::try_join_all;
use servers::Servers;
use std::time::Duration;
use tokio::time::sleep;
use topology::Topology;
use value::into_result;

pub(super) use batch::ScriptBatch;
pub(super) use script::{Script, ScriptCall, Scripts, Source};
pub use tls::{RedisTls, SentinelCredentials};
pub use url::{RedisSettings, RedisUrl};
pub(super) use value::{corrupt, read};

/// Timeout of a write's wait for replicas.
const REPLICATION_TIMEOUT: Duration = Duration::from_millis(600);
/// Pause before a redirected request is sent again.
const REDIRECT_BACKOFF: Duration = Duration::from_millis(25);

/// Permission to retry a request whose connection was lost before the response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Idempotency {
    Idempotent,
    NonIdempotent,
}

/// Client of a standalone server, a Sentinel deployment or a cluster.
pub(super) struct RedisClient {
    servers: Servers,
    /// Pool for writes that wait for replicas. They block their connection, and reads must not queue behind them.
    wait_pool: Option<Servers>,
    /// Number of replicas that must have a write before it is acknowledged.
    replicas: u8,
    topology: Topology,
}

/// A request, sent in one round trip.
enum Request<'a> {
    Command(&'a Cmd),
    CommandToOwnerOf(&'a str, &'a Cmd),
    Pipeline(&'a Pipeline),
    Script(&'a ScriptCall),
    ReplicatedScript(&'a ScriptCall),
}

impl RedisClient {
    /// Creates a client and starts connecting in the background. Every connection loads `scripts`.
    pub(super) fn new(settings: &RedisSettings, scripts: Scripts) -> Result<Self, String> {
        let topology = settings.url.topology(&settings.tls, &settings.sentinel)?;
        let certificates = settings.tls.certificates();
        let servers = |replicated_writes| {
            Servers::new(topology.clone(), certificates.clone(), scripts, replicated_writes)
                .map_err(|_| "the store's URL or certificates are not usable")
        };
        let replicas = settings.min_replicas_ack;
        let wait_pool = (replicas > 0).then(|| servers(true)).transpose()?;
        Ok(Self { servers: servers(false)?, wait_pool, replicas, topology })
    }

    /// Uses the credentials and certificates of these settings for new connections. The error is one sentence.
    pub(super) fn reconfigure(&self, settings: &RedisSettings) -> Result<(), String> {
        let topology = settings.url.topology(&settings.tls, &settings.sentinel)?;
        if !self.topology.has_servers_of(&topology) {
            return Err(
                "the address of the store changed, not only its user or password: restart the program".into(),
            );
        }
        let certificates = settings.tls.certificates();
        for servers in [Some(&self.servers), self.wait_pool.as_ref()].into_iter().flatten() {
            let result = servers.reconfigure(topology.clone(), certificates.clone());
            result.map_err(|_| "the store's URL or certificates are not usable")?;
        }
        Ok(())
    }

    /// Returns `true` if keys without a common hash tag may be on different servers.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.servers, Servers::Cluster(_))
    }

    /// Runs a command on the node that owns its first key.
    pub(super) async fn query(&self, command: &Cmd, idempotency: Idempotency) -> Result<Value, StoreError> {
        self.send_and_classify(Request::Command(command), idempotency).await
    }

    /// Returns the time of the node that owns `key`. It checks the connection: any error is an outage with a reason.
    pub(super) async fn time(&self, key: &str) -> Result<Value, StoreError> {
        let command = cmd("TIME");
        let request = Request::CommandToOwnerOf(key, &command);
        let reply = self.send_with_retry(request, Idempotency::Idempotent).await;
        reply.map_err(|error| classify_check(&error))
    }

    /// Runs reads, in one round trip unless the keys are on several servers. A key of the wrong type fails its own read
    /// only.
    pub(super) async fn query_many(
        &self,
        commands: Vec<Cmd>,
    ) -> Result<Vec<Result<Value, StoreError>>, StoreError> {
        if self.is_cluster() {
            return try_join_all(commands.iter().map(|command| self.query_one_of_many(command))).await;
        }
        let mut pipeline = Pipeline::with_capacity(commands.len());
        for command in commands {
            pipeline.add_command(command);
        }
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        let request = Request::Pipeline(&pipeline);
        let replies = self.send_and_classify(request, Idempotency::Idempotent).await?;
        Ok(read::<Vec<Value>>(replies)?
            .into_iter()
            .map(|reply| into_result(reply).map_err(classify))
            .collect())
    }

    async fn query_one_of_many(&self, command: &Cmd) -> Result<Result<Value, StoreError>, StoreError> {
        match self.send_with_retry(Request::Command(command), Idempotency::Idempotent).await {
            Err(error) if is_wrong_type(&error) => Ok(Err(classify(error))),
            reply => reply.map(Ok).map_err(classify),
        }
    }

    /// Calls a script without waiting for replicas.
    pub(super) async fn eval_read(
        &self,
        call: &ScriptCall,
        idempotency: Idempotency,
    ) -> Result<Value, StoreError> {
        self.send_and_classify(Request::Script(call), idempotency).await
    }

    /// Calls a script and waits until the required number of replicas has its writes.
    pub(super) async fn eval_write(
        &self,
        call: &ScriptCall,
        idempotency: Idempotency,
    ) -> Result<Value, StoreError> {
        if self.replicas == 0 {
            return self.eval_read(call, idempotency).await;
        }
        let replies = self.send_and_classify(Request::ReplicatedScript(call), idempotency).await?;
        let (reply, replicas) = read::<(Value, u8)>(replies)?;
        if replicas < self.replicas {
            let cause = format!(
                "{replicas} of {} replicas acknowledged the write within {REPLICATION_TIMEOUT:?}",
                self.replicas
            );
            return Err(StoreError::Unavailable(cause.into()));
        }
        Ok(reply)
    }

    async fn send_and_classify(
        &self,
        request: Request<'_>,
        idempotency: Idempotency,
    ) -> Result<Value, StoreError> {
        self.send_with_retry(request, idempotency).await.map_err(classify)
    }

    /// Sends the request, retrying redirects and, if idempotent, one lost connection. The caller enforces the timeout.
    async fn send_with_retry(&self, request: Request<'_>, idempotency: Idempotency) -> RedisResult<Value> {
        let mut can_retry = idempotency == Idempotency::Idempotent;
        loop {
            match self.send(&request).await {
                Err(error) if self.can_redirect() && is_redirect(&error) => sleep(REDIRECT_BACKOFF).await,
                Err(error) if can_retry && is_connection_lost(&error) => can_retry = false,
                result => return result,
            }
        }
    }

    /// Sends the request once. The reply to a pipeline is an array. Rare branches are boxed so that they do not enlarge every
    /// call's future.
    async fn send(&self, request: &Request<'_>) -> RedisResult<Value> {
        match request {
            Request::Command(command) => self.send_command(command).await,
            Request::CommandToOwnerOf(key, command) => match &self.servers {
                Servers::Single { .. } => self.send_command(command).await,
                Servers::Cluster(cluster) => Box::pin(cluster.send_to_owner_of(key, command)).await,
            },
            Request::Pipeline(pipeline) => {
                let replies = self.servers.send_pipeline(pipeline).await?;
                replies.into_iter().map(unless_wrong_type).collect::<RedisResult<_>>().map(Value::Array)
            }
            Request::Script(call) => match self.send_command(call.evalsha()).await {
                Err(error) if is_unknown_script(&error) => Box::pin(self.send_command(&call.eval())).await,
                result => result,
            },
            Request::ReplicatedScript(call) => match Box::pin(self.send_and_wait(call.evalsha())).await {
                Err(error) if is_unknown_script(&error) => Box::pin(self.send_and_wait(&call.eval())).await,
                result => result,
            },
        }
    }

    async fn send_command(&self, command: &Cmd) -> RedisResult<Value> {
        match &self.servers {
            Servers::Single { pool, .. } => pool.connection().await?.send(command).await,
            Servers::Cluster(cluster) => Box::pin(cluster.send(command)).await,
        }
    }

    /// Sends a write and waits for replicas. Returns the reply and the number of replicas that acknowledged.
    async fn send_and_wait(&self, command: &Cmd) -> RedisResult<Value> {
        let timeout = u64::try_from(REPLICATION_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        let mut wait = cmd("WAIT");
        wait.arg(self.replicas).arg(timeout);
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.add_command(command.clone()).add_command(wait);
        let servers = self.wait_pool.as_ref().unwrap_or(&self.servers);
        let replies = servers.send_pipeline(&pipeline).await?.into_iter().map(Value::extract_error);
        replies.collect::<RedisResult<_>>().map(Value::Array)
    }

    /// Returns `true` if another server may execute a request that this one rejected.
    fn can_redirect(&self) -> bool {
        match &self.servers {
            Servers::Single { has_failover, .. } => *has_failover,
            Servers::Cluster(_) => true,
        }
    }
}

/// Returns the reply to one command of a pipeline. An error about the type of its key is returned in place, because it
/// does not concern the others. Any other error fails the pipeline.
fn unless_wrong_type(reply: Value) -> RedisResult<Value> {
    if !matches!(reply, Value::ServerError(_)) {
        return Ok(reply);
    }
    match reply.clone().extract_error() {
        Err(error) if !is_wrong_type(&error) => Err(error),
        _ => Ok(reply),
    }
}
