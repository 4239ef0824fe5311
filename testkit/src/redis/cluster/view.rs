//! What one node thinks of its cluster.

use crate::redis::{
    RedisServer,
    connection::{Answer, field},
    wait::ensure,
};
use std::{ops::RangeInclusive, time::Duration};

/// Timeout after which a node counts as frozen.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);
/// How many slots a cluster has.
pub(super) const SLOTS: u16 = 16_384;

/// The opinion of a node.
pub(super) struct View {
    /// Whether the cluster works.
    pub(super) is_ok: bool,
    /// Whether it is a primary, or has a link to its own.
    has_link: bool,
    nodes: Vec<Node>,
}

/// A node as another one sees it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: String,
    /// The id of the primary of a replica.
    pub(super) primary: Option<String>,
    /// Of several nodes that claim a slot, the one with the highest is right.
    pub(super) epoch: u64,
    flags: String,
    is_connected: bool,
    slots: Vec<RangeInclusive<u16>>,
}

impl View {
    /// Asks a node.
    pub(super) fn of(node: &RedisServer) -> Result<Self, String> {
        let commands: [&[&str]; 3] = [&["CLUSTER", "INFO"], &["CLUSTER", "NODES"], &["INFO", "replication"]];
        let answers = node.ask_all(&commands, RESPONSE_TIMEOUT)?;
        let [info, nodes, replication] =
            <[Answer; 3]>::try_from(answers).unwrap_or_else(|_| panic!("each command is answered"));
        let nodes = nodes.value.text()?;
        Ok(Self {
            is_ok: field(&info.value.text()?, "cluster_state") == Some("ok"),
            has_link: field(&replication.value.text()?, "master_link_status").is_none_or(|link| link == "up"),
            nodes: nodes.lines().map(|line| Node::parse(line).ok_or(line)).collect::<Result<_, _>>()?,
        })
    }

    /// The node itself.
    pub(super) fn myself(&self) -> &Node {
        self.nodes.iter().find(|node| node.is("myself")).expect("a node knows itself")
    }

    /// Whose a slot is.
    pub(super) fn owner(&self, slot: u16) -> Option<&Node> {
        self.nodes.iter().find(|node| node.slots.iter().any(|slots| slots.contains(&slot)))
    }

    /// The node knows so many, sees all of them, and has a link to its primary if it is a replica.
    pub(super) fn all_are_well(&self, count: usize) -> Result<(), String> {
        ensure(self.nodes.len() == count, || format!("one knows {} nodes", self.nodes.len()))?;
        ensure(self.has_link, || "a replica has no link to its primary".to_owned())?;
        let is_ill = |node: &&Node| !node.is_connected || node.flags.contains("fail");
        let ill = self.nodes.iter().find(is_ill);
        ill.map_or(Ok(()), |ill| Err(format!("one does not see {ill:?}")))
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
            // Slots in brackets are being moved, and are among the others of the one that still has them.
            slots: slots
                .iter()
                .filter(|slots| !slots.starts_with('['))
                .map(|slots| range(slots))
                .collect::<Option<_>>()?,
        })
    }

    fn is(&self, flag: &str) -> bool {
        self.flags.split(',').any(|of_mine| of_mine == flag)
    }
}

fn range(slots: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = slots.split_once('-').unwrap_or((slots, slots));
    Some(first.parse().ok()?..=last.parse().ok()?)
}
