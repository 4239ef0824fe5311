//! Adapters under test, and shorthands for their calls.

use session_service::{
    domain::{
        Batch, Content, FinishReason, HistoryPage, HistoryRange, IfExists, Message, Metadata, NewMessage,
        NewReply, NewSession, Owner, PageSize, PersonaKey, RequestId, Role, Session, Timestamp, UserId,
    },
    store::{
        Appended, Created, History, ListPage, Policy, SessionPage, SessionStore, StoreError,
        memory::MemoryStore, redis::RedisStore,
    },
};
use std::{
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use testkit::{RedisCluster, RedisServer, SentinelSet};

pub type Store = Arc<dyn SessionStore>;

/// An adapter under test. All its stores have the same sessions.
pub trait Harness {
    /// Returns a store with this policy.
    fn store(&mut self, policy: Policy) -> Store;

    /// Advances the time of the stores.
    async fn advance(&self, time: Duration);

    /// Deletes all data, like a restart without persistence.
    async fn delete_all_data(&mut self);

    /// Returns the servers that accept writes.
    fn primaries(&self) -> Vec<&RedisServer>;

    /// Returns a store with the default policy.
    fn store_with_defaults(&mut self) -> Store {
        self.store(Policy::default())
    }
}

#[derive(Default)]
pub struct Memory {
    now: Arc<AtomicU64>,
    store: Option<(Policy, Store)>,
}

impl Harness for Memory {
    fn store(&mut self, policy: Policy) -> Store {
        let now = self.now.clone();
        now.fetch_max(1_697_856_000_000, Ordering::SeqCst);
        let clock = Box::new(move || Timestamp::from_millis(now.load(Ordering::SeqCst)));
        let store: Store = Arc::new(MemoryStore::with_clock(policy, clock));
        self.store = Some((policy, store.clone()));
        store
    }

    async fn advance(&self, time: Duration) {
        self.now.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    async fn delete_all_data(&mut self) {
        self.store = None;
    }

    fn primaries(&self) -> Vec<&RedisServer> {
        Vec::new()
    }
}

pub struct Redis {
    pub server: RedisServer,
}

impl Default for Redis {
    fn default() -> Self {
        Self { server: RedisServer::start() }
    }
}

impl Harness for Redis {
    fn store(&mut self, policy: Policy) -> Store {
        Arc::new(RedisStore::from_url(&self.server.url(), policy).unwrap())
    }

    async fn advance(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn delete_all_data(&mut self) {
        self.server.ask(&["FLUSHALL"]);
    }

    fn primaries(&self) -> Vec<&RedisServer> {
        vec![&self.server]
    }
}

/// Defines a harness over servers that take seconds to start. All cases share them, one at a time, each starting empty.
macro_rules! shared_harness {
    ($harness:ident over $set:ty, $primaries:expr) => {
        pub struct $harness(MutexGuard<'static, $set>);

        impl Default for $harness {
            fn default() -> Self {
                static SET: LazyLock<Mutex<$set>> = LazyLock::new(|| Mutex::new(<$set>::start()));
                let set = SET.lock().unwrap_or_else(PoisonError::into_inner);
                let harness = Self(set);
                harness.empty();
                harness
            }
        }

        impl $harness {
            fn empty(&self) {
                for primary in self.primaries() {
                    primary.ask(&["CONFIG", "SET", "maxmemory", "0"]);
                    primary.ask(&["FLUSHALL"]);
                }
            }
        }

        impl Harness for $harness {
            fn store(&mut self, policy: Policy) -> Store {
                Arc::new(RedisStore::from_url(&self.0.url(), policy).unwrap())
            }

            async fn advance(&self, time: Duration) {
                tokio::time::sleep(time).await;
            }

            async fn delete_all_data(&mut self) {
                self.empty();
            }

            fn primaries(&self) -> Vec<&RedisServer> {
                let primaries: fn(&$set) -> Vec<&RedisServer> = $primaries;
                primaries(&self.0)
            }
        }
    };
}

shared_harness!(Sentinel over SentinelSet, |set| vec![set.server(set.primary())]);
impl Cluster {
    pub fn url(&self) -> String {
        self.0.url()
    }
}

shared_harness!(Cluster over RedisCluster, |set| {
    set.primaries().into_iter().map(|index| set.node(index)).collect()
});

pub fn id(text: &str) -> UserId {
    UserId::try_from(text).unwrap()
}

pub fn request(text: &str) -> RequestId {
    RequestId::try_from(text).unwrap()
}

pub fn new(user_id: &str) -> NewSession {
    NewSession {
        user_id: id(user_id),
        persona: PersonaKey::new("default"),
        metadata: Metadata::default(),
        if_exists: IfExists::Fail,
        request_id: None,
    }
}

pub fn message(role: Role, content: &str) -> NewMessage {
    NewMessage { role, content: Content::try_from(content).unwrap(), metadata: Metadata::default() }
}

/// Returns a reply that the model completed.
pub fn reply(content: &str) -> NewReply {
    reply_with_reason(FinishReason::Stop, content)
}

pub fn reply_with_reason(finish_reason: FinishReason, content: &str) -> NewReply {
    let (content, metadata) = (Content::try_from(content).unwrap(), Metadata::default());
    NewReply { content, metadata, finish_reason }
}

pub fn batch(contents: &[&str]) -> Batch {
    Batch::try_from(contents.iter().map(|text| message(Role::User, text)).collect::<Vec<_>>()).unwrap()
}

pub fn size(items: i32) -> PageSize {
    PageSize::try_from(items).unwrap()
}

pub fn page(range: HistoryRange, items: i32) -> HistoryPage {
    HistoryPage { range, size: size(items) }
}

pub fn seqs(messages: &[Message]) -> Vec<u32> {
    messages.iter().map(|message| message.seq).collect()
}

pub fn user_ids(sessions: &[Session]) -> Vec<&str> {
    sessions.iter().map(|session| session.user_id.as_str()).collect()
}

/// Calls of the open owner, with texts instead of domain values.
pub trait Calls {
    async fn create_session(&self, user_id: &str) -> Session;
    async fn try_create_session(&self, new: NewSession) -> Result<Created, StoreError>;
    async fn get_session(&self, user_id: &str) -> Result<Session, StoreError>;
    async fn append_texts(&self, user_id: &str, contents: &[&str]) -> Result<Appended, StoreError>;
    async fn append_texts_with_id(
        &self,
        user_id: &str,
        contents: &[&str],
        request_id: &str,
    ) -> Result<Appended, StoreError>;
    async fn read_history(&self, user_id: &str, page: HistoryPage) -> Result<History, StoreError>;
    async fn touch_session(&self, user_id: &str) -> Result<Session, StoreError>;
    async fn delete_session(&self, user_id: &str) -> Result<(), StoreError>;
    async fn list_first_page(&self, items: i32) -> SessionPage;
    async fn list_next_page(&self, items: i32, page: &SessionPage) -> SessionPage;
}

impl Calls for Store {
    async fn create_session(&self, user_id: &str) -> Session {
        self.try_create_session(new(user_id)).await.unwrap().session
    }

    async fn try_create_session(&self, new: NewSession) -> Result<Created, StoreError> {
        self.create(&Owner::open(), &new).await
    }

    async fn get_session(&self, user_id: &str) -> Result<Session, StoreError> {
        self.get(&Owner::open(), &id(user_id)).await
    }

    async fn append_texts(&self, user_id: &str, contents: &[&str]) -> Result<Appended, StoreError> {
        self.append(&Owner::open(), &id(user_id), &batch(contents), None).await
    }

    async fn append_texts_with_id(
        &self,
        user_id: &str,
        contents: &[&str],
        request_id: &str,
    ) -> Result<Appended, StoreError> {
        self.append(&Owner::open(), &id(user_id), &batch(contents), Some(&request(request_id))).await
    }

    async fn read_history(&self, user_id: &str, page: HistoryPage) -> Result<History, StoreError> {
        self.history(&Owner::open(), &id(user_id), page).await
    }

    async fn touch_session(&self, user_id: &str) -> Result<Session, StoreError> {
        self.touch(&Owner::open(), &id(user_id)).await
    }

    async fn delete_session(&self, user_id: &str) -> Result<(), StoreError> {
        self.delete(&Owner::open(), &id(user_id)).await
    }

    async fn list_first_page(&self, items: i32) -> SessionPage {
        self.list(&Owner::open(), &ListPage { size: size(items), after: None }).await.unwrap()
    }

    async fn list_next_page(&self, items: i32, page: &SessionPage) -> SessionPage {
        let after = Some(page.next.clone().expect("there is another page"));
        self.list(&Owner::open(), &ListPage { size: size(items), after }).await.unwrap()
    }
}
