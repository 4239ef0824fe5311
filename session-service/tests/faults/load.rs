//! Load generator that records every call: acknowledged writes, durations and violated guarantees.

use crate::suite::harness::*;
use session_service::{
    domain::{HistoryRange, Owner},
    store::{ListPage, StoreError},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use testkit::Stopwatch;
use tokio::task::JoinSet;

/// Number of workers.
const WORKERS: usize = 6;
/// Number of sessions that all workers use.
const SHARED: usize = 5;
/// Timeout for repeating a request until it is acknowledged.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause before a retry.
const PAUSE: Duration = Duration::from_millis(20);

/// Record of all calls.
#[derive(Default)]
pub struct Record {
    pub calls: usize,
    pub acknowledged: usize,
    pub longest: Duration,
    /// Times of successful calls.
    pub successes: Vec<Instant>,
    /// Acknowledged seq of each message of each shared session.
    pub promised: BTreeMap<String, BTreeMap<String, u32>>,
    /// Messages without an acknowledgement: stored at most once.
    pub unknown: BTreeSet<String>,
    /// Sessions of one worker that were not deleted.
    pub own: BTreeSet<String>,
    /// Violated guarantees.
    pub wrong: Vec<String>,
}

/// A load in progress.
pub struct Load {
    shared: Arc<Shared>,
    stopwatch: Stopwatch,
    workers: JoinSet<()>,
}

struct Shared {
    store: Store,
    record: Mutex<Record>,
    is_over: AtomicBool,
    /// Highest acknowledged seq of each shared session.
    highest: Vec<AtomicU32>,
}

/// Returns the names of the sessions that all workers use.
pub fn shared_sessions() -> impl Iterator<Item = String> {
    (0..SHARED).map(|n| format!("shared {n}"))
}

impl Load {
    /// Creates the shared sessions and starts the workers.
    pub async fn start(store: &Store, seed: u64) -> Self {
        for name in shared_sessions() {
            store.create_session(&name).await;
        }
        let shared = Arc::new(Shared {
            store: store.clone(),
            record: Mutex::default(),
            is_over: AtomicBool::new(false),
            highest: (0..SHARED).map(|_| AtomicU32::new(0)).collect(),
        });
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            let random = fastrand::Rng::with_seed(seed.wrapping_add(worker as u64));
            workers.spawn(Worker { shared: shared.clone(), worker, random, count: 0 }.run());
        }
        Self { shared, stopwatch: Stopwatch::start(), workers }
    }

    /// Returns the number of acknowledged calls.
    pub fn acknowledged(&self) -> usize {
        self.shared.record.lock().unwrap().acknowledged
    }

    /// Waits for this number of further acknowledged calls.
    pub async fn goes_on(&self, calls: usize) {
        let (begun, before) = (Instant::now(), self.acknowledged());
        while self.acknowledged() < before + calls {
            assert!(begun.elapsed() < PATIENCE, "the load does not go on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until every worker has finished its current call.
    pub async fn stop(self) -> Record {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.workers.join_all().await;
        let shared = Arc::into_inner(self.shared).expect("the workers are gone");
        let mut record = shared.record.into_inner().unwrap();
        record.longest = self.stopwatch.corrected(record.longest);
        record
    }
}

struct Worker {
    shared: Arc<Shared>,
    worker: usize,
    random: fastrand::Rng,
    count: usize,
}

impl Worker {
    async fn run(mut self) {
        while !self.shared.is_over.load(Ordering::SeqCst) {
            self.count += 1;
            let session = self.random.usize(..SHARED);
            match self.random.u32(..100) {
                0..50 => self.append_once(session).await,
                50..60 => self.append_blindly(session).await,
                60..75 => self.read(session).await,
                75..85 => self.list().await,
                85..92 => self.touch(session).await,
                _ => self.life_of_its_own().await,
            }
        }
    }

    /// Makes one call and records its result.
    async fn call<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let begun = Instant::now();
        let result = call.await;
        let mut record = self.shared.record.lock().unwrap();
        record.calls += 1;
        record.longest = record.longest.max(begun.elapsed());
        match &result {
            Ok(_) => {
                record.acknowledged += 1;
                record.successes.push(Instant::now());
            }
            Err(StoreError::Unavailable(_)) => {}
            Err(error) => record.wrong.push(format!("{error}")),
        }
        result
    }

    /// Repeats a call until it is acknowledged.
    async fn insist<T, F>(&self, call: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Ok(answer) = self.call(call()).await {
                return Some(answer);
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.is_wrong(format!("a call was never acknowledged in {PATIENCE:?}"));
        None
    }

    fn is_wrong(&self, what: String) {
        self.shared.record.lock().unwrap().wrong.push(what);
    }

    fn text(&self) -> String {
        format!("{}-{}", self.worker, self.count)
    }

    fn promise(&self, session: usize, text: String, seq: u32) {
        self.shared.highest[session].fetch_max(seq, Ordering::SeqCst);
        let mut record = self.shared.record.lock().unwrap();
        record.promised.entry(name(session)).or_default().insert(text, seq);
    }

    async fn append_once(&self, session: usize) {
        let (store, name, content) = (&self.shared.store, name(session), self.text());
        let (name, text) = (name.as_str(), content.as_str());
        let said =
            self.insist(move || async move { store.append_texts_with_id(name, &[text], text).await }).await;
        if let Some(said) = said {
            self.promise(session, content, said.messages[0].seq);
        }
    }

    async fn append_blindly(&self, session: usize) {
        let text = self.text();
        match self.call(self.shared.store.append_texts(&name(session), &[&text])).await {
            Ok(said) => self.promise(session, text, said.messages[0].seq),
            Err(_) => drop(self.shared.record.lock().unwrap().unknown.insert(text)),
        }
    }

    async fn read(&self, session: usize) {
        let highest = self.shared.highest[session].load(Ordering::SeqCst);
        let page = page(HistoryRange::Latest, 20);
        let Ok(history) = self.call(self.shared.store.read_history(&name(session), page)).await else {
            return;
        };
        let (count, seqs) = (history.message_count, seqs(&history.messages));
        if count < highest
            || !seqs.iter().rev().zip((1..=count).rev()).all(|(seq, expected)| *seq == expected)
        {
            self.is_wrong(format!("a page ends at {count}, message {highest} was promised: {seqs:?}"));
        }
    }

    async fn list(&self) {
        let all = ListPage { size: size(1000), after: None };
        let Ok(listed) = self.call(self.shared.store.list(&Owner::open(), &all)).await else { return };
        let listed = user_ids(&listed.sessions).into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
        if let Some(missing) = shared_sessions().find(|name| !listed.contains(name)) {
            self.is_wrong(format!("a list lacks {missing}"));
        }
    }

    async fn touch(&self, session: usize) {
        let _ = self.call(self.shared.store.touch_session(&name(session))).await;
    }

    /// Creates, uses and sometimes deletes a session that only this worker uses.
    async fn life_of_its_own(&mut self) {
        let (store, name) = (&self.shared.store, format!("own {}", self.text()));
        let text = name.as_str();
        let create = move || async move {
            let mut create = new(text);
            create.request_id = Some(request(text));
            store.try_create_session(create).await
        };
        if !self.insist(create).await.is_some_and(|made| made.created) {
            self.is_wrong(format!("{text} was not made by its maker"));
        }
        self.insist(move || async move { store.append_texts_with_id(text, &["hello"], "r").await }).await;
        if self.random.bool() {
            self.shared.record.lock().unwrap().own.insert(name);
            return;
        }
        // Not found is success: an earlier attempt deleted the session.
        let remove = move || async move {
            match store.delete_session(text).await {
                Err(StoreError::NotFound) => Ok(()),
                result => result,
            }
        };
        self.insist(remove).await;
    }
}

fn name(session: usize) -> String {
    format!("shared {session}")
}
