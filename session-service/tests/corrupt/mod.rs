//! Foreign data under our keys: it fails the calls of its own session, and nothing else.

mod kinds;

use crate::suite::harness::*;
use kinds::{Fails, HISTORY, INDEX, Kind, RECORD};
use prometheus_client::{encoding::text::encode, registry::Registry};
use session_service::{
    doctor::{Report, examine},
    domain::{Owner, Role, Span},
    store::{
        ListPage, NewTurn, Policy, StoreError, TurnToken,
        observed::{ObservedStore, StoreMetrics},
        redis::{RedisSettings, RedisUrl},
    },
};
use std::{sync::Arc, time::Duration};
use testkit::RedisServer;

const LEASE: Duration = Duration::from_secs(30);

fn turn(user_id: &str, request_id: &str) -> NewTurn {
    NewTurn {
        user_id: id(user_id),
        message: message(Role::User, "hello"),
        request_id: request(request_id),
        token: TurnToken("t".into()),
    }
}

/// Asks the primary that has the key of the command.
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
    examine(&RedisSettings::at(RedisUrl::parse(url).unwrap()), Policy::default(), 10_000, repair).await
}

/// Two sound sessions and one that is going to be corrupt, while a listing is being read.
async fn sessions(store: &Store) {
    for name in ["good", "better", "bad"] {
        store.make(name).await;
        store.say_once(name, &["one", "two"], "r").await.unwrap();
    }
    store.first_page(1).await;
    store.use_again("better").await.unwrap();
}

/// Every session of a list in pages of this size.
async fn listed(store: &Store, items: i32, kind: &str) -> Vec<String> {
    let mut page = ListPage { size: size(items), after: None };
    let mut names = Vec::new();
    for _ in 0..20 {
        let list = store.list(&Owner::open(), &page).await;
        let list = list.unwrap_or_else(|error| panic!("{kind}: a list of {items} fails: {error}"));
        names.extend(handles(&list.sessions).iter().map(ToString::to_string));
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

/// Fails unless the call ended as the kind says; whatever happened, it is no failure of the server.
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
    ended(store.fetch("bad").await, all, "get", name);
    for span in [Span::Newest, Span::Before(9), Span::After(0)] {
        match store.read("bad", page(span, 10)).await {
            // The messages of a record may be sound while the record is not.
            result @ (Ok(_) | Err(StoreError::Broken(_))) if all => drop(result),
            result => ended(result, reads, "history", name),
        }
    }
    ended(store.say("bad", &["three"]).await, writes, "append", name);
    ended(store.begin_turn(&owner, &turn("bad", "s"), LEASE).await, writes, "begin_turn", name);
    ended(store.use_again("bad").await, all, "touch", name);
    assert!(store.try_create(new("bad")).await.is_err(), "{name}: a create over it fails");
    for result in [
        store.renew_turn(&owner, &id("bad"), &TurnToken("t".into()), LEASE).await,
        store.finish_turn(&owner, &turn("bad", "s"), &reply("hi")).await.map(drop),
        store.give_turn_back(&owner, &id("bad"), &TurnToken("t".into())).await,
    ] {
        assert!(!matches!(result, Err(StoreError::Unavailable(_))), "{name}: {result:?}");
    }
}

async fn others_go_on(store: &Store, kind: &str) {
    let (owner, good) = (Owner::open(), "good");
    assert!(store.fetch(good).await.is_ok(), "{kind}");
    let said = store.say(good, &["three"]).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
    assert!(
        said.session.expires_at <= store.time().await.unwrap().after(Duration::from_secs(3612)),
        "{kind}"
    );
    store.use_again(good).await.unwrap();
    store.begin_turn(&owner, &turn(good, "s"), LEASE).await.unwrap();
    store.finish_turn(&owner, &turn(good, "s"), &reply("hi")).await.unwrap();
    let history = store.read(good, page(Span::Newest, 10)).await.unwrap();
    assert_eq!(seqs(&history.messages), [1, 2, 3, 4, 5], "{kind}");
    store.make("new").await;
    store.remove("new").await.unwrap();
}

async fn one_kind(harness: &mut impl Harness, url: &str, kind: &Kind) {
    harness.lose_everything().await;
    let store = harness.hour();
    while store.time().await.is_err() {}
    sessions(&store).await;
    put(harness, kind);
    let name = kind.name.as_str();

    let report = doctor(url, false).await;
    match &kind.finding {
        Some(finding) => {
            let finding = format!("wrong   {finding}");
            assert!(report.text.contains(&finding), "{name}: {finding:?} is not in\n{}", report.text);
        }
        None => assert_eq!(report.wrong, 0, "{name}\n{}", report.text),
    }
    let all = kind.fails == Fails::All;
    // A score that is no time hides its own session, until that is used or repaired.
    let is_bad_listed =
        !all && !name.starts_with("score +") && !["score 1e300", "score 253402300800000"].contains(&name);
    lists_are_right(&store, is_bad_listed, name).await;
    let page = store.first_page(100).await;
    if all {
        assert_eq!((page.corrupt, page.total_count), (1, 2), "{name}");
    }
    others_go_on(&store, name).await;
    every_call_of_the_session(&store, kind).await;
    // A session that was used is listed again, unless it is corrupt.
    lists_are_right(&store, !all, name).await;

    store.remove("bad").await.unwrap_or_else(|error| panic!("{name}: delete fails: {error}"));
    assert_matches!(store.fetch("bad").await, Err(StoreError::NotFound));
    assert_matches!(store.remove("bad").await, Err(StoreError::NotFound));
    for key in [RECORD, HISTORY] {
        assert_eq!(ask(harness, &["EXISTS", key]), ":0\r\n", "{name}: {key} is left");
    }
    lists_are_right(&store, false, name).await;
    doctor(url, true).await;
    let report = doctor(url, false).await;
    assert_eq!(report.wrong, 0, "{name} is left after deletion and repair\n{}", report.text);
    store.make("bad").await;
    lists_are_right(&store, true, name).await;
}

/// Each kind, or each `step`th of them.
async fn kinds_in_turn(harness: &mut impl Harness, url: &str, step: usize) {
    let kinds = kinds::all();
    assert!(kinds.len() / step >= 12, "{}", kinds.len());
    for kind in kinds.iter().step_by(step) {
        one_kind(harness, url, kind).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_data_on_one_server_fails_its_own_session_only() {
    let mut harness = Redis::default();
    let url = harness.server.url();
    kinds_in_turn(&mut harness, &url, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_data_in_a_cluster_fails_its_own_session_only() {
    let mut harness = Cluster::default();
    let url = harness.url();
    // The doctor asks each node anew, so this takes long; what differs in a cluster is the same for many kinds.
    kinds_in_turn(&mut harness, &url, 9).await;
}

#[tokio::test]
async fn a_metric_counts_the_records_that_lists_leave_out() {
    let mut harness = Redis::default();
    let mut registry = Registry::default();
    let metrics = StoreMetrics::register(&mut registry);
    let store: Store = Arc::new(ObservedStore::new(harness.hour(), "redis", metrics));
    sessions(&store).await;
    harness.server.ask(&["HSET", RECORD, "created_at", "never"]);
    for listings in 0..3 {
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains(&format!("nono_store_corrupt_records_total {listings}\n")), "{text}");
        store.first_page(10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_of_another_type_refuses_writes_until_it_is_repaired() {
    let mut harness = Redis::default();
    let (store, url) = (harness.hour(), harness.server.url());
    sessions(&store).await;
    harness.server.ask(&["SET", INDEX, "foreign"]);
    let content = |server: &RedisServer| {
        [RECORD, "chat_history:{bad}", "session:{good}"].map(|key| server.ask(&["DUMP", key]))
    };
    let before = content(&harness.server);
    let report = doctor(&url, false).await;
    assert!(report.text.contains("wrong   session_index:{:}: it holds a string"), "{}", report.text);
    let list = store.list(&Owner::open(), &ListPage::default()).await;
    assert_matches!(list, Err(StoreError::Broken(_)));
    assert_matches!(store.try_create(new("new")).await, Err(StoreError::Broken(_)));
    assert_matches!(store.say("good", &["x"]).await, Err(StoreError::Broken(_)));
    assert_matches!(store.use_again("good").await, Err(StoreError::Broken(_)));
    assert_eq!(content(&harness.server), before, "a write that is refused changes nothing");
    assert_eq!(harness.server.ask(&["EXISTS", "session:{new}"]), ":0\r\n");
    assert_eq!(store.read("good", page(Span::Newest, 10)).await.unwrap().message_count, 2);
    store.remove("bad").await.unwrap();
    doctor(&url, true).await;
    assert_eq!(doctor(&url, false).await.wrong, 0);
    lists_are_right(&store, false, "a repaired index").await;
    others_go_on(&store, "a repaired index").await;
}
