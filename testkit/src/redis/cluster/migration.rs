//! Migration of a slot from one primary to another, in steps, so that a test can stop in between.

use super::RedisCluster;
use crate::redis::connection::Value;
use std::time::Duration;

/// Timeout for moving keys, which takes longer than other commands.
const MIGRATE_TIMEOUT: Duration = Duration::from_secs(5);

impl RedisCluster {
    /// Starts the migration of a slot on both primaries. From now on the old one redirects with `ASK` for keys that it
    /// does not have.
    pub fn begin_migration(&self, slot: u16, from: usize, to: usize) {
        self.set_slot(to, slot, &["IMPORTING", &self.ids[from]]);
        self.set_slot(from, slot, &["MIGRATING", &self.ids[to]]);
    }

    /// Moves at most `count` keys of the slot and returns their number.
    pub fn migrate_keys(&self, slot: u16, from: usize, to: usize, count: usize) -> usize {
        let (slot, count) = (slot.to_string(), count.to_string());
        let keys = self.send(from, &["CLUSTER", "GETKEYSINSLOT", &slot, &count]).list();
        let keys = keys.expect("a node lists the keys of a slot");
        let keys: Vec<_> = keys.into_iter().map(|key| key.text().expect("a key is text")).collect();
        if keys.is_empty() {
            return 0;
        }
        let port = self.nodes[to].port().to_string();
        let mut words = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000"];
        if let Some(password) = self.nodes[to].password() {
            words.extend(["AUTH", password]);
        }
        words.push("KEYS");
        words.extend(keys.iter().map(String::as_str));
        let moved = self.send(from, &words).text();
        assert_eq!(moved.as_deref(), Ok("OK"), "the keys of slot {slot} can be moved");
        keys.len()
    }

    /// Assigns the slot to the new primary, which must have all keys, and then tells the others.
    pub fn end_migration(&self, slot: u16, to: usize) {
        let mut primaries = self.primaries();
        primaries.sort_by_key(|index| *index != to);
        for primary in primaries {
            self.set_slot(primary, slot, &["NODE", &self.ids[to]]);
        }
    }

    fn set_slot(&self, node: usize, slot: u16, how: &[&str]) {
        let slot = slot.to_string();
        let words = [&["CLUSTER", "SETSLOT", &slot], how].concat();
        assert_eq!(self.send(node, &words).text().as_deref(), Ok("OK"), "node {node} accepts {words:?}");
    }

    fn send(&self, node: usize, words: &[&str]) -> Value {
        let replies = self.nodes[node].ask_all(&[words], MIGRATE_TIMEOUT);
        replies.unwrap_or_else(|reason| panic!("{words:?} failed on node {node}: {reason}")).remove(0).value
    }
}
