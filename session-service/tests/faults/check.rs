//! Checks after a load: no acknowledged write is lost or duplicated, and every key expires.

use super::load::{Record, shared_sessions};
use crate::suite::harness::*;
use session_service::domain::HistoryRange;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::OpenOptions,
    io::Write,
    time::{Duration, Instant},
};
use testkit::RedisServer;

/// Maximum duration of a call during every fault.
pub const LONGEST_CALL: Duration = Duration::from_millis(1500);
/// File of the table rows.
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/faults.md");

/// Result of checking a load.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Kept {
    pub lost: usize,
    pub doubled: usize,
}

impl Record {
    /// Checks all acknowledged writes once the store is reachable again.
    pub async fn check(&self, store: &Store, servers: &[&RedisServer]) -> Kept {
        let mut kept = Kept::default();
        for session in shared_sessions() {
            self.check_session(store, &session, &mut kept).await;
        }
        let mut expected: BTreeSet<_> = shared_sessions().collect();
        expected.extend(self.own.iter().cloned());
        let page = store.list_first_page(1000).await;
        let listed: BTreeSet<_> = page.sessions.iter().map(|s| s.user_id.to_string()).collect();
        assert_eq!(listed, expected, "the list has what is live and nothing else");
        assert_eq!(page.total_count as usize, expected.len());
        no_ghosts(servers, &expected);
        kept
    }

    async fn check_session(&self, store: &Store, session: &str, kept: &mut Kept) {
        let mut messages = Vec::new();
        loop {
            let after = u32::try_from(messages.len()).unwrap();
            let page = store.read_history(session, page(HistoryRange::After(after), 1000)).await.unwrap();
            messages.extend(page.messages);
            if !page.has_more {
                assert_eq!(page.message_count as usize, messages.len());
                break;
            }
        }
        assert!((1..).zip(&messages).all(|(seq, message)| message.seq == seq), "seq is dense in {session}");
        let mut found: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for message in &messages {
            found.entry(message.content.as_str()).or_default().push(message.seq);
        }
        kept.doubled += found.values().filter(|seqs| seqs.len() > 1).count();
        let promised = self.promised.get(session).cloned().unwrap_or_default();
        kept.lost +=
            promised.iter().filter(|(text, seq)| found.get(text.as_str()) != Some(&vec![**seq])).count();
        let strangers =
            found.keys().filter(|text| !promised.contains_key(**text) && !self.unknown.contains(**text));
        assert_eq!(strangers.count(), 0, "every message was said by somebody");
    }

    /// Returns the time from `since` to the first successful call.
    pub fn first_success_after(&self, since: Instant) -> Duration {
        let first = self.successes.iter().filter(|success| **success >= since).min();
        first.expect("calls succeed again").duration_since(since)
    }

    /// Appends a row to the table of `make faults`.
    pub fn row(&self, fault: &str, kept: &Kept, recovery: Option<Duration>) {
        let millis = |duration: Duration| format!("{} ms", duration.as_millis());
        let row = format!(
            "| {fault} | {} | {} | {} | {} | {} | {} |\n",
            self.calls,
            self.acknowledged,
            kept.lost,
            kept.doubled,
            millis(self.longest),
            recovery.map_or("-".into(), millis),
        );
        let mut table = OpenOptions::new().create(true).append(true).open(TABLE).unwrap();
        table.write_all(row.as_bytes()).unwrap();
    }
}

/// Asserts that every key belongs to an expected session or to the owner's list, and expires.
fn no_ghosts(servers: &[&RedisServer], expected: &BTreeSet<String>) {
    for server in servers {
        for key in keys(server) {
            let tag = &key[key.find('{').unwrap() + 1..key.rfind('}').unwrap()];
            assert!(tag == ":" || expected.contains(tag), "{key} is a ghost");
            let ttl = server.ask(&["PTTL", &key]);
            assert!(!ttl.contains('-'), "{key} has no expiry: {ttl}");
        }
    }
}

/// Returns all keys.
pub fn keys(server: &RedisServer) -> Vec<String> {
    let mut keys: Vec<_> = server.ask(&["KEYS", "*"]).lines().skip(2).step_by(2).map(str::to_owned).collect();
    keys.sort_unstable();
    keys
}
