//! Turns: one at a time, replied to once, and never restoring a session.

use super::harness::*;
use session_service::{
    domain::{FinishReason, HistoryRange, Owner, Role, limits},
    store::{Position, StoreError, TurnFailure, TurnOutcome, TurnRequest, TurnToken},
};
use std::time::Duration;
use tokio::task::JoinSet;

const LEASE: Duration = Duration::from_secs(30);
const FAILED: TurnOutcome = TurnOutcome::Failed(TurnFailure::Model);
/// A lease that expires within a test. All calls before that must fit in, even on a busy machine.
const SHORT: Duration = Duration::from_millis(500);

pub fn turn(user_id: &str, content: &str, request_id: &str, token: &str) -> TurnRequest {
    TurnRequest {
        user_id: id(user_id),
        message: message(Role::User, content),
        request_id: request(request_id),
        token: TurnToken(token.into()),
    }
}

/// Runs every step of a turn in a live session.
pub async fn one_turn(store: &Store, user_id: &str) {
    let owner = Owner::open();
    let hello = turn(user_id, "hello", "turn", "token");
    store.begin_turn(&owner, &hello, LEASE).await.unwrap();
    store.renew_turn(&owner, &id(user_id), &hello.token, LEASE).await.unwrap();
    store.flush_turn(&owner, &id(user_id), &hello.token, 0, "h").await.unwrap();
    store.heads(&[(owner.clone(), id(user_id))]).await.unwrap();
    store.changes(&owner, &id(user_id), &Position { seq: 0, text: None }).await.unwrap();
    store.cancel_turn(&owner, &id(user_id), None).await.unwrap();
    let cut = reply_with_reason(FinishReason::Cancelled, "hi");
    store.finish_turn(&owner, &hello, &cut).await.unwrap();
    store.release_turn(&owner, &id(user_id), &hello.token, FAILED).await.unwrap();
}

pub async fn a_turn_stores_the_message_and_then_the_reply(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let hello = turn("a", "hello", "r", "t");
    let begun = store.begin_turn(&Owner::open(), &hello, LEASE).await.unwrap();
    assert!(!begun.replayed && begun.reply.is_none());
    assert_eq!((begun.message.seq, begun.session.message_count), (1, 1));
    store.renew_turn(&Owner::open(), &id("a"), &hello.token, LEASE).await.unwrap();
    let reply = store.finish_turn(&Owner::open(), &hello, &reply("hi")).await.unwrap().reply;
    let history = store.read_history("a", page(HistoryRange::Latest, 10)).await.unwrap();
    assert_eq!(history.messages, [begun.message, reply]);
    assert_eq!(history.message_count, 2);
}

pub async fn one_of_a_hundred_concurrent_turns_is_acquired(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let mut calls = JoinSet::new();
    for n in 0..100 {
        let store = store.clone();
        calls.spawn(async move {
            let text = n.to_string();
            store.begin_turn(&Owner::open(), &turn("a", &text, &text, &text), LEASE).await
        });
    }
    let mut taken = 0;
    for result in calls.join_all().await {
        match result {
            Ok(_) => taken += 1,
            Err(StoreError::TurnInProgress(left)) => assert!(left <= LEASE),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(taken, 1);
    assert_eq!(store.get_session("a").await.unwrap().message_count, 1, "those refused have stored nothing");
}

pub async fn a_finished_turn_is_replayed(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let first = turn("a", "hello", "r", "t1");
    let begun = store.begin_turn(&Owner::open(), &first, LEASE).await.unwrap();
    let reply = store.finish_turn(&Owner::open(), &first, &reply("hi")).await.unwrap().reply;
    store.begin_turn(&Owner::open(), &turn("a", "next", "s", "t2"), LEASE).await.unwrap();
    let again = store.begin_turn(&Owner::open(), &turn("a", "hello", "r", "t3"), LEASE).await.unwrap();
    assert!(again.replayed);
    assert_eq!((again.message, again.reply), (begun.message, Some(reply)));
    assert_eq!(store.get_session("a").await.unwrap().message_count, 3);
    let other = store.begin_turn(&Owner::open(), &turn("a", "other", "r", "t4"), LEASE).await;
    assert_matches!(other, Err(StoreError::RequestIdReused));
}

pub async fn replay_turn_returns_a_stored_reply_and_otherwise_changes_nothing(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let (owner, first) = (Owner::open(), turn("a", "hello", "r", "t1"));
    assert_matches!(store.replay_turn(&owner, &first).await, Err(StoreError::NotFound));
    let created = store.create_session("a").await;
    harness.advance(Duration::from_millis(5)).await;
    assert_eq!(store.replay_turn(&owner, &first).await.unwrap(), None);
    assert_eq!(store.get_session("a").await.unwrap(), created);
    let begun = store.begin_turn(&owner, &first, LEASE).await.unwrap();
    let running = store.replay_turn(&owner, &first).await.unwrap().unwrap();
    assert_eq!((running.running, running.reply), (Some(first.token.clone()), None));
    let busy = store.replay_turn(&owner, &turn("a", "next", "s", "t2")).await;
    assert_matches!(busy, Err(StoreError::TurnInProgress(_)));
    let reply = store.finish_turn(&owner, &first, &reply("hi")).await.unwrap().reply;
    let replayed = store.replay_turn(&owner, &turn("a", "hello", "r", "t2")).await.unwrap().unwrap();
    assert_eq!((replayed.message, replayed.reply), (begun.message, Some(reply)));
    assert_eq!(replayed.session, store.get_session("a").await.unwrap());
    let other = store.replay_turn(&owner, &turn("a", "other", "r", "t3")).await;
    assert_matches!(other, Err(StoreError::RequestIdReused));
    harness.advance(Duration::from_millis(5)).await;
    store.create_session("b").await;
    assert_eq!(store.replay_turn(&owner, &turn("a", "next", "s", "t4")).await.unwrap(), None);
    assert_eq!(store.get_session("a").await.unwrap(), replayed.session);
    assert_eq!(user_ids(&store.list_first_page(10).await.sessions), ["b", "a"]);
}

pub async fn a_released_turn_can_be_retried_without_duplicating_the_message(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let first = turn("a", "hello", "r", "t1");
    let begun = store.begin_turn(&Owner::open(), &first, LEASE).await.unwrap();
    store.release_turn(&Owner::open(), &id("a"), &first.token, FAILED).await.unwrap();
    let late = store.finish_turn(&Owner::open(), &first, &reply("late")).await;
    assert_matches!(late, Err(StoreError::TurnLost));
    let second = turn("a", "hello", "r", "t2");
    let again = store.begin_turn(&Owner::open(), &second, LEASE).await.unwrap();
    assert!(again.replayed && again.reply.is_none());
    assert_eq!(again.message, begun.message);
    store.finish_turn(&Owner::open(), &second, &reply("hi")).await.unwrap();
    assert_eq!(store.get_session("a").await.unwrap().message_count, 2);
}

pub async fn an_expired_lease_ends_the_turn_and_fences_it(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let crashed = turn("a", "hello", "r", "t1");
    store.begin_turn(&Owner::open(), &crashed, SHORT).await.unwrap();
    let busy = store.begin_turn(&Owner::open(), &turn("a", "x", "s", "t2"), SHORT).await;
    assert_matches!(busy, Err(StoreError::TurnInProgress(_)));
    harness.advance(SHORT + Duration::from_millis(5)).await;
    let next = turn("a", "next", "s", "t2");
    store.begin_turn(&Owner::open(), &next, LEASE).await.unwrap();
    let late = reply("too late");
    assert_matches!(store.finish_turn(&Owner::open(), &crashed, &late).await, Err(StoreError::TurnLost));
    let renewed = store.renew_turn(&Owner::open(), &id("a"), &crashed.token, LEASE).await;
    assert_matches!(renewed, Err(StoreError::TurnLost));
    store.release_turn(&Owner::open(), &id("a"), &crashed.token, FAILED).await.unwrap();
    store.finish_turn(&Owner::open(), &next, &reply("fine")).await.unwrap();
}

pub async fn a_turn_with_an_expired_lease_can_finish_if_no_other_began(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let slow = turn("a", "hello", "r", "t1");
    store.begin_turn(&Owner::open(), &slow, SHORT).await.unwrap();
    harness.advance(SHORT + Duration::from_millis(5)).await;
    store.finish_turn(&Owner::open(), &slow, &reply("hi")).await.unwrap();
}

pub async fn a_turn_does_not_restore_a_deleted_session(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let running = turn("a", "hello", "r", "t1");
    store.begin_turn(&Owner::open(), &running, LEASE).await.unwrap();
    store.delete_session("a").await.unwrap();
    let ghost = reply("ghost");
    assert_matches!(store.finish_turn(&Owner::open(), &running, &ghost).await, Err(StoreError::NotFound));
    let renewed = store.renew_turn(&Owner::open(), &id("a"), &running.token, LEASE).await;
    assert_matches!(renewed, Err(StoreError::NotFound));
    store.create_session("a").await;
    assert_matches!(store.finish_turn(&Owner::open(), &running, &ghost).await, Err(StoreError::TurnLost));
    assert_eq!(store.get_session("a").await.unwrap().message_count, 0);
    assert_matches!(
        store.begin_turn(&Owner::open(), &turn("nobody", "x", "r", "t"), LEASE).await,
        Err(StoreError::NotFound)
    );
}

pub async fn a_turn_requires_room_for_its_reply(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    for _ in 0..limits::SESSION_MAX_MESSAGES / 100 - 1 {
        store.append(&Owner::open(), &id("a"), &batch(&["x"; 100]), None).await.unwrap();
    }
    store.append(&Owner::open(), &id("a"), &batch(&["x"; 99]), None).await.unwrap();
    let full = store.begin_turn(&Owner::open(), &turn("a", "x", "r", "t"), LEASE).await;
    assert_matches!(full, Err(StoreError::SessionFull));
    assert_eq!(store.get_session("a").await.unwrap().message_count, limits::SESSION_MAX_MESSAGES - 1);
}

pub async fn append_works_during_a_turn(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let running = turn("a", "hello", "r", "t1");
    store.begin_turn(&Owner::open(), &running, LEASE).await.unwrap();
    store.append_texts("a", &["a note"]).await.unwrap();
    let reply = store.finish_turn(&Owner::open(), &running, &reply("hi")).await.unwrap().reply;
    assert_eq!(reply.seq, 3);
}
