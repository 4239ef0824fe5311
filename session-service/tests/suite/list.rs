//! Sessions are listed in pages that hold still.

use super::harness::*;
use session_service::{
    domain::Owner,
    store::{ListPage, SessionPage, StoreError},
};
use std::{collections::BTreeSet, time::Duration};

const TICK: Duration = Duration::from_millis(3);

/// Makes the sessions in this order, a tick apart, so that the last is listed first.
async fn make_in_turn(harness: &impl Harness, store: &Store, names: &[&str]) {
    for name in names {
        store.make(name).await;
        harness.pass(TICK).await;
    }
}

fn names(pages: &[SessionPage]) -> Vec<&str> {
    pages.iter().flat_map(|page| handles(&page.sessions)).collect()
}

pub async fn the_latest_activity_comes_first_and_ties_by_handle(harness: &mut impl Harness) {
    let store = harness.hour();
    make_in_turn(harness, &store, &["a", "b", "c"]).await;
    store.use_again("a").await.unwrap();
    harness.pass(TICK).await;
    store.say("b", &["hello"]).await.unwrap();
    let listed = store.first_page(10).await;
    assert_eq!(handles(&listed.sessions), ["b", "a", "c"]);
    assert_eq!(listed.sessions[0], store.fetch("b").await.unwrap());
    assert_eq!((listed.total_count, listed.next), (3, None));

    for number in 0..40 {
        store.make(&format!("tie {}", number * 7 % 40)).await;
    }
    let listed = store.first_page(100).await.sessions;
    let mut sorted = listed.clone();
    sorted.sort_by_key(|session| (std::cmp::Reverse(session.expires_at), session.user_id.clone()));
    assert_eq!(listed, sorted);
}

pub async fn pages_hold_every_session_once(harness: &mut impl Harness) {
    let store = harness.hour();
    for number in 0..23 {
        store.make(&format!("{number:02}")).await;
        if number % 5 == 0 {
            harness.pass(TICK).await;
        }
    }
    let whole = store.first_page(100).await;
    for items in [1, 2, 5, 22, 23, 24] {
        let mut pages = vec![store.first_page(items).await];
        while pages.last().unwrap().next.is_some() {
            pages.push(store.next_page(items, pages.last().unwrap()).await);
        }
        assert_eq!(names(&pages), handles(&whole.sessions), "in pages of {items}");
        let items = usize::try_from(items).unwrap();
        assert!(pages.iter().rev().skip(1).all(|page| page.sessions.len() == items));
        assert!(pages.iter().all(|page| page.total_count == 23));
        assert_eq!(pages.len(), 23_usize.div_ceil(items));
    }
}

pub async fn a_session_used_between_pages_is_neither_repeated_nor_skipped(harness: &mut impl Harness) {
    let store = harness.hour();
    make_in_turn(harness, &store, &["e", "d", "c", "b", "a"]).await;
    let first = store.first_page(2).await;
    assert_eq!(handles(&first.sessions), ["a", "b"]);
    harness.pass(TICK).await;
    for used in ["a", "d", "e", "d"] {
        store.use_again(used).await.unwrap();
        harness.pass(TICK).await;
    }
    let second = store.next_page(2, &first).await;
    assert_eq!(handles(&second.sessions), ["c", "d"], "the order of the first page's moment");
    store.use_again("c").await.unwrap();
    let third = store.next_page(2, &second).await;
    assert_eq!(handles(&third.sessions), ["e"]);
    assert_eq!(third.next, None);
    harness.pass(TICK).await;
    store.use_again("c").await.unwrap();
    let now = store.first_page(10).await;
    assert_eq!(handles(&now.sessions), ["c", "d", "e", "a", "b"], "a new listing shows the new order");
}

pub async fn every_session_used_between_any_pages_is_listed_once(harness: &mut impl Harness) {
    let store = harness.hour();
    let all: Vec<String> = (0..30).map(|number| format!("{number:02}")).collect();
    for name in &all {
        store.make(name).await;
    }
    let mut pages = vec![store.first_page(4).await];
    for round in 0.. {
        // No pause: uses fall into the millisecond of the page, too.
        for name in all.iter().skip(round % 3).step_by(2) {
            store.use_again(name).await.unwrap();
        }
        if pages.last().unwrap().next.is_none() {
            break;
        }
        pages.push(store.next_page(4, pages.last().unwrap()).await);
    }
    let mut listed = names(&pages);
    listed.sort_unstable();
    assert_eq!(listed, all);
}

pub async fn sessions_made_or_deleted_between_pages_do_not_disturb(harness: &mut impl Harness) {
    let store = harness.hour();
    make_in_turn(harness, &store, &["f", "e", "d", "c", "b", "a"]).await;
    let first = store.first_page(2).await;
    harness.pass(TICK).await;
    store.make("new").await;
    store.use_again("e").await.unwrap();
    store.remove("e").await.unwrap();
    store.remove("c").await.unwrap();
    store.make("c").await;
    let mut pages = vec![first];
    while pages.last().unwrap().next.is_some() {
        pages.push(store.next_page(2, pages.last().unwrap()).await);
    }
    assert_eq!(names(&pages), ["a", "b", "d", "f"]);
    assert_eq!(store.first_page(10).await.total_count, 6);
}

pub async fn two_listings_at_once_do_not_disturb_each_other(harness: &mut impl Harness) {
    let store = harness.hour();
    make_in_turn(harness, &store, &["d", "c", "b", "a"]).await;
    let one = store.first_page(1).await;
    harness.pass(TICK).await;
    store.use_again("d").await.unwrap();
    harness.pass(TICK).await;
    let two = store.first_page(1).await;
    assert_eq!(handles(&two.sessions), ["d"]);
    harness.pass(TICK).await;
    store.use_again("c").await.unwrap();
    store.use_again("d").await.unwrap();
    let (mut ones, mut twos) = (vec![one], vec![two]);
    for pages in [&mut ones, &mut twos] {
        while pages.last().unwrap().next.is_some() {
            pages.push(store.next_page(1, pages.last().unwrap()).await);
        }
    }
    assert_eq!(names(&ones), ["a", "b", "c", "d"]);
    assert_eq!(names(&twos), ["d", "a", "b", "c"]);
}

pub async fn places_left_behind_in_earlier_listings_make_no_page_short(harness: &mut impl Harness) {
    let store = harness.hour();
    make_in_turn(harness, &store, &["b", "a", "c", "d"]).await;
    for _ in 0..5 {
        store.first_page(1).await;
        for used in ["d", "c"] {
            harness.pass(TICK).await;
            store.use_again(used).await.unwrap();
        }
    }
    let mut pages = vec![store.first_page(1).await];
    while pages.last().unwrap().next.is_some() {
        pages.push(store.next_page(1, pages.last().unwrap()).await);
    }
    assert_eq!(names(&pages), ["c", "d", "a", "b"]);
    assert_eq!(pages.len(), 4);
}

pub async fn a_listing_of_another_life_is_refused(harness: &mut impl Harness) {
    let store = harness.hour();
    make_in_turn(harness, &store, &["b", "a"]).await;
    let after = store.first_page(1).await.next;
    harness.lose_everything().await;
    let store = harness.hour();
    make_in_turn(harness, &store, &["b", "a"]).await;
    let page = ListPage { size: size(1), after };
    assert_matches!(store.list(&Owner::open(), &page).await, Err(StoreError::ListingExpired));
}

pub async fn total_count_counts_live_sessions_only(harness: &mut impl Harness) {
    let store = harness.hour();
    assert_eq!(
        store.first_page(10).await,
        SessionPage { sessions: vec![], total_count: 0, next: None, corrupt: 0 }
    );
    let mut live = BTreeSet::new();
    for number in 0..12 {
        live.insert(store.make(&number.to_string()).await.user_id);
    }
    for number in [3, 5, 11] {
        let name = number.to_string();
        store.remove(&name).await.unwrap();
        live.remove(&id(&name));
    }
    let listed = store.first_page(4).await;
    assert_eq!((listed.total_count, listed.sessions.len()), (9, 4));
}
