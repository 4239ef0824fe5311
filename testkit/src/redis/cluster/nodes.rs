//! The initial `nodes.conf` of a cluster.
//!
//! `redis-cli --cluster create` waits until the nodes have discovered each other, which takes some seconds. Here each node
//! starts with the file in which it would keep this knowledge over a restart.

use super::view::SLOTS;

pub(super) const PRIMARIES: usize = 3;

/// Returns the file of a node. An address consists of the port and the bus port.
pub(super) fn file(ids: &[String], addresses: &[(u16, u16)], myself: usize) -> String {
    let mut lines = String::new();
    for (index, (id, (port, bus))) in ids.iter().zip(addresses).enumerate() {
        let me = if index == myself { "myself," } else { "" };
        lines += &format!("{id} 127.0.0.1:{port}@{bus} {me}");
        // After the role: primary, last ping, last pong, epoch, link state, slots.
        lines += &match index.checked_sub(PRIMARIES) {
            None => {
                let (first, last) = slots(index);
                format!("master - 0 1 {} connected {first}-{last}\n", index + 1)
            }
            Some(primary) => format!("slave {} 0 1 {} connected\n", ids[primary], primary + 1),
        };
    }
    lines + &format!("vars currentEpoch {PRIMARIES} lastVoteEpoch 0\n")
}

/// Returns the first and the last slot of a primary.
fn slots(primary: usize) -> (usize, usize) {
    let first = |primary| usize::from(SLOTS) * primary / PRIMARIES;
    (first(primary), first(primary + 1) - 1)
}
