//! Diagnosis of a store: reachability, settings, a smoke test of every call, and consistency.

use crate::{
    domain::{
        Batch, Content, FinishReason, HistoryPage, HistoryRange, IfExists, Metadata, NewMessage, NewReply,
        NewSession, Owner, PageSize, PersonaKey, RequestId, Role, UserId,
    },
    store::{
        ListPage, Policy, SessionStore, StoreError, TurnRequest, TurnToken, Unreachable,
        redis::{RedisSettings, RedisStore, ServerInfo},
    },
};
use std::{
    fmt::Write,
    time::{Duration, Instant, SystemTime},
};
use uuid::Uuid;

/// Timeout for reaching the store.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Interval between attempts to reach it.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);
/// Oldest supported version of Redis.
const MIN_VERSION: (u32, u32) = (6, 2);
/// Maximum difference between the clocks of the nodes.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(1);

/// Report of the doctor.
#[derive(Debug, Default)]
pub struct Report {
    /// Text of the report, one finding per line.
    pub text: String,
    /// Number of errors.
    pub errors: usize,
}

impl Report {
    fn ok(&mut self, finding: impl AsRef<str>) {
        self.line("ok     ", finding.as_ref());
    }

    fn warn(&mut self, finding: impl AsRef<str>) {
        self.line("warn   ", finding.as_ref());
    }

    fn error(&mut self, finding: impl AsRef<str>) {
        self.errors += 1;
        self.line("error  ", finding.as_ref());
    }

    fn line(&mut self, level: &str, finding: &str) {
        writeln!(self.text, "{level} {finding}").expect("writing to a string cannot fail");
    }
}

/// Checks the store of these settings. Without `repair` no data of a caller is changed: the smoke test uses a session of its
/// own, under an owner that no credential has.
pub async fn run(settings: &RedisSettings, policy: Policy, limit: usize, repair: bool) -> Report {
    let mut report = Report::default();
    let store = match RedisStore::new(settings, policy) {
        Ok(store) => store,
        Err(sentence) => {
            report.error(sentence);
            return report;
        }
    };
    if !connect(&store, &mut report).await {
        return report;
    }
    match store.servers().await {
        Ok(servers) => servers.iter().for_each(|server| check_server(server, &mut report)),
        Err(error) => report.warn(format!("the servers cannot be queried for their settings: {error}")),
    }
    check_clocks(&store, &mut report).await;
    match smoke_test(&store).await {
        Ok(()) => report.ok("all calls work: a test session was created, used and deleted"),
        Err((call, error)) => report.error(format!("{call} does not work: {error}")),
    }
    check_consistency(&store, limit, repair, &mut report).await;
    report
}

/// Returns `true` once the store is reachable, and `false` after the timeout.
async fn connect(store: &RedisStore, report: &mut Report) -> bool {
    let start = Instant::now();
    loop {
        let attempt = Instant::now();
        match store.time().await {
            Ok(_) => {
                let millis = attempt.elapsed().as_secs_f64() * 1000.0;
                report.ok(format!("the store is reachable; it responded in {millis:.1} ms"));
                return true;
            }
            Err(error) if start.elapsed() > CONNECT_TIMEOUT => {
                report.error(match error.unreachable() {
                    Some(Unreachable { reason, advice, .. }) => format!("{reason}: {advice}"),
                    None => error.to_string(),
                });
                return false;
            }
            Err(_) => tokio::time::sleep(RETRY_INTERVAL).await,
        }
    }
}

fn check_server(server: &ServerInfo, report: &mut Report) {
    let name = &server.name;
    let valkey = server.field("valkey_version");
    let version = valkey.or(server.field("redis_version")).unwrap_or("?");
    let software = if valkey.is_some() { "Valkey" } else { "Redis" };
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
    let parsed = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    if parsed < MIN_VERSION {
        report.error(format!("{name} is {software} {version}; the oldest supported version is 6.2"));
    } else {
        report.ok(format!("{name} is {software} {version}"));
    }
    let replicas = server.field("connected_slaves").unwrap_or("0");
    match server.field("role") {
        Some("master") if replicas == "0" => {
            report.warn(format!("{name} is a primary without replicas: data it loses cannot be recovered"));
        }
        Some("master") => report.ok(format!("{name} is a primary with {replicas} replicas")),
        Some(_) => report.error(format!("{name} is a replica, which rejects writes: use the primary")),
        None => report.warn(format!("{name} does not report whether it is a primary")),
    }
    let recommendations = server.recommendations();
    if recommendations.is_empty() {
        report.ok(format!("{name} has persistence and does not evict sessions"));
    }
    recommendations.into_iter().for_each(|sentence| report.warn(sentence));
}

async fn check_clocks(store: &RedisStore, report: &mut Report) {
    let times = match store.clocks().await {
        Ok(times) => times,
        Err(error) => return report.error(format!("the clocks cannot be read: {error}")),
    };
    let (earliest, latest) = (times.iter().min().copied(), times.iter().max().copied());
    let (Some(earliest), Some(latest)) = (earliest, latest) else { return };
    let skew = Duration::from_millis(latest.as_millis() - earliest.as_millis());
    if skew > MAX_CLOCK_SKEW {
        report.error(format!("the clocks of the nodes differ by {skew:?}: synchronize them with NTP"));
    }
    let local = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let offset = local.as_secs_f64() - Duration::from_millis(latest.as_millis()).as_secs_f64();
    report
        .ok(format!("the clock of this machine is {offset:+.1} s off the store's, which determines expiry"));
}

/// Runs every call on a test session. Returns the call that failed.
async fn smoke_test(store: &RedisStore) -> Result<(), (&'static str, StoreError)> {
    let owner = Owner::named(&format!("doctor-{}", Uuid::new_v4()));
    let user_id = UserId::try_from("doctor").expect("it is a valid user_id");
    let request = |id: &str| RequestId::try_from(id).expect("it is a valid request id");
    let (content, metadata) = (Content::stored("hello".into()), Metadata::default());
    let message = NewMessage { role: Role::User, content: content.clone(), metadata: metadata.clone() };
    let reply = NewReply { content, metadata, finish_reason: FinishReason::Stop };
    let session = NewSession {
        user_id: user_id.clone(),
        persona: PersonaKey::new("default"),
        metadata: Metadata::default(),
        if_exists: IfExists::Fail,
        request_id: None,
    };
    let batch = Batch::try_from(vec![message.clone()]).expect("it is a valid batch");
    let turn = TurnRequest {
        user_id: user_id.clone(),
        message,
        request_id: request("turn"),
        token: TurnToken(Uuid::new_v4().to_string()),
    };
    let lease = Duration::from_secs(1);
    let page = HistoryPage { range: HistoryRange::Latest, size: PageSize::default() };
    let calls = async {
        store.create(&owner, &session).await.map_err(|error| ("Create", error))?;
        store.get(&owner, &user_id).await.map_err(|error| ("Get", error))?;
        let appended = store.append(&owner, &user_id, &batch, Some(&request("append"))).await;
        appended.map_err(|error| ("Append", error))?;
        store.history(&owner, &user_id, page).await.map_err(|error| ("History", error))?;
        store.touch(&owner, &user_id).await.map_err(|error| ("Touch", error))?;
        store.list(&owner, &ListPage::default()).await.map_err(|error| ("List", error))?;
        store.begin_turn(&owner, &turn, lease).await.map_err(|error| ("beginning a turn", error))?;
        let renewed = store.renew_turn(&owner, &user_id, &turn.token, lease).await;
        renewed.map_err(|error| ("renewing a turn", error))?;
        let finished = store.finish_turn(&owner, &turn, &reply).await;
        finished.map_err(|error| ("finishing a turn", error))
    };
    // A Create that failed may have been applied.
    let (result, deleted) = (calls.await, store.delete(&owner, &user_id).await);
    result?;
    deleted.map_err(|error| ("Delete", error))
}

/// Describes the owners by their numbers of sessions, which are in ascending order. An owner is never named.
fn owners(sessions: &[usize], extent: &str) -> String {
    let count = sessions.len();
    match (sessions.last(), sessions.get(count.saturating_sub(1) / 2)) {
        (Some(largest), Some(median)) => format!(
            "owners with sessions: {count}; sessions of an owner: {largest} at most, {median} in the median ({extent})"
        ),
        _ => format!("owners with sessions: {count} ({extent})"),
    }
}

async fn check_consistency(store: &RedisStore, limit: usize, repair: bool, report: &mut Report) {
    let result = match store.check_consistency(limit, repair).await {
        Ok(result) => result,
        Err(error) => {
            return report.error(format!("records, messages and lists cannot be compared: {error}"));
        }
    };
    let extent = if result.is_complete { "all of them" } else { "there are more; see --limit" };
    let sessions = result.sessions;
    report.ok(owners(&result.sessions_by_owner, extent));
    for finding in &result.corrupt {
        report.error(format!("{finding}; no call can use it: delete the session"));
    }
    if result.inconsistencies.is_empty() && result.corrupt.is_empty() {
        report.ok(format!("records, messages and lists of {sessions} sessions are consistent ({extent})"));
    }
    for finding in &result.inconsistencies {
        if repair {
            report.ok(format!("repaired: {finding}"));
        } else {
            report.error(format!("{finding}; --repair repairs it"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_described_by_counts() {
        assert_eq!(owners(&[], "all of them"), "owners with sessions: 0 (all of them)");
        for (sessions, median) in [(&[7][..], 7), (&[1, 7], 1), (&[1, 3, 7], 3), (&[1, 3, 5, 7], 3)] {
            let count = sessions.len();
            assert_eq!(
                owners(sessions, "all of them"),
                format!(
                    "owners with sessions: {count}; sessions of an owner: 7 at most, {median} in the median (all of them)"
                )
            );
        }
    }
}
