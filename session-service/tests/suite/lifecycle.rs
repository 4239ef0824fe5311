//! Creation, use, expiry and deletion of sessions.

use super::harness::*;
use session_service::{
    domain::{HistoryRange, IfExists, Metadata, Owner, PersonaKey},
    store::{ListPage, Policy, StoreError},
};
use std::time::Duration;

/// Session TTL in tests of expiry. Half of it is slack for a busy machine.
const SHORT: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(5);

fn short() -> Policy {
    Policy { session_ttl: SHORT, ..Policy::default() }
}

pub async fn create_returns_the_session(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let mut new = new("John Doe");
    new.persona = PersonaKey::new("mental_health_nurse");
    new.metadata = Metadata::try_from(r#"{"a":[],"n":42}"#.to_owned()).unwrap();
    let made = store.try_create_session(new.clone()).await.unwrap();
    assert!(made.created);
    let session = made.session;
    assert_eq!(session.user_id, new.user_id);
    assert_eq!(session.persona, new.persona);
    assert_eq!(session.metadata, new.metadata);
    assert_eq!(session.message_count, 0);
    assert_eq!(session.created_at, session.last_activity);
    assert_eq!(session.expires_at, session.created_at.after(Duration::from_secs(3600)));
    assert_eq!(session.session_id(), format!("session_John Doe_{}", session.created_at.as_secs()));
    assert_eq!(store.get_session("John Doe").await.unwrap(), session);
}

pub async fn create_fails_for_a_live_session_and_changes_nothing(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let session = store.create_session("a").await;
    harness.advance(TICK).await;
    let mut again = new("a");
    again.persona = PersonaKey::new("creative_writer");
    assert_matches!(store.try_create_session(again).await, Err(StoreError::AlreadyExists));
    assert_eq!(store.get_session("a").await.unwrap(), session);
}

pub async fn create_returns_a_live_session_unchanged_if_requested(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let session = store.create_session("a").await;
    store.append_texts("a", &["hello"]).await.unwrap();
    harness.advance(TICK).await;
    let mut again = new("a");
    again.persona = PersonaKey::new("creative_writer");
    again.metadata = Metadata::try_from(r#"{"other":1}"#.to_owned()).unwrap();
    again.if_exists = IfExists::Return;
    let returned = store.try_create_session(again).await.unwrap();
    assert!(!returned.created);
    assert_eq!(returned.session.persona, session.persona);
    assert_eq!(returned.session.metadata, session.metadata);
    assert_eq!(returned.session.message_count, 1);
    assert_eq!(returned.session.created_at, session.created_at);
    assert!(returned.session.expires_at > session.expires_at, "opening a session is activity");
}

pub async fn a_retried_create_returns_created(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let mut new = new("a");
    new.request_id = Some(request("r1"));
    let first = store.try_create_session(new.clone()).await.unwrap();
    store.append_texts("a", &["hello"]).await.unwrap();
    let again = store.try_create_session(new).await.unwrap();
    assert!(first.created && again.created);
    assert_eq!(again.session.created_at, first.session.created_at);
    assert_eq!(again.session.message_count, 1);
}

pub async fn a_create_with_another_request_id_fails(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let mut new = new("a");
    new.request_id = Some(request("r1"));
    store.try_create_session(new.clone()).await.unwrap();
    new.request_id = Some(request("r2"));
    assert_matches!(store.try_create_session(new.clone()).await, Err(StoreError::AlreadyExists));
    new.request_id = None;
    assert_matches!(store.try_create_session(new).await, Err(StoreError::AlreadyExists));
}

pub async fn delete_removes_the_session_with_its_messages(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    store.append_texts("a", &["hello"]).await.unwrap();
    store.delete_session("a").await.unwrap();
    is_gone(&store, "a").await;
}

async fn is_gone(store: &Store, user_id: &str) {
    assert_matches!(store.get_session(user_id).await, Err(StoreError::NotFound));
    assert_matches!(
        store.read_history(user_id, page(HistoryRange::Latest, 10)).await,
        Err(StoreError::NotFound)
    );
    assert_matches!(store.append_texts(user_id, &["late"]).await, Err(StoreError::NotFound));
    assert_matches!(store.append_texts_with_id(user_id, &["late"], "r").await, Err(StoreError::NotFound));
    assert_matches!(store.touch_session(user_id).await, Err(StoreError::NotFound));
    assert_matches!(store.delete_session(user_id).await, Err(StoreError::NotFound));
    let listed = store.list(&Owner::open(), &ListPage::default()).await.unwrap();
    assert!(!user_ids(&listed.sessions).contains(&user_id));
    assert_eq!(listed.total_count as usize, listed.sessions.len());
}

pub async fn delete_returns_not_found_unless_the_session_is_live(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    assert_matches!(store.delete_session("a").await, Err(StoreError::NotFound));
    store.create_session("a").await;
    store.delete_session("a").await.unwrap();
    assert_matches!(store.delete_session("a").await, Err(StoreError::NotFound));
}

pub async fn a_deleted_session_can_be_created_again(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let mut new = new("a");
    new.request_id = Some(request("r"));
    store.try_create_session(new.clone()).await.unwrap();
    store.append_texts_with_id("a", &["before"], "s").await.unwrap();
    store.delete_session("a").await.unwrap();
    let again = store.try_create_session(new).await.unwrap();
    assert!(again.created);
    assert_eq!(again.session.message_count, 0);
    let said = store.append_texts_with_id("a", &["after"], "s").await.unwrap();
    assert!(!said.replayed, "a new session remembers no requests of an old one");
    assert_eq!(seqs(&said.messages), [1]);
}

pub async fn only_activity_extends_the_lifetime(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let made = store.create_session("a").await;
    harness.advance(TICK).await;
    store.get_session("a").await.unwrap();
    store.read_history("a", page(HistoryRange::Latest, 10)).await.unwrap();
    store.list_first_page(10).await;
    assert_eq!(store.get_session("a").await.unwrap(), made);

    let touched = store.touch_session("a").await.unwrap();
    assert!(touched.last_activity > made.last_activity);
    assert_eq!(touched.expires_at, touched.last_activity.after(Duration::from_secs(3600)));
    assert_eq!(touched.created_at, made.created_at);
    harness.advance(TICK).await;
    let said = store.append_texts("a", &["hello"]).await.unwrap();
    assert!(said.session.expires_at > touched.expires_at);
    assert_eq!(said.messages[0].timestamp, said.session.last_activity);
    assert_eq!(store.get_session("a").await.unwrap(), said.session);
}

pub async fn expired_sessions_are_not_found_by_any_call(harness: &mut impl Harness) {
    let store = harness.store(short());
    store.create_session("kept").await;
    store.create_session("a").await;
    store.append_texts("a", &["hello"]).await.unwrap();
    harness.advance(SHORT / 2).await;
    store.touch_session("kept").await.unwrap();
    harness.advance(SHORT / 2 + TICK).await;
    assert_eq!(user_ids(&store.list_first_page(10).await.sessions), ["kept"]);
    is_gone(&store, "a").await;
}

pub async fn an_expired_session_can_be_created_again_without_its_messages(harness: &mut impl Harness) {
    let store = harness.store(short());
    store.create_session("a").await;
    store.append_texts("a", &["before"]).await.unwrap();
    harness.advance(SHORT + TICK).await;
    assert_eq!(store.create_session("a").await.message_count, 0);
    let history = store.read_history("a", page(HistoryRange::Latest, 10)).await.unwrap();
    assert_eq!((history.message_count, history.messages.len(), history.has_more), (0, 0, false));
}

pub async fn the_number_of_sessions_per_owner_is_limited(harness: &mut impl Harness) {
    let store = harness.store(Policy { max_sessions_per_owner: Some(2), ..Policy::default() });
    store.create_session("a").await;
    store.create_session("b").await;
    assert_matches!(store.try_create_session(new("c")).await, Err(StoreError::TooManySessions));
    assert_matches!(store.try_create_session(new("a")).await, Err(StoreError::AlreadyExists));
    let mut again = new("a");
    again.if_exists = IfExists::Return;
    assert!(!store.try_create_session(again).await.unwrap().created);
    store.delete_session("a").await.unwrap();
    store.create_session("c").await;
}

pub async fn expired_sessions_do_not_count_towards_the_limit(harness: &mut impl Harness) {
    let store = harness.store(Policy { session_ttl: SHORT, max_sessions_per_owner: Some(1) });
    store.create_session("a").await;
    harness.advance(SHORT + TICK).await;
    store.create_session("b").await;
}
