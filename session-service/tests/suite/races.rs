//! Many at once.

use super::harness::*;
use session_service::{
    domain::{Owner, Span},
    store::StoreError,
};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

pub async fn of_a_thousand_creates_one_creates(harness: &mut impl Harness) {
    let store = harness.hour();
    let mut calls = JoinSet::new();
    for _ in 0..1000 {
        let store = store.clone();
        calls.spawn(async move { store.try_create(new("a")).await });
    }
    let mut created = 0;
    for result in calls.join_all().await {
        match result {
            Ok(made) => created += u32::from(made.created),
            Err(error) => assert_matches!(error, StoreError::Exists),
        }
    }
    assert_eq!(created, 1);
    assert_eq!(store.first_page(10).await.total_count, 1);
}

pub async fn appends_from_many_tasks_are_dense_and_whole(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    let mut calls = JoinSet::new();
    for task in 0..20 {
        let store = store.clone();
        calls.spawn(async move {
            let mut said = Vec::new();
            for n in 0..10 {
                let contents = [format!("{task} {n} first"), format!("{task} {n} second")];
                let contents: Vec<_> = contents.iter().map(String::as_str).collect();
                said.extend(store.say("a", &contents).await.unwrap().messages);
            }
            said
        });
    }
    let mut said: Vec<_> = calls.join_all().await.into_iter().flatten().collect();
    said.sort_by_key(|message| message.seq);
    assert_eq!(seqs(&said), (1..=400).collect::<Vec<_>>());
    assert_eq!(store.read("a", page(Span::Newest, 1000)).await.unwrap().messages, said);
    for pair in said.chunks(2) {
        let [first, second] = pair else { panic!("an even number") };
        assert_eq!(first.content.as_str().replace("first", "second"), second.content.as_str());
    }
}

pub async fn of_many_retries_one_stores(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    let mut calls = JoinSet::new();
    for n in 0..200 {
        let store = store.clone();
        calls.spawn(async move {
            let request_id = format!("r{}", n % 10);
            (n % 10, store.say_once("a", &[&request_id], &request_id).await.unwrap())
        });
    }
    let mut stored: BTreeMap<i32, (u32, u32)> = BTreeMap::new();
    for (request_id, said) in calls.join_all().await {
        let (seq, times) = stored.entry(request_id).or_insert((said.messages[0].seq, 0));
        assert_eq!(*seq, said.messages[0].seq, "every retry answers the same message");
        *times += u32::from(!said.replayed);
    }
    assert!(stored.values().all(|(_, times)| *times == 1));
    assert_eq!(store.fetch("a").await.unwrap().message_count, 10);
}

pub async fn creates_and_deletes_leave_lists_right(harness: &mut impl Harness) {
    let store = harness.hour();
    let mut calls = JoinSet::new();
    for task in 0..16 {
        let store = store.clone();
        calls.spawn(async move {
            for n in 0..25 {
                let name = format!("{}", (task + n) % 8);
                match n % 3 {
                    0 => drop(store.try_create(new(&name)).await),
                    1 => drop(store.say(&name, &["hello"]).await),
                    _ => drop(store.remove(&name).await),
                }
            }
        });
    }
    calls.join_all().await;
    let listed = store.first_page(100).await;
    assert_eq!(listed.total_count as usize, listed.sessions.len());
    for name in 0..8 {
        let name = name.to_string();
        let is_live = store.get(&Owner::open(), &id(&name)).await.is_ok();
        assert_eq!(handles(&listed.sessions).contains(&name.as_str()), is_live, "{name}");
    }
}
