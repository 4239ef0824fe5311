//! A node's view of its cluster.

use crate::redis::{
    RedisServer,
    connection::{Reply, field},
    wait::ensure,
};
use std::{ops::RangeInclusive, time::Duration};

/// Timeout after which a node counts as paused.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Number of slots of a cluster.
pub(super) const SLOTS: u16 = 16_384;

/// A node's view of the cluster.
pub(super) struct View {
    /// `true` if the node reports that the cluster works.
    pub(super) is_ok: bool,
    /// `true` for a primary, and for a replica with a link to its primary.
    has_link: bool,
    nodes: Vec<Node>,
}

/// A node as seen by another one.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: String,
    /// For a replica, the id of its primary.
    pub(super) primary: Option<String>,
    /// Of several nodes that claim a slot, the one with the highest epoch owns it.
    pub(super) epoch: u64,
    flags: String,
    is_connected: bool,
    slots: Vec<RangeInclusive<u16>>,
}

impl View {
    /// Reads the view of a node.
    pub(super) fn of(node: &RedisServer) -> Result<Self, String> {
        let commands: [&[&str]; 3] = [&["CLUSTER", "INFO"], &["CLUSTER", "NODES"], &["INFO", "replication"]];
        let replies = node.ask_all(&commands, RESPONSE_TIMEOUT)?;
        let [info, nodes, replication] =
            <[Reply; 3]>::try_from(replies).unwrap_or_else(|_| panic!("each command has a reply"));
        let nodes = nodes.value.text()?;
        Ok(Self {
            is_ok: field(&info.value.text()?, "cluster_state") == Some("ok"),
            has_link: field(&replication.value.text()?, "master_link_status").is_none_or(|link| link == "up"),
            nodes: nodes.lines().map(|line| Node::parse(line).ok_or(line)).collect::<Result<_, _>>()?,
        })
    }

    /// Returns the node itself.
    pub(super) fn myself(&self) -> &Node {
        self.nodes.iter().find(|node| node.is("myself")).expect("a node knows itself")
    }

    /// Returns the owner of a slot.
    pub(super) fn owner(&self, slot: u16) -> Option<&Node> {
        self.nodes.iter().find(|node| node.slots.iter().any(|slots| slots.contains(&slot)))
    }

    /// Returns an error unless the node knows `count` nodes, all are connected, and a replica has a link to its primary.
    pub(super) fn check_healthy(&self, count: usize) -> Result<(), String> {
        ensure(self.nodes.len() == count, || format!("a node knows {} nodes", self.nodes.len()))?;
        ensure(self.has_link, || "a replica has no link to its primary".to_owned())?;
        let is_unhealthy = |node: &&Node| !node.is_connected || node.flags.contains("fail");
        let unhealthy = self.nodes.iter().find(is_unhealthy);
        unhealthy.map_or(Ok(()), |node| Err(format!("unhealthy: {node:?}")))
    }
}

impl Node {
    /// Parses a line of CLUSTER NODES.
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split(' ').collect();
        let [id, _address, flags, primary, _ping, _pong, epoch, link, slots @ ..] = &*words else {
            return None;
        };
        Some(Self {
            id: (*id).to_owned(),
            primary: (*primary != "-").then(|| (*primary).to_owned()),
            epoch: epoch.parse().ok()?,
            flags: (*flags).to_owned(),
            is_connected: *link == "connected",
            // Slots in brackets are migrating. Their owner also lists them without brackets.
            slots: slots
                .iter()
                .filter(|slots| !slots.starts_with('['))
                .map(|slots| range(slots))
                .collect::<Option<_>>()?,
        })
    }

    fn is(&self, flag: &str) -> bool {
        self.flags.split(',').any(|other| other == flag)
    }
}

fn range(slots: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = slots.split_once('-').unwrap_or((slots, slots));
    Some(first.parse().ok()?..=last.parse().ok()?)
}
