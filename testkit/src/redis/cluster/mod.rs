//! A cluster of three primaries with one replica each.

mod migration;
mod nodes;
mod view;

use super::{
    RedisServer,
    certificates::{Certificates, ClientCertificates},
    server::start_together,
    wait::{ensure, until},
};
use crate::ports::{Port, random};
use nodes::PRIMARIES;
use std::{
    thread,
    time::{Duration, Instant},
};
use view::{RESPONSE_TIMEOUT, View};

const NODES: usize = 2 * PRIMARIES;
/// Time after which a failover that was not granted has been given up.
const FAILOVER_TIMEOUT: Duration = Duration::from_secs(6);
#[rustfmt::skip]
const OPTIONS: [&str; 16] = [
    "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0",
    "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no",
    "--cluster-replica-validity-factor", "0",
];

/// A cluster of six nodes. Initially 0, 1 and 2 are primaries, and 3, 4 and 5 their replicas.
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
    ids: Vec<String>,
    is_secure: bool,
}

impl RedisCluster {
    /// Starts a cluster and waits until it is healthy: see [`RedisCluster::await_settled`].
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a cluster with further options for each node.
    pub fn start_with(options: &[&str]) -> Self {
        let options = [&OPTIONS, options].concat();
        Self::form(|port| RedisServer::new(port, &options))
    }

    /// Starts a cluster that uses only TLS, also between the nodes. Clients need no certificate, but one that they send
    /// must be valid.
    pub fn start_tls(certificates: &Certificates) -> Self {
        let options = [&OPTIONS[..], &["--tls-cluster", "yes", "--tls-replication", "yes"]].concat();
        let clients = ClientCertificates::Optional;
        Self::form(|port| RedisServer::new_tls(port, certificates, clients, &options))
    }

    fn form(new: impl Fn(Port) -> RedisServer) -> Self {
        let ports: Vec<_> = (0..NODES).map(|_| Port::claim_with_bus()).collect();
        let addresses: Vec<_> = ports.iter().map(|port| (port.number(), port.bus())).collect();
        let ids: Vec<_> = (0..NODES).map(|_| format!("{:040x}", random())).collect();
        let mut nodes: Vec<_> = ports.into_iter().map(new).collect();
        for (index, node) in nodes.iter().enumerate() {
            node.write("nodes.conf", &nodes::file(&ids, &addresses, index));
        }
        start_together(&mut nodes);
        let is_secure = nodes[0].url().starts_with("rediss:");
        let cluster = Self { nodes, ids, is_secure };
        cluster.await_settled();
        cluster
    }

    /// Returns the address for `--store`, without a password.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        let scheme = if self.is_secure { "rediss+cluster" } else { "redis+cluster" };
        format!("{scheme}://{}", addresses.join(","))
    }

    /// Returns one of the six nodes.
    pub fn node(&self, index: usize) -> &RedisServer {
        &self.nodes[index]
    }

    /// Kills a node with SIGKILL.
    pub fn kill(&mut self, index: usize) {
        self.nodes[index].kill();
    }

    /// Restarts a node. A primary that was replaced becomes a replica.
    pub fn restart(&mut self, index: usize) {
        self.nodes[index].restart();
    }

    /// Pauses a node with SIGSTOP: connections stay open without replies.
    pub fn freeze(&self, index: usize) {
        self.nodes[index].freeze();
    }

    /// Resumes a paused node.
    pub fn thaw(&self, index: usize) {
        self.nodes[index].thaw();
    }

    /// Returns the number of processed commands, including this one and those of other nodes.
    pub fn commands_processed(&self, index: usize) -> u64 {
        self.nodes[index].commands_processed()
    }

    /// Returns the slot of a key.
    pub fn slot(&self, key: &str) -> u16 {
        let words = ["CLUSTER", "KEYSLOT", key];
        let ask = |node: &RedisServer| node.ask_all(&[&words], RESPONSE_TIMEOUT)?.remove(0).value.text();
        let slot = self.nodes.iter().find_map(|node| ask(node).ok());
        slot.and_then(|slot| slot.parse().ok()).expect("a node responds")
    }

    /// Returns the primary of a key's slot, whether it is running or not.
    pub fn primary_of(&self, key: &str) -> usize {
        let slot = self.slot(key);
        self.owner(&self.views(), slot).expect("a node knows the owner of the slot")
    }

    /// Returns a running replica of a primary.
    pub fn replica_of(&self, index: usize) -> usize {
        let views = self.views();
        let is_replica = |view: &View| view.myself().primary.as_ref() == Some(&self.ids[index]);
        let replica = views.iter().position(|view| view.as_ref().is_ok_and(is_replica));
        replica.unwrap_or_else(|| panic!("node {index} has no running replica"))
    }

    /// Returns the nodes that own slots, whether they are running or not.
    pub fn primaries(&self) -> Vec<usize> {
        let views = self.views();
        let owners = |index: &usize| (0..view::SLOTS).any(|slot| self.owner(&views, slot) == Some(*index));
        (0..NODES).filter(owners).collect()
    }

    /// Returns all keys of all primaries, sorted.
    pub fn keys(&self) -> Vec<String> {
        let keys = |index: usize| {
            let reply = self.nodes[index].ask_all(&[&["KEYS", "*"]], RESPONSE_TIMEOUT)?.remove(0);
            reply.value.texts()
        };
        let keys = |index| keys(index).unwrap_or_else(|reason| panic!("node {index} has no keys: {reason}"));
        let mut all: Vec<_> = self.primaries().into_iter().flat_map(keys).collect();
        all.sort_unstable();
        all
    }

    /// Promotes a replica of a healthy primary, and waits until every node knows.
    pub fn failover(&self, from: usize) -> Duration {
        let started = Instant::now();
        let replica = self.replica_of(from);
        let mut requested = None;
        until("the replica is promoted", || {
            // The others vote once per shard in two timeouts, and a failover without a majority is given up after 5 s.
            if requested.is_none_or(|at: Instant| at.elapsed() > FAILOVER_TIMEOUT) {
                self.nodes[replica].ask(&["CLUSTER", "FAILOVER"]);
                requested = Some(Instant::now());
            }
            let views = self.views();
            let is_primary = views[replica].as_ref().is_ok_and(|view| view.myself().primary.is_none());
            ensure(is_primary, || "it is still a replica".to_owned())?;
            self.agree(&views)
        });
        started.elapsed()
    }

    /// Waits until another node than `from` owns the slot of a key, and every running node agrees and reports a working
    /// cluster. Returns the time it took.
    pub fn await_failover(&self, key: &str, from: usize) -> Duration {
        let (started, slot) = (Instant::now(), self.slot(key));
        until(&format!("another node has the slot {slot}"), || {
            let views = self.views();
            let owner = self.owner(&views, slot);
            ensure(owner != Some(from), || format!("node {from} still owns it"))?;
            self.agree(&views)
        });
        started.elapsed()
    }

    /// Waits until all six nodes are running and agree about each other and the slots, and every replica has all data of
    /// its primary.
    pub fn await_settled(&self) {
        until("all nodes agree", || {
            let views = self.views();
            for view in &views {
                view.as_ref().map_err(String::clone)?.check_healthy(NODES)?;
            }
            self.agree(&views)
        });
        for primary in self.primaries() {
            self.nodes[primary].await_replica(1);
        }
    }

    /// Returns each node's view of the cluster, or an error. Nodes are queried concurrently, because one may be paused.
    fn views(&self) -> Vec<Result<View, String>> {
        thread::scope(|scope| {
            let views: Vec<_> = self.nodes.iter().map(|node| scope.spawn(|| View::of(node))).collect();
            views.into_iter().map(|view| view.join().expect("the thread does not panic")).collect()
        })
    }

    /// Returns the owner of a slot according to the highest epoch.
    fn owner(&self, views: &[Result<View, String>], slot: u16) -> Option<usize> {
        let owners = views.iter().flatten().filter_map(|view| view.owner(slot));
        let latest = owners.max_by_key(|owner| owner.epoch)?;
        self.ids.iter().position(|id| *id == latest.id)
    }

    /// Returns an error unless all responding nodes report a working cluster and the same owners of the slots.
    fn agree(&self, views: &[Result<View, String>]) -> Result<(), String> {
        let views: Vec<_> = views.iter().flatten().collect();
        ensure(views.iter().all(|view| view.is_ok), || "the cluster does not work".to_owned())?;
        let owners =
            |view: &View| (0..view::SLOTS).map(|slot| view.owner(slot).map(|node| node.id.clone())).collect();
        let owners: Vec<Vec<_>> = views.into_iter().map(owners).collect();
        let all_the_same = owners.windows(2).all(|pair| pair[0] == pair[1]);
        ensure(!owners.is_empty() && all_the_same, || {
            "the nodes disagree about the owners of the slots".to_owned()
        })
    }
}
