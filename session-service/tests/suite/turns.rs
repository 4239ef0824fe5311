//! Turns: one at a time, answered once, never into a session that is gone.

use super::harness::*;
use session_service::{
    domain::{Owner, Role, Span, limits},
    store::{NewTurn, StoreError, TurnToken},
};
use std::time::Duration;
use tokio::task::JoinSet;

const LEASE: Duration = Duration::from_secs(30);
/// A lease that ends within a test. The calls before its end must fit in, on a busy machine too.
const SHORT: Duration = Duration::from_millis(500);

fn turn(user_id: &str, content: &str, request_id: &str, token: &str) -> NewTurn {
    NewTurn {
        user_id: id(user_id),
        message: message(Role::User, content),
        request_id: request(request_id),
        token: TurnToken(token.into()),
    }
}

/// Every step of a turn in a session that is live.
pub async fn one_turn(store: &Store, user_id: &str) {
    let owner = Owner::open();
    let hello = turn(user_id, "hello", "turn", "token");
    store.begin_turn(&owner, &hello, LEASE).await.unwrap();
    store.renew_turn(&owner, &id(user_id), &hello.token, LEASE).await.unwrap();
    store.finish_turn(&owner, &hello, &reply("hi")).await.unwrap();
    store.give_turn_back(&owner, &id(user_id), &hello.token).await.unwrap();
}

pub async fn a_turn_stores_the_message_and_then_the_reply(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    let hello = turn("a", "hello", "r", "t");
    let begun = store.begin_turn(&Owner::open(), &hello, LEASE).await.unwrap();
    assert!(!begun.replayed && begun.reply.is_none());
    assert_eq!((begun.message.seq, begun.session.message_count), (1, 1));
    store.renew_turn(&Owner::open(), &id("a"), &hello.token, LEASE).await.unwrap();
    let reply = store.finish_turn(&Owner::open(), &hello, &reply("hi")).await.unwrap();
    let history = store.read("a", page(Span::Newest, 10)).await.unwrap();
    assert_eq!(history.messages, [begun.message, reply]);
    assert_eq!(history.message_count, 2);
}

pub async fn of_a_hundred_turns_one_is_taken(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
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
    assert_eq!(store.fetch("a").await.unwrap().message_count, 1, "those refused have stored nothing");
}

pub async fn an_answered_request_is_answered_again(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    let first = turn("a", "hello", "r", "t1");
    let begun = store.begin_turn(&Owner::open(), &first, LEASE).await.unwrap();
    let reply = store.finish_turn(&Owner::open(), &first, &reply("hi")).await.unwrap();
    store.begin_turn(&Owner::open(), &turn("a", "next", "s", "t2"), LEASE).await.unwrap();
    let again = store.begin_turn(&Owner::open(), &turn("a", "hello", "r", "t3"), LEASE).await.unwrap();
    assert!(again.replayed);
    assert_eq!((again.message, again.reply), (begun.message, Some(reply)));
    assert_eq!(store.fetch("a").await.unwrap().message_count, 3);
    let other = store.begin_turn(&Owner::open(), &turn("a", "other", "r", "t4"), LEASE).await;
    assert_matches!(other, Err(StoreError::RequestIdReused));
}

pub async fn a_turn_given_back_can_be_taken_again_without_doubling_the_message(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    let first = turn("a", "hello", "r", "t1");
    let begun = store.begin_turn(&Owner::open(), &first, LEASE).await.unwrap();
    store.give_turn_back(&Owner::open(), &id("a"), &first.token).await.unwrap();
    let late = store.finish_turn(&Owner::open(), &first, &reply("late")).await;
    assert_matches!(late, Err(StoreError::TurnLost));
    let second = turn("a", "hello", "r", "t2");
    let again = store.begin_turn(&Owner::open(), &second, LEASE).await.unwrap();
    assert!(again.replayed && again.reply.is_none());
    assert_eq!(again.message, begun.message);
    store.finish_turn(&Owner::open(), &second, &reply("hi")).await.unwrap();
    assert_eq!(store.fetch("a").await.unwrap().message_count, 2);
}

pub async fn a_lease_that_is_over_frees_the_turn_and_fences_its_owner(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    let crashed = turn("a", "hello", "r", "t1");
    store.begin_turn(&Owner::open(), &crashed, SHORT).await.unwrap();
    let busy = store.begin_turn(&Owner::open(), &turn("a", "x", "s", "t2"), SHORT).await;
    assert_matches!(busy, Err(StoreError::TurnInProgress(_)));
    harness.pass(SHORT + Duration::from_millis(5)).await;
    let next = turn("a", "next", "s", "t2");
    store.begin_turn(&Owner::open(), &next, LEASE).await.unwrap();
    let late = reply("too late");
    assert_matches!(store.finish_turn(&Owner::open(), &crashed, &late).await, Err(StoreError::TurnLost));
    let renewed = store.renew_turn(&Owner::open(), &id("a"), &crashed.token, LEASE).await;
    assert_matches!(renewed, Err(StoreError::TurnLost));
    store.give_turn_back(&Owner::open(), &id("a"), &crashed.token).await.unwrap();
    store.finish_turn(&Owner::open(), &next, &reply("fine")).await.unwrap();
}

pub async fn a_slow_turn_that_nobody_took_may_still_finish(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    let slow = turn("a", "hello", "r", "t1");
    store.begin_turn(&Owner::open(), &slow, SHORT).await.unwrap();
    harness.pass(SHORT + Duration::from_millis(5)).await;
    store.finish_turn(&Owner::open(), &slow, &reply("hi")).await.unwrap();
}

pub async fn a_deleted_session_is_not_brought_back_by_its_turn(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    let running = turn("a", "hello", "r", "t1");
    store.begin_turn(&Owner::open(), &running, LEASE).await.unwrap();
    store.remove("a").await.unwrap();
    let ghost = reply("ghost");
    assert_matches!(store.finish_turn(&Owner::open(), &running, &ghost).await, Err(StoreError::NotFound));
    let renewed = store.renew_turn(&Owner::open(), &id("a"), &running.token, LEASE).await;
    assert_matches!(renewed, Err(StoreError::NotFound));
    store.make("a").await;
    assert_matches!(store.finish_turn(&Owner::open(), &running, &ghost).await, Err(StoreError::TurnLost));
    assert_eq!(store.fetch("a").await.unwrap().message_count, 0);
    assert_matches!(
        store.begin_turn(&Owner::open(), &turn("nobody", "x", "r", "t"), LEASE).await,
        Err(StoreError::NotFound)
    );
}

pub async fn a_turn_needs_room_for_its_reply(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    for _ in 0..limits::SESSION_MAX_MESSAGES / 100 - 1 {
        store.append(&Owner::open(), &id("a"), &batch(&["x"; 100]), None).await.unwrap();
    }
    store.append(&Owner::open(), &id("a"), &batch(&["x"; 99]), None).await.unwrap();
    let full = store.begin_turn(&Owner::open(), &turn("a", "x", "r", "t"), LEASE).await;
    assert_matches!(full, Err(StoreError::Full));
    assert_eq!(store.fetch("a").await.unwrap().message_count, limits::SESSION_MAX_MESSAGES - 1);
}

pub async fn an_append_is_free_while_a_turn_runs(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    let running = turn("a", "hello", "r", "t1");
    store.begin_turn(&Owner::open(), &running, LEASE).await.unwrap();
    store.say("a", &["a note"]).await.unwrap();
    let reply = store.finish_turn(&Owner::open(), &running, &reply("hi")).await.unwrap();
    assert_eq!(reply.seq, 3);
}
