//! What a node of a new cluster knows from the start.
//!
//! `redis-cli --cluster create` has nodes meet and waits until each has heard of every other one, which takes them some
//! seconds. These are born with the file in which a node keeps what it knows over a restart.

use super::{PRIMARIES, view::SLOTS};

/// The file of the node with this index. An address is a port and the one of the bus.
pub(super) fn file(ids: &[String], addresses: &[(u16, u16)], myself: usize) -> String {
    let mut lines = String::new();
    for (index, (id, (port, bus))) in ids.iter().zip(addresses).enumerate() {
        let me = if index == myself { "myself," } else { "" };
        lines += &format!("{id} 127.0.0.1:{port}@{bus} {me}");
        // After the role: the primary, the last ping, the last pong, the epoch, the state of the link, the slots.
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

/// The first and the last slot of a primary.
fn slots(primary: usize) -> (usize, usize) {
    let first = |primary| usize::from(SLOTS) * primary / PRIMARIES;
    (first(primary), first(primary + 1) - 1)
}
