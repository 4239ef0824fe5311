//! Connections to a cluster: the driver's own, which knows the slots, and another one when that may know them no more.
//!
//! The driver learns of a change from a node that answers. A node that hangs says nothing, and the driver would go on
//! asking it after its replica has taken over. So whenever a node was silent or cut a connection off, a new view of the
//! cluster is made beside the old one, from all the nodes that are configured, and takes its place once it stands.

use super::{
    pool::{ANSWER_MAX_WAIT, CONNECTION_MAX_WAIT},
    verdict::{describe, is_doubtful},
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
use uuid::Uuid;

/// The longest that making a new view takes: every node may be slow.
const VIEW_MAX_WAIT: Duration = Duration::from_secs(4);
/// The pause before another view is made, up to twice as long: processes must not all connect at once.
const VIEW_PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub(super) struct Cluster(Arc<Inner>);

struct Inner {
    client: ClusterClient,
    view: watch::Sender<Option<ClusterConnection>>,
    is_renewing: AtomicBool,
}

impl Cluster {
    /// A cluster that is connected to from now on.
    pub(super) fn new(
        nodes: Vec<ConnectionInfo>,
        certificates: Option<TlsCertificates>,
    ) -> RedisResult<Self> {
        // The driver repeats what failed without asking whether that is safe; it is told not to, and the caller decides.
        let mut builder = ClusterClientBuilder::new(nodes)
            .retries(0)
            .connection_timeout(CONNECTION_MAX_WAIT)
            .response_timeout(ANSWER_MAX_WAIT)
            .tcp_settings(TcpSettings::default().set_nodelay(true));
        if let Some(certificates) = certificates {
            builder = builder.certs(certificates);
        }
        let cluster = Self(Arc::new(Inner {
            client: builder.build()?,
            view: watch::Sender::new(None),
            is_renewing: AtomicBool::new(false),
        }));
        cluster.renew();
        Ok(cluster)
    }

    /// The answer to a command, which goes where its first key is.
    pub(super) async fn ask(&self, command: &Cmd) -> RedisResult<Value> {
        let mut view = self.view().await?;
        let answer = view.req_packed_command(command).await;
        match self.note(answer.and_then(Value::extract_error)) {
            Err(error) if is_ask(&error) => {
                let mut pipeline = Pipeline::with_capacity(1);
                pipeline.add_command(command.clone());
                let answer = self.pipe_asking(&pipeline, &error).await?.pop();
                answer.unwrap_or(Value::Nil).extract_error()
            }
            result => result,
        }
    }

    /// The answer to a command that the primary with the slot of `key` is asked.
    pub(super) async fn ask_at(&self, key: &str, command: &Cmd) -> RedisResult<Value> {
        let route = Route::with_slot(Slot::for_key(key), SlotAddr::Master);
        let place = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
        let answer = self.view().await?.route_command(command.clone(), place).await;
        self.note(answer.and_then(Value::extract_error))
    }

    /// The answer of the node at this address.
    pub(super) async fn ask_node(&self, address: &str, command: &Cmd) -> RedisResult<Value> {
        let place =
            address.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
        let (host, port) = place.ok_or_else(|| RedisError::from((ErrorKind::Client, "it is no address")))?;
        let place = RoutingInfo::SingleNode(SingleNodeRoutingInfo::ByAddress { host, port });
        let answer = self.view().await?.route_command(command.clone(), place).await;
        self.note(answer.and_then(Value::extract_error))
    }

    /// The answer of each primary, with its address.
    pub(super) async fn ask_each(&self, command: &Cmd) -> RedisResult<Vec<(String, Value)>> {
        let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let answers = self.note(self.view().await?.route_command(command.clone(), everywhere).await)?;
        let Value::Map(answers) = answers else {
            return Err((ErrorKind::UnexpectedReturnType, "the nodes did not answer one by one").into());
        };
        let named = |(name, answer): (Value, Value)| {
            Ok((bb8_redis::redis::from_redis_value(name)?, answer.extract_error()?))
        };
        answers.into_iter().map(named).collect()
    }

    /// The answers to commands that share a slot. An error among them is left there, unless it sends us elsewhere.
    pub(super) async fn pipe(&self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let mut view = self.view().await?;
        match self.note(view.req_packed_commands(pipeline, 0, pipeline.len()).await) {
            Err(error) if is_ask(&error) => self.pipe_asking(pipeline, &error).await,
            result => result,
        }
    }

    /// Asks the node that the slot is on its way to. What it is asked for is the first command.
    async fn pipe_asking(&self, pipeline: &Pipeline, error: &RedisError) -> RedisResult<Vec<Value>> {
        let there = error.redirect_node().and_then(|(node, _)| node.rsplit_once(':'));
        let there = there.and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
        let (host, port) =
            there.ok_or_else(|| RedisError::from((ErrorKind::Client, "a redirection names no node")))?;
        let mut asking = Pipeline::with_capacity(pipeline.len() + 1);
        asking.cmd("ASKING");
        for command in pipeline.cmd_iter() {
            asking.add_command(command.clone());
        }
        let mut view = self.view().await?;
        let place = SingleNodeRoutingInfo::ByAddress { host, port };
        self.note(view.route_pipeline(asking, 1, pipeline.len(), place).await)
    }

    /// The view that stands; the first one is waited for.
    async fn view(&self) -> RedisResult<ClusterConnection> {
        if let Some(view) = &*self.0.view.borrow() {
            return Ok(view.clone());
        }
        self.renew();
        let mut views = self.0.view.subscribe();
        match timeout(CONNECTION_MAX_WAIT, views.wait_for(Option::is_some)).await {
            Ok(Ok(view)) => Ok(view.clone().expect("it is there")),
            _ => Err((ErrorKind::Io, "no node of the cluster could be connected to within 500 ms").into()),
        }
    }

    fn note<T>(&self, result: RedisResult<T>) -> RedisResult<T> {
        if let Err(error) = &result
            && is_doubtful(error)
        {
            self.renew();
        }
        result
    }

    /// Makes a new view, unless one is being made.
    fn renew(&self) {
        let cluster = self.clone();
        if cluster.0.is_renewing.swap(true, Ordering::AcqRel) {
            return;
        }
        tokio::spawn(async move {
            match timeout(VIEW_MAX_WAIT, cluster.0.client.get_async_connection()).await {
                Ok(Ok(view)) => drop(cluster.0.view.send_replace(Some(view))),
                Ok(Err(error)) => tracing::debug!(error = describe(&error), "no new view of the cluster"),
                Err(_) => tracing::debug!("no new view of the cluster in time"),
            }
            let jitter = f64::from(Uuid::new_v4().as_bytes()[0]) / 256.0;
            sleep(VIEW_PAUSE.mul_f64(1.0 + jitter)).await;
            cluster.0.is_renewing.store(false, Ordering::Release);
        });
    }
}

fn is_ask(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::Ask)
}
