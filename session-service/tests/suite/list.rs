//! Pages of sessions.

use super::{harness::*, turns::turn};
use session_service::{
    domain::{
        Metadata, NewSession, Owner,
        limits::{LIST_PAGE_MIN_ITEMS, METADATA_MAX_BYTES, PREVIEW_MAX_CHARS},
    },
    store::{ListPage, SessionPage, StoreError},
};
use std::{collections::BTreeSet, time::Duration};

const TICK: Duration = Duration::from_millis(3);

/// Creates sessions in this order with different timestamps, so that the last one is listed first.
async fn make_in_turn(harness: &impl Harness, store: &Store, names: &[&str]) {
    for name in names {
        store.create_session(name).await;
        harness.advance(TICK).await;
    }
}

fn names(pages: &[SessionPage]) -> Vec<&str> {
    pages.iter().flat_map(|page| user_ids(&page.sessions)).collect()
}

pub async fn sessions_are_ordered_by_activity_then_name(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    make_in_turn(harness, &store, &["a", "b", "c"]).await;
    store.touch_session("a").await.unwrap();
    harness.advance(TICK).await;
    store.append_texts("b", &["hello"]).await.unwrap();
    let listed = store.list_first_page(10).await;
    assert_eq!(user_ids(&listed.sessions), ["b", "a", "c"]);
    assert_eq!(listed.sessions[0], store.get_session("b").await.unwrap());
    assert_eq!((listed.total_count, listed.next), (3, None));

    for number in 0..40 {
        store.create_session(&format!("tie {}", number * 7 % 40)).await;
    }
    let listed = store.list_first_page(100).await.sessions;
    let mut sorted = listed.clone();
    sorted.sort_by_key(|session| (std::cmp::Reverse(session.expires_at), session.user_id.clone()));
    assert_eq!(listed, sorted);
}

pub async fn every_session_is_on_one_page(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    for number in 0..23 {
        store.create_session(&format!("{number:02}")).await;
        if number % 5 == 0 {
            harness.advance(TICK).await;
        }
    }
    let whole = store.list_first_page(100).await;
    for items in [1, 2, 5, 22, 23, 24] {
        let mut pages = vec![store.list_first_page(items).await];
        while pages.last().unwrap().next.is_some() {
            pages.push(store.list_next_page(items, pages.last().unwrap()).await);
        }
        assert_eq!(names(&pages), user_ids(&whole.sessions), "in pages of {items}");
        let items = usize::try_from(items).unwrap();
        assert!(pages.iter().rev().skip(1).all(|page| page.sessions.len() == items));
        assert!(pages.iter().all(|page| page.total_count == 23));
        assert_eq!(pages.len(), 23_usize.div_ceil(items));
    }
}

pub async fn a_session_used_between_pages_is_neither_repeated_nor_skipped(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    make_in_turn(harness, &store, &["e", "d", "c", "b", "a"]).await;
    let first = store.list_first_page(2).await;
    assert_eq!(user_ids(&first.sessions), ["a", "b"]);
    harness.advance(TICK).await;
    for used in ["a", "d", "e", "d"] {
        store.touch_session(used).await.unwrap();
        harness.advance(TICK).await;
    }
    let second = store.list_next_page(2, &first).await;
    assert_eq!(user_ids(&second.sessions), ["c", "d"], "the order of the first page's moment");
    store.touch_session("c").await.unwrap();
    let third = store.list_next_page(2, &second).await;
    assert_eq!(user_ids(&third.sessions), ["e"]);
    assert_eq!(third.next, None);
    harness.advance(TICK).await;
    store.touch_session("c").await.unwrap();
    let now = store.list_first_page(10).await;
    assert_eq!(user_ids(&now.sessions), ["c", "d", "e", "a", "b"], "a new listing shows the new order");
}

pub async fn sessions_used_between_any_pages_are_listed_once(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let all: Vec<String> = (0..30).map(|number| format!("{number:02}")).collect();
    for name in &all {
        store.create_session(name).await;
    }
    let mut pages = vec![store.list_first_page(4).await];
    for round in 0.. {
        // No pause: some uses have the same millisecond as the page.
        for name in all.iter().skip(round % 3).step_by(2) {
            store.touch_session(name).await.unwrap();
        }
        if pages.last().unwrap().next.is_none() {
            break;
        }
        pages.push(store.list_next_page(4, pages.last().unwrap()).await);
    }
    let mut listed = names(&pages);
    listed.sort_unstable();
    assert_eq!(listed, all);
}

pub async fn sessions_created_or_deleted_between_pages_do_not_affect_others(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    make_in_turn(harness, &store, &["f", "e", "d", "c", "b", "a"]).await;
    let first = store.list_first_page(2).await;
    harness.advance(TICK).await;
    store.create_session("new").await;
    store.touch_session("e").await.unwrap();
    store.delete_session("e").await.unwrap();
    store.delete_session("c").await.unwrap();
    store.create_session("c").await;
    let mut pages = vec![first];
    while pages.last().unwrap().next.is_some() {
        pages.push(store.list_next_page(2, pages.last().unwrap()).await);
    }
    assert_eq!(names(&pages), ["a", "b", "d", "f"]);
    assert_eq!(store.list_first_page(10).await.total_count, 6);
}

pub async fn concurrent_listings_do_not_affect_each_other(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    make_in_turn(harness, &store, &["d", "c", "b", "a"]).await;
    let one = store.list_first_page(1).await;
    harness.advance(TICK).await;
    store.touch_session("d").await.unwrap();
    harness.advance(TICK).await;
    let two = store.list_first_page(1).await;
    assert_eq!(user_ids(&two.sessions), ["d"]);
    harness.advance(TICK).await;
    store.touch_session("c").await.unwrap();
    store.touch_session("d").await.unwrap();
    let (mut ones, mut twos) = (vec![one], vec![two]);
    for pages in [&mut ones, &mut twos] {
        while pages.last().unwrap().next.is_some() {
            pages.push(store.list_next_page(1, pages.last().unwrap()).await);
        }
    }
    assert_eq!(names(&ones), ["a", "b", "c", "d"]);
    assert_eq!(names(&twos), ["d", "a", "b", "c"]);
}

pub async fn moves_of_earlier_listings_do_not_shorten_pages(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    make_in_turn(harness, &store, &["b", "a", "c", "d"]).await;
    for _ in 0..5 {
        store.list_first_page(1).await;
        for used in ["d", "c"] {
            harness.advance(TICK).await;
            store.touch_session(used).await.unwrap();
        }
    }
    let mut pages = vec![store.list_first_page(1).await];
    while pages.last().unwrap().next.is_some() {
        pages.push(store.list_next_page(1, pages.last().unwrap()).await);
    }
    assert_eq!(names(&pages), ["c", "d", "a", "b"]);
    assert_eq!(pages.len(), 4);
}

pub async fn a_listing_of_a_lost_store_is_rejected(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    make_in_turn(harness, &store, &["b", "a"]).await;
    let after = store.list_first_page(1).await.next;
    harness.delete_all_data().await;
    let store = harness.store_with_defaults();
    make_in_turn(harness, &store, &["b", "a"]).await;
    let page = ListPage { size: size(1), after };
    assert_matches!(store.list(&Owner::open(), &page).await, Err(StoreError::ListingExpired));
}

pub async fn total_count_counts_live_sessions_only(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    assert_eq!(
        store.list_first_page(10).await,
        SessionPage { sessions: vec![], total_count: 0, next: None, corrupt: 0 }
    );
    let mut live = BTreeSet::new();
    for number in 0..12 {
        live.insert(store.create_session(&number.to_string()).await.user_id);
    }
    for number in [3, 5, 11] {
        let name = number.to_string();
        store.delete_session(&name).await.unwrap();
        live.remove(&id(&name));
    }
    let listed = store.list_first_page(4).await;
    assert_eq!((listed.total_count, listed.sessions.len()), (9, 4));
}

pub async fn sessions_have_a_preview_of_their_newest_message(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    assert_eq!(store.create_session("a").await.preview.as_str(), "");
    let long = format!("a line\n{}", "語".repeat(200));
    let appended = store.append_texts_with_id("a", &["one", &long], "r").await.unwrap().session;
    let expected = format!("a line {}", "語".repeat(113));
    assert_eq!(appended.preview.as_str(), expected);
    let replayed = store.append_texts_with_id("a", &["one", &long], "r").await.unwrap().session;
    assert_eq!(replayed.preview.as_str(), expected);

    let turn = turn("a", "hello", "t", "token");
    let begun = store.begin_turn(&Owner::open(), &turn, Duration::from_secs(30)).await.unwrap();
    assert_eq!(begun.session.preview.as_str(), "hello");
    let finished = store.finish_turn(&Owner::open(), &turn, &reply("hi  there")).await.unwrap();
    assert_eq!(finished.session.preview.as_str(), "hi there");

    let touched = store.touch_session("a").await.unwrap();
    let read = store.get_session("a").await.unwrap();
    let listed = store.list_first_page(10).await.sessions.remove(0);
    for session in [touched, read, listed] {
        assert_eq!(session.preview.as_str(), "hi there");
    }
    store.delete_session("a").await.unwrap();
    assert_eq!(store.create_session("a").await.preview.as_str(), "");
}

pub async fn sessions_of_maximum_size_are_all_listed(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let metadata = format!(r#"{{"a":"{}"}}"#, "x".repeat(METADATA_MAX_BYTES - r#"{"a":""}"#.len()));
    let preview = "🦀".repeat(PREVIEW_MAX_CHARS);
    let count = LIST_PAGE_MIN_ITEMS + 3;
    for number in 0..count {
        let name = format!("{number:02}");
        let metadata = Metadata::try_from(metadata.clone()).unwrap();
        store.try_create_session(NewSession { metadata, ..new(&name) }).await.unwrap();
        store.append_texts(&name, &[&preview]).await.unwrap();
    }
    let first = store.list_first_page(1000).await;
    assert_eq!((first.sessions.len(), first.total_count as usize), (LIST_PAGE_MIN_ITEMS, count));
    assert_eq!(first.sessions[0].preview.as_str(), preview);
    let second = store.list_next_page(1000, &first).await;
    let listed: BTreeSet<_> = [&first, &second].iter().flat_map(|page| user_ids(&page.sessions)).collect();
    assert_eq!((listed.len(), second.sessions.len(), second.next), (count, 3, None));
}
