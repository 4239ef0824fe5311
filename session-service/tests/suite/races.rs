//! Concurrent calls.

use super::harness::*;
use session_service::{
    domain::{HistoryRange, Owner},
    store::StoreError,
};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

pub async fn one_of_a_thousand_concurrent_creates_succeeds(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let mut calls = JoinSet::new();
    for _ in 0..1000 {
        let store = store.clone();
        calls.spawn(async move { store.try_create_session(new("a")).await });
    }
    let mut created = 0;
    for result in calls.join_all().await {
        match result {
            Ok(made) => created += u32::from(made.created),
            Err(error) => assert_matches!(error, StoreError::AlreadyExists),
        }
    }
    assert_eq!(created, 1);
    assert_eq!(store.list_first_page(10).await.total_count, 1);
}

pub async fn concurrent_appends_are_dense_and_atomic(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let mut calls = JoinSet::new();
    for task in 0..20 {
        let store = store.clone();
        calls.spawn(async move {
            let mut said = Vec::new();
            for n in 0..10 {
                let contents = [format!("{task} {n} first"), format!("{task} {n} second")];
                let contents: Vec<_> = contents.iter().map(String::as_str).collect();
                said.extend(store.append_texts("a", &contents).await.unwrap().messages);
            }
            said
        });
    }
    let mut said: Vec<_> = calls.join_all().await.into_iter().flatten().collect();
    said.sort_by_key(|message| message.seq);
    assert_eq!(seqs(&said), (1..=400).collect::<Vec<_>>());
    assert_eq!(store.read_history("a", page(HistoryRange::Latest, 1000)).await.unwrap().messages, said);
    for pair in said.chunks(2) {
        let [first, second] = pair else { panic!("an even number") };
        assert_eq!(first.content.as_str().replace("first", "second"), second.content.as_str());
    }
}

pub async fn concurrent_retries_are_stored_once(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let mut calls = JoinSet::new();
    for n in 0..200 {
        let store = store.clone();
        calls.spawn(async move {
            let request_id = format!("r{}", n % 10);
            (n % 10, store.append_texts_with_id("a", &[&request_id], &request_id).await.unwrap())
        });
    }
    let mut stored: BTreeMap<i32, (u32, u32)> = BTreeMap::new();
    for (request_id, said) in calls.join_all().await {
        let (seq, times) = stored.entry(request_id).or_insert((said.messages[0].seq, 0));
        assert_eq!(*seq, said.messages[0].seq, "every retry answers the same message");
        *times += u32::from(!said.replayed);
    }
    assert!(stored.values().all(|(_, times)| *times == 1));
    assert_eq!(store.get_session("a").await.unwrap().message_count, 10);
}

pub async fn concurrent_creates_and_deletes_leave_lists_consistent(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let mut calls = JoinSet::new();
    for task in 0..16 {
        let store = store.clone();
        calls.spawn(async move {
            for n in 0..25 {
                let name = format!("{}", (task + n) % 8);
                match n % 3 {
                    0 => drop(store.try_create_session(new(&name)).await),
                    1 => drop(store.append_texts(&name, &["hello"]).await),
                    _ => drop(store.delete_session(&name).await),
                }
            }
        });
    }
    calls.join_all().await;
    let listed = store.list_first_page(100).await;
    assert_eq!(listed.total_count as usize, listed.sessions.len());
    for name in 0..8 {
        let name = name.to_string();
        let is_live = store.get(&Owner::open(), &id(&name)).await.is_ok();
        assert_eq!(user_ids(&listed.sessions).contains(&name.as_str()), is_live, "{name}");
    }
}
