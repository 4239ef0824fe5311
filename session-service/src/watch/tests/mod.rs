//! Watchers over sessions in memory.

mod random_life;
mod sessions;
mod turns;

use super::*;
use crate::{
    domain::{
        Batch, Content, FinishReason, IfExists, Message, Metadata, NewMessage, NewReply, NewSession, Owner,
        PersonaKey, RequestId, Role, Timestamp, UserId,
    },
    store::{
        Policy, SessionStore, StoreError, TurnFailure, TurnOutcome, TurnRequest, TurnTag, TurnToken,
        memory::MemoryStore,
    },
};
use prometheus_client::registry::Registry;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const LEASE: Duration = Duration::from_secs(30);
const TTL: Duration = Duration::from_secs(3600);

/// A store, its watchers, and the time by which its clock is ahead.
struct Service {
    store: Arc<dyn SessionStore>,
    watchers: Watchers,
    ahead: Arc<AtomicU64>,
    stopping: CancellationToken,
}

impl Service {
    fn new() -> Self {
        Self::with_limit(DEFAULT_MAX_WATCHERS)
    }

    fn with_limit(max_watchers: u32) -> Self {
        let ahead = Arc::new(AtomicU64::new(0));
        let clock = {
            let ahead = ahead.clone();
            move || {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                Timestamp::default()
                    .after(since_epoch)
                    .after(Duration::from_millis(ahead.load(Ordering::SeqCst)))
            }
        };
        let policy = Policy { session_ttl: TTL, ..Policy::default() };
        Self::over(Arc::new(MemoryStore::with_clock(policy, Box::new(clock))), max_watchers, ahead)
    }

    fn over(store: Arc<dyn SessionStore>, max_watchers: u32, ahead: Arc<AtomicU64>) -> Self {
        let stopping = CancellationToken::new();
        let metrics = WatchMetrics::register(&mut Registry::default());
        let watchers = Watchers::new(store.clone(), max_watchers, stopping.clone(), metrics);
        let store = Arc::new(NotifyingStore::new(store, watchers.clone()));
        Self { store, watchers, ahead, stopping }
    }

    /// Another process over the same store.
    fn replica(&self) -> Self {
        Self::over(self.store.clone(), DEFAULT_MAX_WATCHERS, self.ahead.clone())
    }

    fn advance(&self, time: Duration) {
        self.ahead.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    async fn create(&self) {
        let new = NewSession {
            user_id: name(),
            persona: PersonaKey::new("default"),
            metadata: Metadata::default(),
            if_exists: IfExists::Fail,
            request_id: None,
        };
        self.store.create(&Owner::open(), &new).await.unwrap();
    }

    async fn append(&self, content: &str) -> Message {
        let batch = Batch::try_from(vec![message(content)]).unwrap();
        self.store.append(&Owner::open(), &name(), &batch, None).await.unwrap().messages.remove(0)
    }

    async fn begin(&self, request_id: &str, token: &str) -> TurnRequest {
        let turn = turn(request_id, token);
        self.store.begin_turn(&Owner::open(), &turn, LEASE).await.unwrap();
        turn
    }

    async fn flush(&self, turn: &TurnRequest, offset: u32, text: &str) {
        self.store.flush_turn(&Owner::open(), &name(), &turn.token, offset, text).await.unwrap();
    }

    async fn finish(&self, turn: &TurnRequest, text: &str, finish_reason: FinishReason) -> Message {
        let (content, metadata) = (Content::try_from(text).unwrap(), Metadata::default());
        let reply = NewReply { content, metadata, finish_reason };
        self.store.finish_turn(&Owner::open(), turn, &reply).await.unwrap().reply
    }

    async fn release(&self, turn: &TurnRequest, outcome: TurnOutcome) {
        self.store.release_turn(&Owner::open(), &name(), &turn.token, outcome).await.unwrap();
    }

    async fn watch(&self, start: &Start) -> Watcher {
        self.watchers.watch(Owner::open(), name(), start).await.unwrap()
    }
}

fn name() -> UserId {
    UserId::try_from("a").unwrap()
}

fn message(content: &str) -> NewMessage {
    let content = Content::try_from(content).unwrap();
    NewMessage { role: Role::User, content, metadata: Metadata::default() }
}

fn turn(request_id: &str, token: &str) -> TurnRequest {
    TurnRequest {
        user_id: name(),
        message: message("hello"),
        request_id: RequestId::try_from(request_id).unwrap(),
        token: TurnToken(token.into()),
    }
}

/// Returns the next event and the cursor after it.
async fn next(watcher: &mut Watcher) -> (WatchCursor, WatchEvent) {
    let next = timeout(Duration::from_secs(10), watcher.next()).await;
    next.expect("an event").expect("the stream goes on").expect("no error")
}

async fn event(watcher: &mut Watcher) -> WatchEvent {
    next(watcher).await.1
}

async fn snapshot(watcher: &mut Watcher) -> Snapshot {
    match event(watcher).await {
        WatchEvent::Snapshot(snapshot) => *snapshot,
        other => panic!("the first event is {other:?}"),
    }
}

async fn silent(watcher: &mut Watcher) {
    let next = timeout(Duration::from_millis(700), watcher.next()).await;
    assert!(next.is_err(), "{:?}", next.unwrap());
}

fn state(state: TurnState, reply_seq: u32, request_id: &str) -> WatchEvent {
    WatchEvent::Turn(TurnChange { state, reply_seq, request_id: request_id.into() })
}

fn delta(reply_seq: u32, offset: u32, text: &str) -> WatchEvent {
    WatchEvent::Delta(Delta { reply_seq, offset, text: text.into() })
}
