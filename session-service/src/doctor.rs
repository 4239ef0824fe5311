//! Diagnosis of a store.

use crate::{
    domain::{
        Batch, Content, FinishReason, HistoryPage, IfExists, Metadata, NewMessage, NewReply, NewSession,
        Owner, PageSize, PersonaKey, RequestId, Role, Span, UserId,
    },
    store::{
        ListPage, NewTurn, Policy, SessionStore, StoreError, TurnToken,
        redis::{RedisSettings, RedisStore, Server},
    },
};
use std::{
    fmt::Write,
    time::{Duration, Instant, SystemTime},
};
use uuid::Uuid;

/// Timeout for reaching the store.
const PATIENCE: Duration = Duration::from_secs(5);
/// Interval between attempts to reach it.
const TRY_EVERY: Duration = Duration::from_millis(100);
/// Oldest supported version of Redis.
const OLDEST: (u32, u32) = (6, 2);
/// Maximum difference between the clocks of the nodes.
const CLOCKS_MAX_APART: Duration = Duration::from_secs(1);

/// Report of the doctor.
#[derive(Debug, Default)]
pub struct Report {
    /// Text of the report, one finding per line.
    pub text: String,
    /// Number of problems.
    pub wrong: usize,
}

impl Report {
    fn fine(&mut self, what: impl AsRef<str>) {
        self.line("fine   ", what.as_ref());
    }

    fn advise(&mut self, what: impl AsRef<str>) {
        self.line("advice ", what.as_ref());
    }

    fn wrong(&mut self, what: impl AsRef<str>) {
        self.wrong += 1;
        self.line("wrong  ", what.as_ref());
    }

    fn line(&mut self, kind: &str, what: &str) {
        writeln!(self.text, "{kind} {what}").expect("text takes text");
    }
}

/// Checks the store of these settings. Without `repair` no data of a caller is changed: the calls are tried on a session of
/// the doctor's own, under an owner that no credential has.
pub async fn examine(settings: &RedisSettings, policy: Policy, limit: usize, repair: bool) -> Report {
    let mut report = Report::default();
    let store = match RedisStore::new(settings, policy) {
        Ok(store) => store,
        Err(sentence) => {
            report.wrong(sentence);
            return report;
        }
    };
    if !reach(&store, &mut report).await {
        return report;
    }
    match store.servers().await {
        Ok(servers) => servers.iter().for_each(|server| look_at(server, &mut report)),
        Err(error) => report.advise(format!("the servers cannot be asked about themselves: {error}")),
    }
    clocks(&store, &mut report).await;
    match live(&store).await {
        Ok(()) => report.fine("every call works: a session of the doctor's own was made, used and deleted"),
        Err((call, error)) => report.wrong(format!("{call} does not work: {error}")),
    }
    agree(&store, limit, repair, &mut report).await;
    report
}

async fn reach(store: &RedisStore, report: &mut Report) -> bool {
    let begun = Instant::now();
    loop {
        let asked = Instant::now();
        match store.time().await {
            Ok(_) => {
                report
                    .fine(format!("the store answers, in {:.1} ms", asked.elapsed().as_secs_f64() * 1000.0));
                return true;
            }
            Err(error) if begun.elapsed() > PATIENCE => {
                report.wrong(format!("{error}: check the address, the network, user and password"));
                return false;
            }
            Err(_) => tokio::time::sleep(TRY_EVERY).await,
        }
    }
}

fn look_at(server: &Server, report: &mut Report) {
    let name = &server.name;
    let version = server.info("valkey_version").or(server.info("redis_version")).unwrap_or("?");
    let software = if server.info("valkey_version").is_some() { "Valkey" } else { "Redis" };
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
    let known = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    if known < OLDEST {
        report.wrong(format!("{name} is {software} {version}; 6.2 is the oldest that will do"));
    } else {
        report.fine(format!("{name} is {software} {version}"));
    }
    let replicas = server.info("connected_slaves").unwrap_or("0");
    match server.info("role") {
        Some("master") if replicas == "0" => {
            report.advise(format!("{name} is a primary without replicas: what it loses is lost"));
        }
        Some("master") => report.fine(format!("{name} is a primary with {replicas} replicas")),
        Some(_) => report.wrong(format!("{name} is a replica, which takes no writes: name the primary")),
        None => report.advise(format!("{name} does not say whether it is a primary")),
    }
    let advice = server.advice();
    if advice.is_empty() {
        report.fine(format!("{name} keeps what it has, and evicts nothing"));
    }
    advice.into_iter().for_each(|sentence| report.advise(sentence));
}

async fn clocks(store: &RedisStore, report: &mut Report) {
    let times = match store.clocks().await {
        Ok(times) => times,
        Err(error) => return report.wrong(format!("the clocks cannot be read: {error}")),
    };
    let (earliest, latest) = (times.iter().min().copied(), times.iter().max().copied());
    let (Some(earliest), Some(latest)) = (earliest, latest) else { return };
    let apart = Duration::from_millis(latest.as_millis() - earliest.as_millis());
    if apart > CLOCKS_MAX_APART {
        report.wrong(format!("the clocks of the nodes are {apart:?} apart: set them by NTP"));
    }
    let ours = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let offset = ours.as_secs_f64() - Duration::from_millis(latest.as_millis()).as_secs_f64();
    report.fine(format!("this machine's clock is {offset:+.1} s off the store's, which alone counts"));
}

/// Runs every call on a session of its own. Returns the call that failed.
async fn live(store: &RedisStore) -> Result<(), (&'static str, StoreError)> {
    let owner = Owner::named(&format!("doctor-{}", Uuid::new_v4()));
    let user_id = UserId::try_from("doctor").expect("it is a handle");
    let request = |id: &str| RequestId::try_from(id).expect("it is a request id");
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
    let batch = Batch::try_from(vec![message.clone()]).expect("it is a batch");
    let turn = NewTurn {
        user_id: user_id.clone(),
        message,
        request_id: request("turn"),
        token: TurnToken(Uuid::new_v4().to_string()),
    };
    let (lease, page) =
        (Duration::from_secs(1), HistoryPage { span: Span::Newest, size: PageSize::default() });
    let used = async {
        store.create(&owner, &session).await.map_err(|error| ("Create", error))?;
        store.get(&owner, &user_id).await.map_err(|error| ("Get", error))?;
        let appended = store.append(&owner, &user_id, &batch, Some(&request("append"))).await;
        appended.map_err(|error| ("Append", error))?;
        store.history(&owner, &user_id, page).await.map_err(|error| ("History", error))?;
        store.touch(&owner, &user_id).await.map_err(|error| ("Touch", error))?;
        store.list(&owner, &ListPage::default()).await.map_err(|error| ("List", error))?;
        store.begin_turn(&owner, &turn, lease).await.map_err(|error| ("a turn's begin", error))?;
        let renewed = store.renew_turn(&owner, &user_id, &turn.token, lease).await;
        renewed.map_err(|error| ("a turn's renewal", error))?;
        let finished = store.finish_turn(&owner, &turn, &reply).await;
        finished.map_err(|error| ("a turn's end", error))
    };
    // A Create that failed half-way may have left something.
    let (used, deleted) = (used.await, store.delete(&owner, &user_id).await);
    used?;
    deleted.map_err(|error| ("Delete", error))
}

async fn agree(store: &RedisStore, limit: usize, repair: bool, report: &mut Report) {
    let inspection = match store.inspect(limit, repair).await {
        Ok(inspection) => inspection,
        Err(error) => {
            return report.wrong(format!("records, messages and lists cannot be compared: {error}"));
        }
    };
    let extent = if inspection.is_complete { "all there are" } else { "there are more; see --limit" };
    let sessions = inspection.sessions;
    for finding in &inspection.damaged {
        report.wrong(format!("{finding}; no call can use it: delete the session"));
    }
    if inspection.findings.is_empty() && inspection.damaged.is_empty() {
        report.fine(format!("records, messages and lists of {sessions} sessions agree ({extent})"));
    }
    for finding in &inspection.findings {
        if repair {
            report.fine(format!("mended: {finding}"));
        } else {
            report.wrong(format!("{finding}; --repair mends it"));
        }
    }
}
