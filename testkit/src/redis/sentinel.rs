//! A primary with two replicas, and three Sentinels that can replace it.

use super::{
    RedisServer,
    connection::Value,
    server::start_together,
    wait::{ensure, until},
};
use crate::ports::{Port, random};
use std::time::{Duration, Instant};

const NAME: &str = "nono";
const SENTINELS: usize = 3;
const QUORUM: usize = 2;
const SERVERS: usize = 3;
/// Timeout for a reply. A slower server counts as paused.
const REPLY_TIMEOUT: Duration = Duration::from_millis(500);
#[rustfmt::skip]
const OPTIONS: [&str; 10] = [
    "--save", "", "--appendonly", "yes", "--appendfsync", "always",
    "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1",
];

/// A primary, its two replicas and three Sentinels with a quorum of two.
pub struct SentinelSet {
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
}

impl SentinelSet {
    /// Starts all servers and waits until they are healthy: see [`SentinelSet::await_settled`].
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts all servers, with further options for the primary and its replicas.
    pub fn start_with(options: &[&str]) -> Self {
        Self::form(options, &[])
    }

    /// Starts all servers, with a password for the primary and its replicas and another one for the Sentinels.
    pub fn start_with_password(password: &str, sentinel_password: &str) -> Self {
        let options = ["--requirepass", password, "--masterauth", password];
        Self::form(&options, &["--requirepass", sentinel_password])
    }

    fn form(options: &[&str], sentinel_options: &[&str]) -> Self {
        let options = [&OPTIONS, options].concat();
        let mut servers: Vec<_> = (0..SERVERS).map(|_| RedisServer::new(Port::claim(), &options)).collect();
        let replica_of = format!("replicaof 127.0.0.1 {}\n", servers[0].port());
        for replica in &servers[1..] {
            replica.write("redis.conf", &replica_of);
        }
        // The order avoids delays: a replica that cannot reach its primary waits a second, and a Sentinel that finds a
        // primary without replicas, or a replica without a primary, waits ten.
        let (primary, replicas) = servers.split_at_mut(1);
        start_together(primary);
        start_together(replicas);
        servers[0].await_replica(SERVERS - 1);
        let mut set = Self { sentinels: sentinels(&servers, sentinel_options), servers };
        start_together(&mut set.sentinels);
        until("every Sentinel has checked every replica", || {
            let links = [("flags", "slave"), ("master-link-status", "ok")];
            set.sentinels
                .iter()
                .try_for_each(|sentinel| all_have(listed(sentinel, "REPLICAS")?, SERVERS - 1, &links))
        });
        set.await_settled();
        set
    }

    /// Returns the address for `--store`, without passwords.
    pub fn url(&self) -> String {
        let addresses: Vec<_> =
            self.sentinel_ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/{NAME}", addresses.join(","))
    }

    /// Returns the ports of the Sentinels.
    pub fn sentinel_ports(&self) -> Vec<u16> {
        self.sentinels.iter().map(RedisServer::port).collect()
    }

    /// Returns the index of the primary according to the majority of the Sentinels.
    pub fn primary(&self) -> usize {
        until("a majority of the Sentinels report the same primary", || self.named())
    }

    /// Returns one of the three servers. The first one is the initial primary.
    pub fn server(&self, index: usize) -> &RedisServer {
        &self.servers[index]
    }

    /// Kills a server with SIGKILL.
    pub fn kill(&mut self, index: usize) {
        self.servers[index].kill();
    }

    /// Restarts a server in its former role, until the Sentinels reconfigure it: a replaced primary accepts writes, which
    /// are lost, for about ten seconds. See [`SentinelSet::follow`].
    pub fn restart(&mut self, index: usize) {
        self.servers[index].restart();
    }

    /// Makes a server a replica of the primary at once, as the Sentinels would do later.
    pub fn follow(&self, index: usize) {
        let port = self.servers[self.primary()].port().to_string();
        self.servers[index].ask(&["REPLICAOF", "127.0.0.1", &port]);
        self.servers[index].ask(&["CONFIG", "REWRITE"]);
    }

    /// Pauses a server with SIGSTOP: connections stay open without replies.
    pub fn freeze(&self, index: usize) {
        self.servers[index].freeze();
    }

    /// Resumes a paused server.
    pub fn thaw(&self, index: usize) {
        self.servers[index].thaw();
    }

    /// Returns one of the three Sentinels, in the order of the URL.
    pub fn sentinel(&self, index: usize) -> &RedisServer {
        &self.sentinels[index]
    }

    /// Kills a Sentinel with SIGKILL.
    pub fn kill_sentinel(&mut self, index: usize) {
        self.sentinels[index].kill();
    }

    /// Restarts a Sentinel.
    pub fn restart_sentinel(&mut self, index: usize) {
        self.sentinels[index].restart();
    }

    /// Waits until a majority of the Sentinels report another primary than `from`, and it has that role. Returns the time
    /// it took.
    pub fn await_failover(&self, from: usize) -> Duration {
        let started = Instant::now();
        until("another server is the primary", || {
            let named = self.named()?;
            ensure(named != from, || "the old primary is still reported".to_owned())?;
            let role = self.servers[named].ask_all(&[&["ROLE"]], REPLY_TIMEOUT)?.remove(0).value.list()?;
            let role = role.into_iter().next().ok_or("no role")?.text()?;
            ensure(role == "master", || format!("server {named} is a {role}"))
        });
        started.elapsed()
    }

    /// Lets the Sentinels replace a healthy primary, and waits like [`SentinelSet::await_failover`].
    pub fn failover(&self) -> Duration {
        let from = self.primary();
        until("a Sentinel starts a failover", || {
            let sentinel = self.sentinels.iter().find(|sentinel| sentinel.is_running()).ok_or("none runs")?;
            let words = ["SENTINEL", "FAILOVER", NAME];
            sentinel.ask_all(&[&words], REPLY_TIMEOUT)?.remove(0).value.text()
        });
        self.await_failover(from)
    }

    /// Waits until all Sentinels and servers are running and agree about each other, and every replica has all data of its
    /// primary.
    pub fn await_settled(&self) {
        until("the Sentinels and the servers agree", || {
            let primary = self.named()?;
            self.sentinels.iter().try_for_each(|sentinel| self.is_settled(sentinel, primary))
        });
        self.servers[self.primary()].await_replica(SERVERS - 1);
    }

    fn is_settled(&self, sentinel: &RedisServer, primary: usize) -> Result<(), String> {
        let port = self.servers[primary].port().to_string();
        all_have(listed(sentinel, "MASTERS")?, 1, &[("flags", "master"), ("port", &port)])?;
        all_have(listed(sentinel, "REPLICAS")?, SERVERS - 1, &[("flags", "slave")])?;
        all_have(listed(sentinel, "SENTINELS")?, SENTINELS - 1, &[("flags", "sentinel")])
    }

    fn named(&self) -> Result<usize, String> {
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
        let named: Vec<_> = self
            .sentinels
            .iter()
            .filter_map(|sentinel| {
                let reply = sentinel.ask_all(&[&words], REPLY_TIMEOUT).ok()?.remove(0);
                reply.value.texts().ok()?.pop()
            })
            .collect();
        let votes = |server: &RedisServer| {
            let port = server.port().to_string();
            named.iter().filter(|named| **named == port).count()
        };
        let most = self.servers.iter().position(|server| votes(server) >= QUORUM);
        most.ok_or_else(|| format!("they report {named:?}"))
    }
}

/// Creates Sentinels that know each other and the servers. Discovery would take them some seconds.
fn sentinels(servers: &[RedisServer], options: &[&str]) -> Vec<RedisServer> {
    let options = [options, &["--sentinel"]].concat();
    let sentinels: Vec<_> = (0..SENTINELS).map(|_| RedisServer::new(Port::claim(), &options)).collect();
    let ids: Vec<_> = (0..SENTINELS).map(|_| format!("{:040x}", random())).collect();
    for (index, sentinel) in sentinels.iter().enumerate() {
        let mut lines = format!("sentinel myid {}\n", ids[index]);
        lines += &format!("sentinel monitor {NAME} 127.0.0.1 {} {QUORUM}\n", servers[0].port());
        lines += &format!("sentinel down-after-milliseconds {NAME} 500\n");
        lines += &format!("sentinel failover-timeout {NAME} 3000\n");
        lines += &format!("sentinel parallel-syncs {NAME} 2\n");
        if let Some(password) = servers[0].password() {
            lines += &format!("sentinel auth-pass {NAME} {password}\n");
        }
        for replica in &servers[1..] {
            lines += &format!("sentinel known-replica {NAME} 127.0.0.1 {}\n", replica.port());
        }
        for other in (0..SENTINELS).filter(|other| *other != index) {
            let port = sentinels[other].port();
            lines += &format!("sentinel known-sentinel {NAME} 127.0.0.1 {port} {}\n", ids[other]);
        }
        sentinel.write("redis.conf", &lines);
    }
    sentinels
}

/// Returns a Sentinel's list of primaries, replicas or Sentinels.
fn listed(sentinel: &RedisServer, what: &str) -> Result<Value, String> {
    let words = ["SENTINEL", what, NAME];
    // The list of primaries takes no name.
    let words = if what == "MASTERS" { &words[..2] } else { &words };
    Ok(sentinel.ask_all(&[words], REPLY_TIMEOUT)?.remove(0).value)
}

/// Returns an error unless a list has `count` entries, all with the given values.
fn all_have(list: Value, count: usize, wanted: &[(&str, &str)]) -> Result<(), String> {
    let list = list.list()?.into_iter().map(Value::texts).collect::<Result<Vec<_>, _>>()?;
    ensure(list.len() == count, || format!("there are {} of {count}: {list:?}", list.len()))?;
    let matches = |one: &[String], name, wanted: &str| {
        // A Sentinel reports for some seconds that another one could not reach the primary.
        value(one, name).map(|value| value.trim_end_matches(",master_down")) == Some(wanted)
    };
    let other = list.iter().find(|one| wanted.iter().any(|(name, wanted)| !matches(one, name, wanted)));
    other.map_or(Ok(()), |other| Err(format!("expected {wanted:?} in {other:?}")))
}

/// Returns the value that follows a name.
fn value<'a>(pairs: &'a [String], name: &str) -> Option<&'a str> {
    pairs.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str())
}
