//! Isolation of owners.

use super::harness::*;
use session_service::{
    domain::{HistoryRange, Owner},
    store::{ListPage, Policy, StoreError},
};

pub async fn owners_do_not_see_each_others_sessions(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let (ann, bob, open) = (Owner::named("ann"), Owner::named("bob"), Owner::open());
    store.create(&ann, &new("a")).await.unwrap();
    store.append(&ann, &id("a"), &batch(&["secret"]), Some(&request("r"))).await.unwrap();
    for other in [&bob, &open] {
        assert_matches!(store.get(other, &id("a")).await, Err(StoreError::NotFound));
        assert_matches!(
            store.history(other, &id("a"), page(HistoryRange::Latest, 9)).await,
            Err(StoreError::NotFound)
        );
        assert_matches!(store.append(other, &id("a"), &batch(&["x"]), None).await, Err(StoreError::NotFound));
        assert_matches!(store.touch(other, &id("a")).await, Err(StoreError::NotFound));
        assert_matches!(store.delete(other, &id("a")).await, Err(StoreError::NotFound));
        assert_eq!(store.list(other, &ListPage::default()).await.unwrap().total_count, 0);
    }
    assert!(store.create(&bob, &new("a")).await.unwrap().created, "one live session per handle and owner");
    store.delete(&bob, &id("a")).await.unwrap();
    assert_eq!(store.get(&ann, &id("a")).await.unwrap().message_count, 1);
    assert_eq!(store.list(&ann, &ListPage::default()).await.unwrap().total_count, 1);
}

pub async fn every_owner_has_its_own_limit(harness: &mut impl Harness) {
    let store = harness.store(Policy { max_sessions_per_owner: Some(1), ..Policy::default() });
    store.create(&Owner::named("ann"), &new("a")).await.unwrap();
    store.create(&Owner::named("bob"), &new("a")).await.unwrap();
    let more = store.create(&Owner::named("ann"), &new("b")).await;
    assert_matches!(more, Err(StoreError::TooManySessions));
}

pub async fn similar_names_are_different(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let pairs =
        [("", "a:b"), ("a", "b"), ("a:b", "c"), ("a", "b:c"), ("a%3Ab", "c"), ("a}", "b"), ("{a", "b")];
    for (owner, user_id) in pairs {
        assert!(
            store.create(&Owner::named(owner), &new(user_id)).await.unwrap().created,
            "{owner} {user_id}"
        );
    }
    for (owner, user_id) in pairs {
        let listed = store.list(&Owner::named(owner), &ListPage::default()).await.unwrap();
        assert!(user_ids(&listed.sessions).contains(&user_id), "{owner} {user_id}");
    }
}
