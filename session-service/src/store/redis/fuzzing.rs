//! Properties of the names of keys for arbitrary owners and user_ids.

use super::keys::{list, parse, session};
use crate::domain::{Owner, UserId};

/// Checks that different sessions and lists have different keys, that a key is read as what it was created for, and that no
/// name reaches the hash tag of a key. Input: lines with two pairs of owner and user_id, and with an arbitrary key.
pub fn keys(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.split('\n');
    let mut pair = || {
        let owner = Owner::named(lines.next().unwrap_or_default());
        (owner, UserId::try_from(lines.next().unwrap_or_default()).ok())
    };
    let (one, other) = (pair(), pair());
    let keys: Vec<_> =
        [&one, &other].into_iter().flat_map(|(owner, user_id)| keys_of(owner, user_id)).collect();
    for (key, owner, user_id) in &keys {
        assert_eq!(parse(key), Some((owner.clone(), user_id.clone())), "{key}");
        assert_eq!([key.matches('{').count(), key.matches('}').count()], [1, 1], "{key}");
        assert!(key.ends_with('}'), "{key}");
    }
    for (index, (key, owner, user_id)) in keys.iter().enumerate() {
        for (other, other_owner, other_user_id) in &keys[index + 1..] {
            let is_same = (owner, user_id) == (other_owner, other_user_id);
            assert_eq!(tag(key) == tag(other), is_same, "{key} {other}");
        }
    }
    let key = lines.next().unwrap_or_default();
    if let Some((owner, user_id)) = parse(key) {
        assert!(keys_of(&owner, &user_id).iter().any(|(ours, ..)| ours == key), "{key} is a second name");
    }
}

/// Returns the keys of an owner's list and of a session, with the names for which they were created.
fn keys_of(owner: &Owner, user_id: &Option<UserId>) -> Vec<(String, Owner, Option<UserId>)> {
    let lists = list(owner).into_iter().map(|key| (key, owner.clone(), None));
    let sessions = user_id.iter().flat_map(|user_id| {
        session(owner, user_id).into_iter().map(|key| (key, owner.clone(), Some(user_id.clone())))
    });
    lists.chain(sessions).collect()
}

/// Returns the hash tag of a key, as Redis Cluster finds it.
fn tag(key: &str) -> &str {
    let rest = key.split_once('{').map_or(key, |(_, rest)| rest);
    rest.split_once('}').map_or(rest, |(tag, _)| tag)
}
