//! Owners never meet.

use super::harness::*;
use session_service::{
    domain::{Owner, Span},
    store::{ListPage, Policy, StoreError},
};

pub async fn owners_never_see_each_other(harness: &mut impl Harness) {
    let store = harness.hour();
    let (ann, bob, open) = (Owner::named("ann"), Owner::named("bob"), Owner::open());
    store.create(&ann, &new("a")).await.unwrap();
    store.append(&ann, &id("a"), &batch(&["secret"]), Some(&request("r"))).await.unwrap();
    for other in [&bob, &open] {
        assert_matches!(store.get(other, &id("a")).await, Err(StoreError::NotFound));
        assert_matches!(
            store.history(other, &id("a"), page(Span::Newest, 9)).await,
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

pub async fn owners_have_bounds_of_their_own(harness: &mut impl Harness) {
    let store = harness.store(Policy { max_sessions_per_owner: Some(1), ..Policy::default() });
    store.create(&Owner::named("ann"), &new("a")).await.unwrap();
    store.create(&Owner::named("bob"), &new("a")).await.unwrap();
    let more = store.create(&Owner::named("ann"), &new("b")).await;
    assert_matches!(more, Err(StoreError::TooManySessions));
}

pub async fn names_that_look_alike_are_different(harness: &mut impl Harness) {
    let store = harness.hour();
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
        assert!(handles(&listed.sessions).contains(&user_id), "{owner} {user_id}");
    }
}
