//! Foreign data under Nono's keys fails only calls of its own session.

mod kinds;

use crate::suite::harness::*;
use kinds::{Fails, HISTORY, INDEX, Kind, RECORD};
use prometheus_client::{encoding::text::encode, registry::Registry};
use session_service::{
    doctor::{self, Report},
    domain::{HistoryRange, Owner, Role},
    store::{
        ListPage, Policy, Position, StoreError, TurnOutcome, TurnRequest, TurnToken,
        instrumented::{InstrumentedStore, StoreMetrics},
        redis::{RedisSettings, RedisUrl},
    },
};
use std::{sync::Arc, time::Duration};
use testkit::RedisServer;

const LEASE: Duration = Duration::from_secs(30);

fn turn(user_id: &str, request_id: &str) -> TurnRequest {
    TurnRequest {
        user_id: id(user_id),
        message: message(Role::User, "hello"),
        request_id: request(request_id),
        token: TurnToken("t".into()),
    }
}

/// Runs a command on the primary that owns its key.
fn ask(harness: &impl Harness, command: &[&str]) -> String {
    let answers = harness.primaries().into_iter().map(|server| server.ask(command));
    let answer = answers.into_iter().find(|answer| !answer.starts_with("-MOVED"));
    answer.expect("a primary has the key")
}

fn put(harness: &impl Harness, kind: &Kind) {
    let time = ask(harness, &["EVAL", "return redis.call('TIME')[1]", "1", kind.key]);
    let now = time.lines().nth(1).unwrap().to_owned() + "000";
    let answer = ask(harness, &["EVAL", &kind.lua, "1", kind.key, &now]);
    assert_eq!(answer, "$-1\r\n", "{}", kind.name);
}

async fn doctor(url: &str, repair: bool) -> Report {
    doctor::run(&RedisSettings::from_url(RedisUrl::parse(url).unwrap()), Policy::default(), 10_000, repair)
        .await
}

/// Creates two valid sessions and one that becomes corrupt, while a listing is in progress.
async fn sessions(store: &Store) {
    for name in ["good", "better", "bad"] {
        store.create_session(name).await;
        store.append_texts_with_id(name, &["one", "two"], "r").await.unwrap();
    }
    store.list_first_page(1).await;
    store.touch_session("better").await.unwrap();
}

/// Returns all sessions of a list that is read in pages of this size.
async fn listed(store: &Store, items: i32, kind: &str) -> Vec<String> {
    let mut page = ListPage { size: size(items), after: None };
    let mut names = Vec::new();
    for _ in 0..20 {
        let list = store.list(&Owner::open(), &page).await;
        let list = list.unwrap_or_else(|error| panic!("{kind}: a list of {items} fails: {error}"));
        names.extend(user_ids(&list.sessions).iter().map(ToString::to_string));
        match list.next {
            Some(next) => page.after = Some(next),
            None => return names,
        }
    }
    panic!("{kind}: a list in pages of {items} has no end");
}

async fn lists_are_right(store: &Store, is_bad_listed: bool, kind: &str) {
    for items in [1, 2, 100] {
        let mut names = listed(store, items, kind).await;
        names.sort_unstable();
        let expected: &[&str] = if is_bad_listed { &["bad", "better", "good"] } else { &["better", "good"] };
        assert_eq!(names, expected, "{kind}, in pages of {items}");
    }
}

/// Asserts that the call fails or succeeds as the kind expects, and never as unavailable.
fn ended<T: std::fmt::Debug>(result: Result<T, StoreError>, fails: bool, call: &str, kind: &str) {
    match result {
        Ok(_) => assert!(!fails, "{kind}: {call} works"),
        Err(StoreError::Unavailable(cause)) => panic!("{kind}: {call} is unavailable: {cause}"),
        Err(error) => assert!(fails, "{kind}: {call} fails: {error}"),
    }
}

async fn every_call_of_the_session(store: &Store, kind: &Kind) {
    let (owner, name) = (Owner::open(), kind.name.as_str());
    let all = kind.fails == Fails::All;
    let writes = all || matches!(kind.fails, Fails::Messages | Fails::Appends);
    let reads = matches!(kind.fails, Fails::Messages | Fails::History);
    ended(store.get_session("bad").await, all, "get", name);
    for span in [HistoryRange::Latest, HistoryRange::Before(9), HistoryRange::After(0)] {
        match store.read_history("bad", page(span, 10)).await {
            // Messages may be readable although the record is corrupt.
            result @ (Ok(_) | Err(StoreError::Corrupt(_))) if all => drop(result),
            result => ended(result, reads, "history", name),
        }
    }
    ended(store.append_texts("bad", &["three"]).await, writes, "append", name);
    ended(store.begin_turn(&owner, &turn("bad", "s"), LEASE).await, writes, "begin_turn", name);
    ended(store.touch_session("bad").await, all, "touch", name);
    assert!(store.try_create_session(new("bad")).await.is_err(), "{name}: a create over it fails");
    for result in [
        store.renew_turn(&owner, &id("bad"), &TurnToken("t".into()), LEASE).await,
        store.finish_turn(&owner, &turn("bad", "s"), &reply("hi")).await.map(drop),
        store.release_turn(&owner, &id("bad"), &TurnToken("t".into()), TurnOutcome::Cancelled).await,
        store.flush_turn(&owner, &id("bad"), &TurnToken("t".into()), 0, "text").await.map(drop),
        store.cancel_turn(&owner, &id("bad"), None).await.map(drop),
        store.changes(&owner, &id("bad"), &Position { seq: 0, text: None }).await.map(drop),
        store.heads(&[(owner.clone(), id("bad")), (owner.clone(), id("good"))]).await.map(drop),
    ] {
        assert!(!matches!(result, Err(StoreError::Unavailable(_))), "{name}: {result:?}");
    }
}

async fn others_go_on(store: &Store, kind: &str) {
    let (owner, good) = (Owner::open(), "good");
    assert!(store.get_session(good).await.is_ok(), "{kind}");
    let said = store.append_texts(good, &["three"]).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
    assert!(
        said.session.expires_at <= store.time().await.unwrap().after(Duration::from_secs(3612)),
        "{kind}"
    );
    store.touch_session(good).await.unwrap();
    let heads = store.heads(&[(owner.clone(), id("bad")), (owner.clone(), id(good))]).await.unwrap();
    assert_eq!(heads[1].as_ref().unwrap().message_count, 3, "{kind}");
    store.begin_turn(&owner, &turn(good, "s"), LEASE).await.unwrap();
    store.finish_turn(&owner, &turn(good, "s"), &reply("hi")).await.unwrap();
    let history = store.read_history(good, page(HistoryRange::Latest, 10)).await.unwrap();
    assert_eq!(seqs(&history.messages), [1, 2, 3, 4, 5], "{kind}");
    store.create_session("new").await;
    store.delete_session("new").await.unwrap();
}

async fn one_kind(harness: &mut impl Harness, url: &str, kind: &Kind) {
    harness.delete_all_data().await;
    let store = harness.store_with_defaults();
    while store.time().await.is_err() {}
    sessions(&store).await;
    put(harness, kind);
    let name = kind.name.as_str();

    let report = doctor(url, false).await;
    match &kind.finding {
        Some(finding) => {
            let finding = format!("error   {finding}");
            assert!(report.text.contains(&finding), "{name}: {finding:?} is not in\n{}", report.text);
        }
        None => assert_eq!(report.errors, 0, "{name}\n{}", report.text),
    }
    let all = kind.fails == Fails::All;
    // An invalid score hides its session until the session is used or repaired.
    let is_bad_listed =
        !all && !name.starts_with("score +") && !["score 1e300", "score 253402300800000"].contains(&name);
    lists_are_right(&store, is_bad_listed, name).await;
    let page = store.list_first_page(100).await;
    if all {
        assert_eq!((page.corrupt, page.total_count), (1, 2), "{name}");
    }
    others_go_on(&store, name).await;
    every_call_of_the_session(&store, kind).await;
    // A session that was used is listed again unless it is corrupt.
    lists_are_right(&store, !all, name).await;

    store.delete_session("bad").await.unwrap_or_else(|error| panic!("{name}: delete fails: {error}"));
    assert_matches!(store.get_session("bad").await, Err(StoreError::NotFound));
    assert_matches!(store.delete_session("bad").await, Err(StoreError::NotFound));
    for key in [RECORD, HISTORY] {
        assert_eq!(ask(harness, &["EXISTS", key]), ":0\r\n", "{name}: {key} is left");
    }
    lists_are_right(&store, false, name).await;
    doctor(url, true).await;
    let report = doctor(url, false).await;
    assert_eq!(report.errors, 0, "{name} is left after deletion and repair\n{}", report.text);
    store.create_session("bad").await;
    lists_are_right(&store, true, name).await;
}

/// Checks every `step`th kind.
async fn kinds_in_turn(harness: &mut impl Harness, url: &str, step: usize) {
    let kinds = kinds::all();
    assert!(kinds.len() / step >= 12, "{}", kinds.len());
    for kind in kinds.iter().step_by(step) {
        one_kind(harness, url, kind).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_data_on_one_server_affects_only_its_session() {
    let mut harness = Redis::default();
    let url = harness.server.url();
    kinds_in_turn(&mut harness, &url, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_data_in_a_cluster_affects_only_its_session() {
    let mut harness = Cluster::default();
    let url = harness.url();
    // The doctor connects to each node every time, which is slow, and many kinds behave alike in a cluster.
    kinds_in_turn(&mut harness, &url, 9).await;
}

#[tokio::test]
async fn corrupt_records_left_out_of_lists_are_counted() {
    let mut harness = Redis::default();
    let mut registry = Registry::default();
    let metrics = StoreMetrics::register(&mut registry);
    let store: Store = Arc::new(InstrumentedStore::new(harness.store_with_defaults(), "redis", metrics));
    sessions(&store).await;
    harness.server.ask(&["HSET", RECORD, "created_at", "never"]);
    for listings in 0..3 {
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains(&format!("nono_store_corrupt_records_total {listings}\n")), "{text}");
        store.list_first_page(10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_of_the_wrong_type_fails_writes_until_repaired() {
    let mut harness = Redis::default();
    let (store, url) = (harness.store_with_defaults(), harness.server.url());
    sessions(&store).await;
    harness.server.ask(&["SET", INDEX, "foreign"]);
    let content = |server: &RedisServer| {
        [RECORD, "chat_history:{bad}", "session:{good}"].map(|key| server.ask(&["DUMP", key]))
    };
    let before = content(&harness.server);
    let report = doctor(&url, false).await;
    assert!(report.text.contains("error   session_index:{:}: it is a string"), "{}", report.text);
    let list = store.list(&Owner::open(), &ListPage::default()).await;
    assert_matches!(list, Err(StoreError::Corrupt(_)));
    assert_matches!(store.try_create_session(new("new")).await, Err(StoreError::Corrupt(_)));
    assert_matches!(store.append_texts("good", &["x"]).await, Err(StoreError::Corrupt(_)));
    assert_matches!(store.touch_session("good").await, Err(StoreError::Corrupt(_)));
    assert_eq!(content(&harness.server), before, "a write that is refused changes nothing");
    assert_eq!(harness.server.ask(&["EXISTS", "session:{new}"]), ":0\r\n");
    assert_eq!(store.read_history("good", page(HistoryRange::Latest, 10)).await.unwrap().message_count, 2);
    store.delete_session("bad").await.unwrap();
    doctor(&url, true).await;
    assert_eq!(doctor(&url, false).await.errors, 0);
    lists_are_right(&store, false, "a repaired index").await;
    others_go_on(&store, "a repaired index").await;
}
