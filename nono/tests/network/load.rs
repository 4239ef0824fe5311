//! Open-loop load: calls of all kinds start at fixed times, however long the others take.

use super::cluster::Gateway;
use crate::app::App;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::OpenOptions,
    io::Write as _,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use testkit::Stopwatch;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// Started calls in a second.
pub const RATE: u32 = 50;
/// Number of sessions that the calls use.
const SESSIONS: usize = 20;
/// Duration from which a call counts as slow.
const SLOW: Duration = Duration::from_secs(1);
/// Table of `make faults`.
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/network.md");

/// A finished call.
#[derive(Clone, Debug)]
pub struct Call {
    pub kind: Kind,
    /// Time at which the call was due.
    pub due: Instant,
    pub took: Duration,
    /// Duration less the delay of the machine, for limits.
    pub corrected: Duration,
    /// Reason of a failure.
    pub failure: Option<String>,
}

/// Kind of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Get,
    List,
    History,
    Create,
    /// An append with a `request_id`.
    AppendOnce,
    /// An append without a `request_id`.
    Append,
    /// A turn, until its stream ends.
    Chat,
}

impl Kind {
    /// Returns `true` if the gateway may repeat the call.
    pub const fn is_idempotent(self) -> bool {
        !matches!(self, Self::Append | Self::Chat)
    }

    pub const fn is_read(self) -> bool {
        matches!(self, Self::Get | Self::List | Self::History)
    }
}

/// The gateways as a load balancer in front of them has them. Clones share them.
#[derive(Clone, Default)]
pub struct Gateways(Arc<RwLock<Vec<Listed>>>);

/// A gateway, and a flag that is `true` while calls are sent to it.
type Listed = (Arc<App>, Arc<AtomicBool>);

impl Gateways {
    pub fn add(&self, gateway: &Gateway) {
        self.0.write().unwrap().push((Arc::new(App::at(&gateway.http)), gateway.is_listed.clone()));
    }

    fn choose(&self, number: usize) -> Arc<App> {
        let gateways = self.0.read().unwrap();
        let listed: Vec<_> =
            gateways.iter().filter(|(_, is_listed)| is_listed.load(Ordering::Relaxed)).collect();
        listed[number % listed.len()].0.clone()
    }
}

/// A load in progress.
pub struct Load {
    pub gateways: Gateways,
    calls: Arc<Mutex<Vec<Call>>>,
    is_over: Arc<AtomicBool>,
    stopwatch: Stopwatch,
    driver: JoinHandle<TaskTracker>,
}

impl Load {
    /// Creates the sessions and starts the load.
    pub async fn start(gateways: &[Gateway]) -> Self {
        let listed = Gateways::default();
        gateways.iter().for_each(|gateway| listed.add(gateway));
        for session in 0..SESSIONS {
            listed.choose(0).create(&session.to_string()).await;
        }
        let (calls, is_over) = (Arc::<Mutex<Vec<Call>>>::default(), Arc::new(AtomicBool::new(false)));
        let driver = tokio::spawn(drive(listed.clone(), calls.clone(), is_over.clone()));
        Self { gateways: listed, calls, is_over, stopwatch: Stopwatch::start(), driver }
    }

    /// Waits until the calls in progress have finished. Returns all of them.
    pub async fn stop(self) -> Vec<Call> {
        self.is_over.store(true, Ordering::Relaxed);
        self.driver.await.unwrap().wait().await;
        let mut calls = std::mem::take(&mut *self.calls.lock().unwrap());
        for call in &mut calls {
            call.corrected = self.stopwatch.corrected(call.took);
        }
        calls
    }
}

async fn drive(gateways: Gateways, calls: Arc<Mutex<Vec<Call>>>, is_over: Arc<AtomicBool>) -> TaskTracker {
    let (tracker, start) = (TaskTracker::new(), tokio::time::Instant::now());
    for number in 0.. {
        let due = start + Duration::from_secs(1) * u32::try_from(number).unwrap() / RATE;
        tokio::time::sleep_until(due).await;
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let (app, calls) = (gateways.choose(number), calls.clone());
        tracker.spawn(async move { run(&app, number, due.into_std(), &calls).await });
    }
    tracker.close();
    tracker
}

/// Makes the call with this number, and records it.
async fn run(app: &App, number: usize, due: Instant, calls: &Mutex<Vec<Call>>) {
    let record = |kind, due: Instant, failure| {
        let took = due.elapsed();
        calls.lock().unwrap().push(Call { kind, due, took, corrected: took, failure });
    };
    let session = format!("/api/session/{}", number % SESSIONS);
    let message = json!({ "role": "user", "content": "hi" });
    let kind = match number / 2 % 10 {
        0..=3 => Kind::Get,
        4 | 5 => Kind::History,
        6 => Kind::List,
        7 => Kind::AppendOnce,
        8 => Kind::Append,
        _ => Kind::Chat,
    };
    let id = format!("request {number}");
    let failure = match kind {
        Kind::Get => failure(app, Method::GET, &session, None).await,
        Kind::History => failure(app, Method::GET, &format!("{session}/history"), None).await,
        Kind::List => failure(app, Method::GET, "/api/sessions", None).await,
        Kind::AppendOnce => {
            let body = json!({ "messages": [message], "request_id": id });
            failure(app, Method::POST, &format!("{session}/messages"), Some(&body)).await
        }
        Kind::Append => {
            let body = json!({ "messages": [message] });
            failure(app, Method::POST, &format!("{session}/messages"), Some(&body)).await
        }
        Kind::Create | Kind::Chat => {
            let user_id = format!("chat {number}");
            let body = json!({ "user_id": user_id, "request_id": id });
            let created = failure(app, Method::POST, "/api/session/create", Some(&body)).await;
            let is_created = created.is_none();
            record(Kind::Create, due, created);
            if !is_created {
                return;
            }
            let due = Instant::now();
            return record(Kind::Chat, due, chat_failure(app, &user_id, &id).await);
        }
    };
    record(kind, due, failure);
}

/// Makes a call. Returns the reason if it fails.
async fn failure(app: &App, method: Method, path: &str, body: Option<&Value>) -> Option<String> {
    let mut request = app.request(method, path);
    if let Some(body) = body {
        request = request.json(body);
    }
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return Some(format!("{error:?}")),
    };
    let status = response.status();
    let text = response.text().await.unwrap_or_else(|error| error.to_string());
    (!status.is_success()).then(|| format!("{status} {text}"))
}

/// Runs a turn to the end of its stream. Returns the reason if it fails.
async fn chat_failure(app: &App, user_id: &str, request_id: &str) -> Option<String> {
    let path = format!("/api/session/{user_id}/chat");
    let body = json!({ "message": "hi", "request_id": request_id });
    let request = app.request(Method::POST, &path).json(&body).header("accept", "text/event-stream");
    let mut response = match request.timeout(Duration::from_secs(30)).send().await {
        Ok(response) if response.status().is_success() => response,
        Ok(response) => return Some(format!("{} {:?}", response.status(), response.text().await)),
        Err(error) => return Some(format!("{error:?}")),
    };
    let mut text = String::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => text.push_str(&String::from_utf8_lossy(&chunk)),
            Ok(None) if text.contains("event: done") => return None,
            Ok(None) => {
                return Some(format!("the stream ended early: {}", text.lines().last().unwrap_or("")));
            }
            Err(error) => return Some(format!("{error:?}")),
        }
    }
}

/// Returns the calls that failed.
pub fn failed(calls: &[Call]) -> Vec<&Call> {
    calls.iter().filter(|call| call.failure.is_some()).collect()
}

/// Returns the time after `fault` at which the last call was due that failed or was slow. A turn is never slow.
pub fn recovery(calls: &[Call], fault: Instant) -> Duration {
    let is_affected =
        |call: &&Call| call.failure.is_some() || (call.corrected > SLOW && call.kind != Kind::Chat);
    let last = calls.iter().filter(is_affected).map(|call| call.due).max();
    last.map_or(Duration::ZERO, |last| last.saturating_duration_since(fault))
}

/// Appends a summary of the calls to the table of `make faults`.
pub fn report(fault_name: &str, calls: &[Call], fault: Instant) {
    let mut took: Vec<_> =
        calls.iter().filter(|call| call.kind != Kind::Chat).map(|call| call.took).collect();
    took.sort_unstable();
    let mut kinds = BTreeMap::<Kind, usize>::new();
    for call in failed(calls) {
        *kinds.entry(call.kind).or_default() += 1;
    }
    let mut failures = String::new();
    for (kind, count) in kinds {
        let _ = write!(failures, " {kind:?} {count}");
    }
    let slow = took.iter().filter(|took| **took > SLOW).count();
    let (median, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    let row = format!(
        "| {fault_name} | {} | {}{failures} | {slow} | {} ms | {} ms | {} ms |\n",
        calls.len(),
        failed(calls).len(),
        median.as_millis(),
        p99.as_millis(),
        recovery(calls, fault).as_millis()
    );
    let mut table = OpenOptions::new().create(true).append(true).open(TABLE).unwrap();
    table.write_all(row.as_bytes()).unwrap();
}
