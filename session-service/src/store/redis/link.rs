//! One way to ask Redis, whatever it is: what is repeated, what is waited for, and what an error means.

use super::{
    address::Topology,
    cluster::Cluster,
    pool::Pool,
    reply::read,
    scripts::Invocation,
    verdict::{classify, is_unknown_script, is_wrong_type, was_cut, was_not_taken},
};
use crate::store::StoreError;
use bb8_redis::redis::{Cmd, Pipeline, RedisResult, TlsCertificates, Value, cmd};
use futures_util::future::try_join_all;
use std::time::Duration;
use tokio::time::sleep;

/// How long a write waits for replicas to have it.
const REPLICAS_MAX_WAIT: Duration = Duration::from_millis(600);
/// The pause before a request goes to another server than the one that would not take it.
const REDIRECT_PAUSE: Duration = Duration::from_millis(25);

/// Whether a request may be sent again when the connection was cut and nobody knows whether it arrived.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    Safe,
    Unsafe,
}

/// The way to Redis.
pub(super) struct Link {
    servers: Servers,
    /// For writes that wait for replicas: a connection does nothing else meanwhile, and reads must not wait behind it.
    waiting: Option<Servers>,
    /// How many replicas must have a write before it is acknowledged.
    replicas: u8,
}

enum Servers {
    /// One at a time: all keys are in one place.
    One { pool: Pool, may_change: bool },
    /// Many, each with a part of the keys.
    Many(Cluster),
}

impl Servers {
    fn new(
        topology: Topology,
        certificates: Option<TlsCertificates>,
        writes_wait: bool,
    ) -> RedisResult<Self> {
        Ok(match topology {
            Topology::Standalone(server) => {
                Self::One { pool: Pool::of_server(server, writes_wait)?, may_change: false }
            }
            Topology::Sentinel(watched) => {
                Self::One { pool: Pool::of_watched(watched, writes_wait), may_change: true }
            }
            Topology::Cluster(nodes) => Self::Many(Cluster::new(nodes, certificates)?),
        })
    }

    async fn pipe(&self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        match self {
            Self::One { pool, .. } => pool.connection().await?.pipe(pipeline).await,
            Self::Many(cluster) => Box::pin(cluster.pipe(pipeline)).await,
        }
    }
}

/// What is sent at once.
enum Request<'a> {
    Command(&'a Cmd),
    CommandAt(&'a str, &'a Cmd),
    Commands(&'a Pipeline),
    Script(&'a Invocation),
    Write(&'a Invocation),
}

impl Link {
    /// A way that begins to connect at once and does not wait for it.
    pub(super) fn new(
        topology: Topology,
        certificates: Option<TlsCertificates>,
        replicas: u8,
    ) -> RedisResult<Self> {
        let servers = Servers::new(topology.clone(), certificates.clone(), false)?;
        let waiting = (replicas > 0).then(|| Servers::new(topology, certificates, true)).transpose()?;
        Ok(Self { servers, waiting, replicas })
    }

    /// Whether keys that do not share a hash tag may be in different places.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.servers, Servers::Many(_))
    }

    /// The answer to a command, which goes where its first key is.
    pub(super) async fn ask(&self, command: &Cmd, repeat: Repeat) -> Result<Value, StoreError> {
        self.insist(Request::Command(command), repeat).await.map(first)
    }

    /// The answer to a command that the server with the key `key` is asked.
    pub(super) async fn ask_at(&self, key: &str, command: &Cmd) -> Result<Value, StoreError> {
        self.insist(Request::CommandAt(key, command), Repeat::Safe).await.map(first)
    }

    /// The answer of every server that holds keys, with what to call it. Not repeated.
    pub(super) async fn ask_each(&self, command: &Cmd) -> Result<Vec<(String, Value)>, StoreError> {
        match &self.servers {
            Servers::One { .. } => {
                Ok(vec![("the server".into(), self.command(command).await.map_err(classify)?)])
            }
            Servers::Many(cluster) => cluster.ask_each(command).await.map_err(classify),
        }
    }

    /// Keys of a pattern, at most `limit` of each server, and whether these are all.
    pub(super) async fn scan(&self, pattern: &str, limit: usize) -> Result<(Vec<Vec<u8>>, bool), StoreError> {
        let nodes = match &self.servers {
            Servers::One { .. } => vec![None],
            Servers::Many(_) => {
                self.ask_each(&cmd("TIME")).await?.into_iter().map(|(node, _)| Some(node)).collect()
            }
        };
        let (mut keys, mut is_all) = (Vec::new(), true);
        for node in nodes {
            let (mut cursor, mut found) = (0_u64, Vec::new());
            loop {
                let mut scan = cmd("SCAN");
                scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(1000);
                let answer = match (&self.servers, &node) {
                    (Servers::Many(cluster), Some(node)) => cluster.ask_node(node, &scan).await,
                    _ => self.command(&scan).await,
                };
                let (next, page): (u64, Vec<Vec<u8>>) = read(answer.map_err(classify)?)?;
                found.extend(page);
                cursor = next;
                if cursor == 0 || found.len() >= limit {
                    break;
                }
            }
            is_all &= cursor == 0 && found.len() <= limit;
            found.truncate(limit);
            keys.extend(found);
        }
        Ok((keys, is_all))
    }

    /// Returns the reply to each of these reads, in one round trip where all keys are on one server. The reply about a
    /// key of the wrong type is an error of its own.
    pub(super) async fn ask_all(
        &self,
        commands: Vec<Cmd>,
    ) -> Result<Vec<Result<Value, StoreError>>, StoreError> {
        if self.is_cluster() {
            return try_join_all(commands.iter().map(|command| self.ask_one(command))).await;
        }
        let mut pipeline = Pipeline::with_capacity(commands.len());
        for command in commands {
            pipeline.add_command(command);
        }
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.insist(Request::Commands(&pipeline), Repeat::Safe).await?;
        Ok(answers.into_iter().map(|answer| not_an_error(answer).map_err(classify)).collect())
    }

    async fn ask_one(&self, command: &Cmd) -> Result<Result<Value, StoreError>, StoreError> {
        match self.attempt(Request::Command(command), Repeat::Safe).await {
            Err(error) if is_wrong_type(&error) => Ok(Err(classify(error))),
            answers => answers.map(|answers| Ok(first(answers))).map_err(classify),
        }
    }

    /// The answer of a script that only reads, or whose change nobody waits for.
    pub(super) async fn read(&self, invocation: &Invocation, repeat: Repeat) -> Result<Value, StoreError> {
        self.insist(Request::Script(invocation), repeat).await.map(first)
    }

    /// The answer of a script that changes something, once as many replicas as are wanted have the change.
    pub(super) async fn write(&self, invocation: &Invocation, repeat: Repeat) -> Result<Value, StoreError> {
        if self.replicas == 0 {
            return self.read(invocation, repeat).await;
        }
        let mut answers = self.insist(Request::Write(invocation), repeat).await?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);
        let (answer, replicas) = (next(), read::<u8>(next())?);
        if replicas < self.replicas {
            let wanted = self.replicas;
            let cause =
                format!("{replicas} of {wanted} replicas had the change within {REPLICAS_MAX_WAIT:?}");
            return Err(StoreError::Unavailable(cause.into()));
        }
        Ok(answer)
    }

    async fn insist(&self, request: Request<'_>, repeat: Repeat) -> Result<Vec<Value>, StoreError> {
        self.attempt(request, repeat).await.map_err(classify)
    }

    /// Sends a request, and again where that can help and does no harm. The caller bounds the time.
    async fn attempt(&self, request: Request<'_>, repeat: Repeat) -> RedisResult<Vec<Value>> {
        let mut was_repeated = false;
        loop {
            match self.once(&request).await {
                Err(error) if self.others_may_take_it() && was_not_taken(&error) => {
                    sleep(REDIRECT_PAUSE).await;
                }
                Err(error) if repeat == Repeat::Safe && !was_repeated && was_cut(&error) => {
                    was_repeated = true;
                }
                result => return result,
            }
        }
    }

    /// What few calls do is boxed: every call would carry the room for it about.
    async fn once(&self, request: &Request<'_>) -> RedisResult<Vec<Value>> {
        match request {
            Request::Command(command) => self.command(command).await.map(|answer| vec![answer]),
            Request::CommandAt(key, command) => match &self.servers {
                Servers::One { .. } => self.command(command).await.map(|answer| vec![answer]),
                Servers::Many(cluster) => {
                    Box::pin(cluster.ask_at(key, command)).await.map(|answer| vec![answer])
                }
            },
            Request::Commands(pipeline) => {
                self.servers.pipe(pipeline).await?.into_iter().map(unless_wrong_type).collect()
            }
            Request::Script(invocation) => match self.command(invocation.by_hash()).await {
                Err(error) if is_unknown_script(&error) => {
                    Box::pin(self.command(&invocation.by_text())).await
                }
                result => result,
            }
            .map(|answer| vec![answer]),
            Request::Write(invocation) => match Box::pin(self.change(invocation.by_hash())).await {
                Err(error) if is_unknown_script(&error) => Box::pin(self.change(&invocation.by_text())).await,
                result => result,
            },
        }
    }

    /// Sends a change and waits for replicas: the answer and how many have it.
    async fn change(&self, command: &Cmd) -> RedisResult<Vec<Value>> {
        let mut wait = cmd("WAIT");
        wait.arg(self.replicas).arg(u64::try_from(REPLICAS_MAX_WAIT.as_millis()).unwrap_or(u64::MAX));
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.add_command(command.clone()).add_command(wait);
        let answers = self.waiting.as_ref().unwrap_or(&self.servers).pipe(&pipeline).await?;
        answers.into_iter().map(Value::extract_error).collect()
    }

    async fn command(&self, command: &Cmd) -> RedisResult<Value> {
        match &self.servers {
            Servers::One { pool, .. } => pool.connection().await?.ask(command).await,
            Servers::Many(cluster) => Box::pin(cluster.ask(command)).await,
        }
    }

    /// Whether another server may do what this one would not.
    fn others_may_take_it(&self) -> bool {
        match &self.servers {
            Servers::One { may_change, .. } => *may_change,
            Servers::Many(_) => true,
        }
    }
}

/// Returns the reply to one command of several. An error about the type of its key stays in it, for it says nothing about
/// the others; any other error fails them all.
fn unless_wrong_type(answer: Value) -> RedisResult<Value> {
    if !matches!(answer, Value::ServerError(_)) {
        return Ok(answer);
    }
    match answer.clone().extract_error() {
        Err(error) if !is_wrong_type(&error) => Err(error),
        _ => Ok(answer),
    }
}

/// The answer, unless it is an error itself. The library's own way looks at every element of an array.
fn not_an_error(answer: Value) -> RedisResult<Value> {
    if matches!(answer, Value::ServerError(_)) { answer.extract_error() } else { Ok(answer) }
}

fn first(answers: Vec<Value>) -> Value {
    answers.into_iter().next().unwrap_or(Value::Nil)
}
