//! Appends.

use super::harness::*;
use session_service::{
    domain::{Batch, Content, HistoryRange, Metadata, NewMessage, Owner, Role, limits},
    store::StoreError,
};

pub async fn seq_is_dense_from_one(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    assert_eq!(seqs(&store.append_texts("a", &["1", "2"]).await.unwrap().messages), [1, 2]);
    let third = store.append_texts("a", &["3"]).await.unwrap();
    assert_eq!(seqs(&third.messages), [3]);
    assert_eq!(third.session.message_count, 3);
    let history = store.read_history("a", page(HistoryRange::Latest, 10)).await.unwrap();
    assert_eq!(seqs(&history.messages), [1, 2, 3]);
    assert_eq!(history.message_count, 3);
}

pub async fn messages_are_returned_unchanged(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let messages: Vec<_> = [(Role::User, "hi"), (Role::Assistant, "hello\n\u{1}\"}"), (Role::System, "🤖 ]")]
        .into_iter()
        .map(|(role, content)| NewMessage {
            role,
            content: Content::try_from(content).unwrap(),
            metadata: Metadata::try_from(r#"{"empty":[],"big":9007199254740991}"#.to_owned()).unwrap(),
        })
        .collect();
    let batch = Batch::try_from(messages).unwrap();
    let said = store.append(&Owner::open(), &id("a"), &batch, None).await.unwrap();
    assert!(!said.replayed);
    assert_eq!(said.messages, batch.at(1, said.session.last_activity));
    assert_eq!(
        store.read_history("a", page(HistoryRange::Latest, 10)).await.unwrap().messages,
        said.messages
    );
}

pub async fn append_to_a_session_that_is_not_live_creates_nothing(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    assert_matches!(store.append_texts("a", &["hello"]).await, Err(StoreError::NotFound));
    assert_matches!(store.touch_session("a").await, Err(StoreError::NotFound));
    assert_eq!(store.list_first_page(10).await.total_count, 0);
    assert_eq!(store.create_session("a").await.message_count, 0);
    assert!(store.read_history("a", page(HistoryRange::Latest, 10)).await.unwrap().messages.is_empty());
}

pub async fn a_retried_append_is_stored_once_and_returns_the_same(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    store.append_texts("a", &["0"]).await.unwrap();
    let first = store.append_texts_with_id("a", &["1", "2"], "r").await.unwrap();
    store.append_texts("a", &["3"]).await.unwrap();
    let again = store.append_texts_with_id("a", &["1", "2"], "r").await.unwrap();
    assert!(!first.replayed && again.replayed);
    assert_eq!(again.messages, first.messages);
    assert_eq!(again.session.message_count, 4);
    assert_eq!(store.get_session("a").await.unwrap().message_count, 4);
}

pub async fn a_request_id_with_other_messages_is_rejected(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let first = store.append_texts_with_id("a", &["1"], "r").await.unwrap();
    for other in [&["2"][..], &["1", "1"], &["1 "]] {
        assert_matches!(store.append_texts_with_id("a", other, "r").await, Err(StoreError::RequestIdReused));
    }
    assert_eq!(store.get_session("a").await.unwrap(), first.session);
}

pub async fn sixty_four_request_ids_are_remembered(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    for n in 0..limits::REMEMBERED_REQUEST_IDS + 1 {
        store.append_texts_with_id("a", &[&n.to_string()], &format!("r{n}")).await.unwrap();
    }
    for n in 1..limits::REMEMBERED_REQUEST_IDS + 1 {
        let again = store.append_texts_with_id("a", &[&n.to_string()], &format!("r{n}")).await.unwrap();
        assert!(again.replayed, "request {n} is forgotten");
        assert_eq!(seqs(&again.messages), [u32::try_from(n).unwrap() + 1]);
    }
}

pub async fn a_session_holds_ten_thousand_messages(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let hundred = batch(&["x"; 100]);
    for _ in 0..limits::SESSION_MAX_MESSAGES / 100 {
        store.append(&Owner::open(), &id("a"), &hundred, None).await.unwrap();
    }
    let full = store.get_session("a").await.unwrap();
    assert_eq!(full.message_count, limits::SESSION_MAX_MESSAGES);
    assert_matches!(store.append_texts("a", &["one more"]).await, Err(StoreError::SessionFull));
    assert_eq!(store.get_session("a").await.unwrap(), full);
    let history = store.read_history("a", page(HistoryRange::Before(3), 10)).await.unwrap();
    assert_eq!(seqs(&history.messages), [1, 2], "nothing is trimmed");
}

pub async fn a_batch_that_does_not_fit_is_rejected_completely(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    for _ in 0..limits::SESSION_MAX_MESSAGES / 100 - 1 {
        store.append(&Owner::open(), &id("a"), &batch(&["x"; 100]), None).await.unwrap();
    }
    store.append(&Owner::open(), &id("a"), &batch(&["x"; 99]), None).await.unwrap();
    assert_matches!(store.append_texts("a", &["1", "2"]).await, Err(StoreError::SessionFull));
    assert_eq!(store.append_texts("a", &["1"]).await.unwrap().messages[0].seq, limits::SESSION_MAX_MESSAGES);
}
