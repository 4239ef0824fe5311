//! Sessions begin, are used and end.

use super::harness::*;
use session_service::{
    domain::{IfExists, Metadata, Owner, PersonaKey, Span},
    store::{ListPage, Policy, StoreError},
};
use std::time::Duration;

/// A session lifetime in tests of expiry. Half of it is the slack for a busy machine.
const SHORT: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(5);

fn short() -> Policy {
    Policy { session_ttl: SHORT, ..Policy::default() }
}

pub async fn a_created_session_is_answered_as_made(harness: &mut impl Harness) {
    let store = harness.hour();
    let mut new = new("John Doe");
    new.persona = PersonaKey::new("mental_health_nurse");
    new.metadata = Metadata::try_from(r#"{"a":[],"n":42}"#.to_owned()).unwrap();
    let made = store.try_create(new.clone()).await.unwrap();
    assert!(made.created);
    let session = made.session;
    assert_eq!(session.user_id, new.user_id);
    assert_eq!(session.persona, new.persona);
    assert_eq!(session.metadata, new.metadata);
    assert_eq!(session.message_count, 0);
    assert_eq!(session.created_at, session.last_activity);
    assert_eq!(session.expires_at, session.created_at.after(Duration::from_secs(3600)));
    assert_eq!(session.session_id(), format!("session_John Doe_{}", session.created_at.as_secs()));
    assert_eq!(store.fetch("John Doe").await.unwrap(), session);
}

pub async fn a_live_handle_is_not_created_twice_and_nothing_changes(harness: &mut impl Harness) {
    let store = harness.hour();
    let session = store.make("a").await;
    harness.pass(TICK).await;
    let mut again = new("a");
    again.persona = PersonaKey::new("creative_writer");
    assert_matches!(store.try_create(again).await, Err(StoreError::Exists));
    assert_eq!(store.fetch("a").await.unwrap(), session);
}

pub async fn a_live_session_is_returned_as_it_is_when_asked(harness: &mut impl Harness) {
    let store = harness.hour();
    let session = store.make("a").await;
    store.say("a", &["hello"]).await.unwrap();
    harness.pass(TICK).await;
    let mut again = new("a");
    again.persona = PersonaKey::new("creative_writer");
    again.metadata = Metadata::try_from(r#"{"other":1}"#.to_owned()).unwrap();
    again.if_exists = IfExists::Return;
    let returned = store.try_create(again).await.unwrap();
    assert!(!returned.created);
    assert_eq!(returned.session.persona, session.persona);
    assert_eq!(returned.session.metadata, session.metadata);
    assert_eq!(returned.session.message_count, 1);
    assert_eq!(returned.session.created_at, session.created_at);
    assert!(returned.session.expires_at > session.expires_at, "opening a session is activity");
}

pub async fn the_request_id_that_created_answers_created_again(harness: &mut impl Harness) {
    let store = harness.hour();
    let mut new = new("a");
    new.request_id = Some(request("r1"));
    let first = store.try_create(new.clone()).await.unwrap();
    store.say("a", &["hello"]).await.unwrap();
    let again = store.try_create(new).await.unwrap();
    assert!(first.created && again.created);
    assert_eq!(again.session.created_at, first.session.created_at);
    assert_eq!(again.session.message_count, 1);
}

pub async fn another_request_id_does_not(harness: &mut impl Harness) {
    let store = harness.hour();
    let mut new = new("a");
    new.request_id = Some(request("r1"));
    store.try_create(new.clone()).await.unwrap();
    new.request_id = Some(request("r2"));
    assert_matches!(store.try_create(new.clone()).await, Err(StoreError::Exists));
    new.request_id = None;
    assert_matches!(store.try_create(new).await, Err(StoreError::Exists));
}

pub async fn a_deleted_session_is_gone_with_its_messages(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    store.say("a", &["hello"]).await.unwrap();
    store.remove("a").await.unwrap();
    is_gone(&store, "a").await;
}

async fn is_gone(store: &Store, user_id: &str) {
    assert_matches!(store.fetch(user_id).await, Err(StoreError::NotFound));
    assert_matches!(store.read(user_id, page(Span::Newest, 10)).await, Err(StoreError::NotFound));
    assert_matches!(store.say(user_id, &["late"]).await, Err(StoreError::NotFound));
    assert_matches!(store.say_once(user_id, &["late"], "r").await, Err(StoreError::NotFound));
    assert_matches!(store.use_again(user_id).await, Err(StoreError::NotFound));
    assert_matches!(store.remove(user_id).await, Err(StoreError::NotFound));
    let listed = store.list(&Owner::open(), &ListPage::default()).await.unwrap();
    assert!(!handles(&listed.sessions).contains(&user_id));
    assert_eq!(listed.total_count as usize, listed.sessions.len());
}

pub async fn deleting_what_is_not_live_is_not_found(harness: &mut impl Harness) {
    let store = harness.hour();
    assert_matches!(store.remove("a").await, Err(StoreError::NotFound));
    store.make("a").await;
    store.remove("a").await.unwrap();
    assert_matches!(store.remove("a").await, Err(StoreError::NotFound));
}

pub async fn a_handle_can_be_used_again_after_deletion(harness: &mut impl Harness) {
    let store = harness.hour();
    let mut new = new("a");
    new.request_id = Some(request("r"));
    store.try_create(new.clone()).await.unwrap();
    store.say_once("a", &["before"], "s").await.unwrap();
    store.remove("a").await.unwrap();
    let again = store.try_create(new).await.unwrap();
    assert!(again.created);
    assert_eq!(again.session.message_count, 0);
    let said = store.say_once("a", &["after"], "s").await.unwrap();
    assert!(!said.replayed, "a new session remembers no requests of an old one");
    assert_eq!(seqs(&said.messages), [1]);
}

pub async fn only_activity_moves_the_expiry(harness: &mut impl Harness) {
    let store = harness.hour();
    let made = store.make("a").await;
    harness.pass(TICK).await;
    store.fetch("a").await.unwrap();
    store.read("a", page(Span::Newest, 10)).await.unwrap();
    store.first_page(10).await;
    assert_eq!(store.fetch("a").await.unwrap(), made);

    let touched = store.use_again("a").await.unwrap();
    assert!(touched.last_activity > made.last_activity);
    assert_eq!(touched.expires_at, touched.last_activity.after(Duration::from_secs(3600)));
    assert_eq!(touched.created_at, made.created_at);
    harness.pass(TICK).await;
    let said = store.say("a", &["hello"]).await.unwrap();
    assert!(said.session.expires_at > touched.expires_at);
    assert_eq!(said.messages[0].timestamp, said.session.last_activity);
    assert_eq!(store.fetch("a").await.unwrap(), said.session);
}

pub async fn an_expired_session_is_gone_everywhere(harness: &mut impl Harness) {
    let store = harness.store(short());
    store.make("kept").await;
    store.make("a").await;
    store.say("a", &["hello"]).await.unwrap();
    harness.pass(SHORT / 2).await;
    store.use_again("kept").await.unwrap();
    harness.pass(SHORT / 2 + TICK).await;
    assert_eq!(handles(&store.first_page(10).await.sessions), ["kept"]);
    is_gone(&store, "a").await;
}

pub async fn an_expired_handle_can_be_created_again_without_its_past(harness: &mut impl Harness) {
    let store = harness.store(short());
    store.make("a").await;
    store.say("a", &["before"]).await.unwrap();
    harness.pass(SHORT + TICK).await;
    assert_eq!(store.make("a").await.message_count, 0);
    let history = store.read("a", page(Span::Newest, 10)).await.unwrap();
    assert_eq!((history.message_count, history.messages.len(), history.has_more), (0, 0, false));
}

pub async fn the_number_of_sessions_per_owner_is_bounded(harness: &mut impl Harness) {
    let store = harness.store(Policy { max_sessions_per_owner: Some(2), ..Policy::default() });
    store.make("a").await;
    store.make("b").await;
    assert_matches!(store.try_create(new("c")).await, Err(StoreError::TooManySessions));
    assert_matches!(store.try_create(new("a")).await, Err(StoreError::Exists));
    let mut again = new("a");
    again.if_exists = IfExists::Return;
    assert!(!store.try_create(again).await.unwrap().created);
    store.remove("a").await.unwrap();
    store.make("c").await;
}

pub async fn expired_sessions_do_not_count_against_the_bound(harness: &mut impl Harness) {
    let store = harness.store(Policy { session_ttl: SHORT, max_sessions_per_owner: Some(1) });
    store.make("a").await;
    harness.pass(SHORT + TICK).await;
    store.make("b").await;
}
