//! A primary with two replicas, and three Sentinels that replace it.

use super::{
    RedisServer,
    connection::Value,
    ports::{Port, random},
    server::start_together,
    wait::{ensure, until},
};
use std::time::{Duration, Instant};

const NAME: &str = "nono";
const SENTINELS: usize = 3;
const QUORUM: usize = 2;
const SERVERS: usize = 3;
/// A server that takes longer is taken for one that is frozen.
const LONGEST_ANSWER: Duration = Duration::from_millis(500);
#[rustfmt::skip]
const OPTIONS: [&str; 10] = [
    "--save", "", "--appendonly", "yes", "--appendfsync", "always",
    "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1",
];

/// A primary, its two replicas and three Sentinels, any two of which decide.
pub struct SentinelSet {
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
}

impl SentinelSet {
    /// Starts them, and waits until all is well: see [`SentinelSet::await_settled`].
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with further options for the primary and its replicas.
    pub fn start_with(options: &[&str]) -> Self {
        Self::form(options, &[])
    }

    /// The same, with a password for the primary and its replicas and another one for the Sentinels.
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
        // A replica that does not find its primary waits for a second; a Sentinel that finds a primary without
        // replicas, or a replica without its primary, for ten.
        let (primary, replicas) = servers.split_at_mut(1);
        start_together(primary);
        start_together(replicas);
        servers[0].await_replica(SERVERS - 1);
        let mut set = Self { sentinels: sentinels(&servers, sentinel_options), servers };
        start_together(&mut set.sentinels);
        until("every Sentinel has asked every replica", || {
            let links = [("flags", "slave"), ("master-link-status", "ok")];
            set.sentinels
                .iter()
                .try_for_each(|sentinel| all_are(listed(sentinel, "REPLICAS")?, SERVERS - 1, &links))
        });
        set.await_settled();
        set
    }

    /// Their address for `--store`, without passwords.
    pub fn url(&self) -> String {
        let addresses: Vec<_> =
            self.sentinel_ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/{NAME}", addresses.join(","))
    }

    /// Where the Sentinels listen.
    pub fn sentinel_ports(&self) -> Vec<u16> {
        self.sentinels.iter().map(RedisServer::port).collect()
    }

    /// The index of the server that most of the Sentinels take for the primary.
    pub fn primary(&self) -> usize {
        until("most of the Sentinels name the same primary", || self.named())
    }

    /// One of the three servers. The first one is the primary at the start.
    pub fn server(&self, index: usize) -> &RedisServer {
        &self.servers[index]
    }

    /// Kills a server with SIGKILL.
    pub fn kill(&mut self, index: usize) {
        self.servers[index].kill();
    }

    /// Starts a server again. It is what it was when it was killed, until the Sentinels tell it otherwise: a primary
    /// that was replaced takes writes, which are lost, for some ten seconds. See [`SentinelSet::follow`].
    pub fn restart(&mut self, index: usize) {
        self.servers[index].restart();
    }

    /// Has a server become a replica of the primary now, as the Sentinels would have it do later.
    pub fn follow(&self, index: usize) {
        let port = self.servers[self.primary()].port().to_string();
        self.servers[index].ask(&["REPLICAOF", "127.0.0.1", &port]);
        self.servers[index].ask(&["CONFIG", "REWRITE"]);
    }

    /// Stops a server with SIGSTOP: its connections stay open and nothing answers.
    pub fn freeze(&self, index: usize) {
        self.servers[index].freeze();
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self, index: usize) {
        self.servers[index].thaw();
    }

    /// One of the three Sentinels, in the order of the URL.
    pub fn sentinel(&self, index: usize) -> &RedisServer {
        &self.sentinels[index]
    }

    /// Kills a Sentinel with SIGKILL.
    pub fn kill_sentinel(&mut self, index: usize) {
        self.sentinels[index].kill();
    }

    /// Starts a Sentinel again.
    pub fn restart_sentinel(&mut self, index: usize) {
        self.sentinels[index].restart();
    }

    /// Waits until most of the Sentinels name another primary than `from`, and that one is a primary. Answers for how
    /// long it waited.
    pub fn await_failover(&self, from: usize) -> Duration {
        let started = Instant::now();
        until("another primary is named, and is one", || {
            let named = self.named()?;
            ensure(named != from, || "it is still the old one".to_owned())?;
            let role = self.servers[named].ask_all(&[&["ROLE"]], LONGEST_ANSWER)?.remove(0).value.list()?;
            let role = role.into_iter().next().ok_or("no role")?.text()?;
            ensure(role == "master", || format!("server {named} is a {role}"))
        });
        started.elapsed()
    }

    /// Has the Sentinels replace a primary that is well, and waits as [`SentinelSet::await_failover`] does.
    pub fn failover(&self) -> Duration {
        let from = self.primary();
        until("a Sentinel begins to replace the primary", || {
            let sentinel = self.sentinels.iter().find(|sentinel| sentinel.is_running()).ok_or("none runs")?;
            let words = ["SENTINEL", "FAILOVER", NAME];
            sentinel.ask_all(&[&words], LONGEST_ANSWER)?.remove(0).value.text()
        });
        self.await_failover(from)
    }

    /// Waits until all three Sentinels and all three servers are there again, know each other, and agree, and every
    /// replica has all that its primary has.
    pub fn await_settled(&self) {
        until("the Sentinels and the servers agree", || {
            let primary = self.named()?;
            self.sentinels.iter().try_for_each(|sentinel| self.is_settled(sentinel, primary))
        });
        self.servers[self.primary()].await_replica(SERVERS - 1);
    }

    fn is_settled(&self, sentinel: &RedisServer, primary: usize) -> Result<(), String> {
        let port = self.servers[primary].port().to_string();
        all_are(listed(sentinel, "MASTERS")?, 1, &[("flags", "master"), ("port", &port)])?;
        all_are(listed(sentinel, "REPLICAS")?, SERVERS - 1, &[("flags", "slave")])?;
        all_are(listed(sentinel, "SENTINELS")?, SENTINELS - 1, &[("flags", "sentinel")])
    }

    fn named(&self) -> Result<usize, String> {
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
        let named: Vec<_> = self
            .sentinels
            .iter()
            .filter_map(|sentinel| {
                let answer = sentinel.ask_all(&[&words], LONGEST_ANSWER).ok()?.remove(0);
                answer.value.texts().ok()?.pop()
            })
            .collect();
        let votes = |server: &RedisServer| {
            let port = server.port().to_string();
            named.iter().filter(|named| **named == port).count()
        };
        let most = self.servers.iter().position(|server| votes(server) >= QUORUM);
        most.ok_or_else(|| format!("they name {named:?}"))
    }
}

/// Sentinels that know each other and the servers, which they would find out in some seconds.
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

/// What a Sentinel knows of these.
fn listed(sentinel: &RedisServer, what: &str) -> Result<Value, String> {
    let words = ["SENTINEL", what, NAME];
    // There is but one primary, and they have no names in that list.
    let words = if what == "MASTERS" { &words[..2] } else { &words };
    Ok(sentinel.ask_all(&[words], LONGEST_ANSWER)?.remove(0).value)
}

/// There are so many, and each has these values.
fn all_are(list: Value, count: usize, wanted: &[(&str, &str)]) -> Result<(), String> {
    let list = list.list()?.into_iter().map(Value::texts).collect::<Result<Vec<_>, _>>()?;
    ensure(list.len() == count, || format!("there are {} of {count}: {list:?}", list.len()))?;
    let is_so = |one: &[String], name, wanted: &str| {
        // For seconds after all is well a Sentinel remembers that another one has missed the primary.
        value(one, name).map(|value| value.trim_end_matches(",master_down")) == Some(wanted)
    };
    let wrong = list.iter().find(|one| wanted.iter().any(|(name, wanted)| !is_so(one, name, wanted)));
    wrong.map_or(Ok(()), |wrong| Err(format!("{wanted:?} is not so of {wrong:?}")))
}

/// The value that follows a name.
fn value<'a>(pairs: &'a [String], name: &str) -> Option<&'a str> {
    pairs.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str())
}
