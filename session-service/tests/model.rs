//! Random sequences of calls on the memory store and on Redis: all results must be equal.
//!
//! Each call runs on Redis first. The clock of the memory store is set to Redis's time, so that timestamps are equal, too.

use crate::suite::{harness::*, turns::turn};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use session_service::{
    domain::{Cursor, FinishReason, HistoryRange, IfExists, Incarnation, Owner, Timestamp, UserId},
    store::{
        ListPage, Policy, Position, SessionPage, StoreError, TurnFailure, TurnOutcome, TurnTag,
        memory::MemoryStore,
    },
};
use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A TTL that does not end between two calls by accident, and is short enough to wait for.
const TTL: Duration = Duration::from_secs(3);
/// A lease that outlives every session.
const LEASE: Duration = Duration::from_secs(300);

#[derive(Clone, Debug)]
enum Step {
    Create { owner: u8, user: u8, if_exists: bool, request: Option<u8> },
    Get { owner: u8, user: u8 },
    Append { owner: u8, user: u8, contents: Vec<String>, request: Option<u8> },
    History { owner: u8, user: u8, range: HistoryRange, items: i32 },
    Touch { owner: u8, user: u8 },
    Delete { owner: u8, user: u8 },
    Turn { owner: u8, user: u8, request: u8, step: TurnStep },
    Changes { owner: u8, user: u8, seq: u32, known: Option<(u8, u32)> },
    BeginListing { owner: u8, items: i32 },
    NextPage,
    FinishListing,
    Expire,
}

/// A step of the turn with the request.
#[derive(Clone, Debug)]
enum TurnStep {
    Begin,
    Replay,
    Flush { offset: u32, text: String },
    Cancel { any: bool },
    Finish { cancelled: bool },
    Release { cancelled: bool },
}

fn turn_steps() -> impl Strategy<Value = TurnStep> {
    prop_oneof![
        4 => Just(TurnStep::Begin),
        1 => Just(TurnStep::Replay),
        4 => (0..8_u32, "[a-cé]{0,3}").prop_map(|(offset, text)| TurnStep::Flush { offset, text }),
        2 => any::<bool>().prop_map(|any| TurnStep::Cancel { any }),
        3 => any::<bool>().prop_map(|cancelled| TurnStep::Finish { cancelled }),
        1 => any::<bool>().prop_map(|cancelled| TurnStep::Release { cancelled }),
    ]
}

/// State machine without a state: the memory store is the model.
struct Life;

impl ReferenceStateMachine for Life {
    type State = ();
    type Transition = Step;

    fn init_state() -> BoxedStrategy<()> {
        Just(()).boxed()
    }

    fn transitions((): &()) -> BoxedStrategy<Step> {
        let owner = 0..2_u8;
        let user = 0..5_u8;
        let who = (owner.clone(), user);
        let request = prop::option::of(0..4_u8);
        let contents = prop::collection::vec("[a-c]{1,3}", 1..4);
        let span = prop_oneof![
            Just(HistoryRange::Latest),
            (0..12_u32).prop_map(HistoryRange::Before),
            (0..12_u32).prop_map(HistoryRange::After)
        ];
        prop_oneof![
            6 => (who.clone(), any::<bool>(), request.clone())
                .prop_map(|((owner, user), if_exists, request)| Step::Create { owner, user, if_exists, request }),
            2 => who.clone().prop_map(|(owner, user)| Step::Get { owner, user }),
            6 => (who.clone(), contents, request)
                .prop_map(|((owner, user), contents, request)| Step::Append { owner, user, contents, request }),
            3 => (who.clone(), span, 1..6_i32)
                .prop_map(|((owner, user), range, items)| Step::History { owner, user, range, items }),
            3 => who.clone().prop_map(|(owner, user)| Step::Touch { owner, user }),
            1 => who.clone().prop_map(|(owner, user)| Step::Delete { owner, user }),
            12 => (who.clone(), 0..3_u8, turn_steps())
                .prop_map(|((owner, user), request, step)| Step::Turn { owner, user, request, step }),
            4 => (who, 0..8_u32, prop::option::of((0..3_u8, 0..8_u32)))
                .prop_map(|((owner, user), seq, known)| Step::Changes { owner, user, seq, known }),
            2 => (owner, 1..3_i32).prop_map(|(owner, items)| Step::BeginListing { owner, items }),
            3 => Just(Step::NextPage),
            1 => Just(Step::FinishListing),
            1 => prop::bool::weighted(0.08).prop_map(|wait| if wait { Step::Expire } else { Step::NextPage }),
        ]
        .boxed()
    }

    fn apply((): (), _: &Step) {}
}

struct Both<H> {
    runtime: tokio::runtime::Runtime,
    _servers: H,
    redis: Store,
    memory: Store,
    clock: Arc<AtomicU64>,
    listing: Option<Listing>,
}

/// A listing in progress in both stores.
struct Listing {
    owner: Owner,
    items: i32,
    next: Cursor,
}

impl<H: Harness + Default> Both<H> {
    /// Runs a call on both stores and compares the results. Returns a successful one; `at` returns its timestamp.
    fn compare<T: Debug + PartialEq>(
        &self,
        call: impl AsyncFn(&Store) -> Result<T, StoreError>,
        at: impl Fn(&T) -> Option<Timestamp>,
    ) -> Option<T> {
        let redis = self.runtime.block_on(call(&self.redis));
        let now = redis.as_ref().ok().and_then(at).unwrap_or_else(|| self.now());
        self.clock.store(now.as_millis(), Ordering::SeqCst);
        let memory = self.runtime.block_on(call(&self.memory));
        let plain = |result: Result<T, StoreError>| result.map_err(|error| error.as_label());
        let (redis, memory) = (plain(redis), plain(memory));
        assert_eq!(redis, memory);
        redis.ok()
    }

    fn now(&self) -> Timestamp {
        self.runtime.block_on(self.redis.time()).unwrap()
    }

    fn list(&mut self, owner: Owner, items: i32, after: Option<Cursor>) {
        let page = ListPage { size: size(items), after };
        // The snapshot time of a first page is visible in the cursor of the next one.
        let moment = |listed: &SessionPage| {
            listed.next.as_ref().filter(|_| page.after.is_none()).map(|cursor| cursor.snapshot_at)
        };
        let listed = self.compare(async |store: &Store| store.list(&owner, &page).await, moment);
        let next = listed.and_then(|listed| listed.next);
        self.listing = next.map(|next| Listing { owner, items, next });
    }

    fn turn(&self, owner: &Owner, user_id: &UserId, number: u8, step: TurnStep) {
        let turn = turn(user_id.as_str(), "hello", &number.to_string(), &format!("token-{number}"));
        let (a, token) = (user_id, &turn.token);
        match step {
            TurnStep::Begin => drop(self.compare(
                async |store: &Store| store.begin_turn(owner, &turn, LEASE).await,
                |begun| begun.running.is_none().then_some(begun.session.last_activity),
            )),
            TurnStep::Replay => drop(self.compare(
                async |store: &Store| store.replay_turn(owner, &turn).await,
                |found| {
                    found
                        .as_ref()
                        .filter(|found| found.reply.is_some())
                        .map(|found| found.session.last_activity)
                },
            )),
            TurnStep::Flush { offset, text } => {
                let call = async |store: &Store| store.flush_turn(owner, a, token, offset, &text).await;
                self.compare(call, |_| None);
            }
            TurnStep::Cancel { any } => {
                let request_id = Some(&turn.request_id).filter(|_| !any);
                let call = async |store: &Store| store.cancel_turn(owner, a, request_id).await;
                self.compare(call, |_| None);
            }
            TurnStep::Finish { cancelled } => {
                let reason = if cancelled { FinishReason::Cancelled } else { FinishReason::Stop };
                let reply = reply_with_reason(reason, "hi");
                let call = async |store: &Store| store.finish_turn(owner, &turn, &reply).await;
                self.compare(call, |finished| Some(finished.session.last_activity));
            }
            TurnStep::Release { cancelled } => {
                let failed = TurnOutcome::Failed(TurnFailure::Model);
                let outcome = if cancelled { TurnOutcome::Cancelled } else { failed };
                self.compare(
                    async |store: &Store| store.release_turn(owner, a, token, outcome).await,
                    |()| None,
                );
            }
        }
    }

    /// Compares heads and changes, except incarnations, which are random.
    fn live_state(&self, owner: &Owner, user_id: &UserId, since: &Position) {
        let incarnation = Incarnation::stored("any");
        let changes = async |store: &Store| {
            let mut changes = store.changes(owner, user_id, since).await?;
            changes.head.incarnation = incarnation.clone();
            Ok(changes)
        };
        self.compare(changes, |changes| Some(changes.now));
        let heads = async |store: &Store| {
            let mut heads = store.heads(&[(owner.clone(), user_id.clone())]).await?;
            heads.iter_mut().flatten().for_each(|head| head.incarnation = incarnation.clone());
            Ok(heads)
        };
        self.compare(heads, |_| None);
        let versions = async |store: &Store| {
            let mut versions = store.head_versions(&[(owner.clone(), user_id.clone())]).await?;
            versions.iter_mut().flatten().for_each(|version| version.incarnation = incarnation.clone());
            Ok(versions)
        };
        self.compare(versions, |_| None);
    }

    fn next_page(&mut self) {
        if let Some(Listing { owner, items, next }) = self.listing.take() {
            self.list(owner, items, Some(next));
        }
    }
}

fn owner_of(number: u8) -> Owner {
    Owner::named(["", "ann:{x}"][usize::from(number)])
}

impl<H: Harness + Default> StateMachineTest for Both<H> {
    type SystemUnderTest = Self;
    type Reference = Life;

    fn init_test((): &()) -> Self {
        let policy = Policy { session_ttl: TTL, max_sessions_per_owner: Some(4) };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut servers = H::default();
        let clock = Arc::new(AtomicU64::new(0));
        let time = clock.clone();
        let time = Box::new(move || Timestamp::from_millis(time.load(Ordering::SeqCst)));
        let redis = runtime.block_on(async { servers.store(policy) });
        let memory = Arc::new(MemoryStore::with_clock(policy, time));
        Self { runtime, _servers: servers, redis, memory, clock, listing: None }
    }

    fn apply(mut both: Self, (): &(), step: Step) -> Self {
        let user_id = |user: u8| id(["a", "b", "c}", "d:", "🤖"][usize::from(user)]);
        match step {
            Step::Create { owner, user, if_exists, request: request_id } => {
                let mut new = new(user_id(user).as_str());
                new.if_exists = if if_exists { IfExists::Return } else { IfExists::Fail };
                new.request_id = request_id.map(|n| request(&n.to_string()));
                let call = async |store: &Store| store.create(&owner_of(owner), &new).await;
                both.compare(call, |made| Some(made.session.last_activity));
            }
            Step::Get { owner, user } => {
                both.compare(
                    async |store: &Store| store.get(&owner_of(owner), &user_id(user)).await,
                    |_| None,
                );
            }
            Step::Append { owner, user, contents, request: request_id } => {
                let contents: Vec<_> = contents.iter().map(String::as_str).collect();
                let request_id = request_id.map(|n| request(&n.to_string()));
                let call = async |store: &Store| {
                    store
                        .append(&owner_of(owner), &user_id(user), &batch(&contents), request_id.as_ref())
                        .await
                };
                both.compare(call, |said| Some(said.session.last_activity));
            }
            Step::History { owner, user, range, items } => {
                let call = async |store: &Store| {
                    store.history(&owner_of(owner), &user_id(user), page(range, items)).await
                };
                both.compare(call, |_| None);
            }
            Step::Touch { owner, user } => {
                let call = async |store: &Store| store.touch(&owner_of(owner), &user_id(user)).await;
                both.compare(call, |session| Some(session.last_activity));
            }
            Step::Delete { owner, user } => {
                both.compare(
                    async |store: &Store| store.delete(&owner_of(owner), &user_id(user)).await,
                    |()| None,
                );
            }
            Step::Turn { owner, user, request, step } => {
                both.turn(&owner_of(owner), &user_id(user), request, step);
            }
            Step::Changes { owner, user, seq, known } => {
                let tag = |number: u8| TurnTag::new(&format!("token-{number}"));
                let text = known.map(|(number, bytes)| (tag(number), bytes));
                both.live_state(&owner_of(owner), &user_id(user), &Position { seq, text });
            }
            Step::BeginListing { owner, items } => both.list(owner_of(owner), items, None),
            Step::NextPage => both.next_page(),
            Step::FinishListing => {
                while both.listing.is_some() {
                    both.next_page();
                }
            }
            Step::Expire => {
                both.runtime.block_on(async { tokio::time::sleep(TTL + Duration::from_millis(10)).await });
            }
        }
        both
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_redis_return_the_same(sequential 20..120 => Both<Redis>);

    #[test]
    fn memory_and_sentinel_return_the_same(sequential 20..120 => Both<Sentinel>);

    #[test]
    fn memory_and_cluster_return_the_same(sequential 20..120 => Both<Cluster>);
}
