//! The names of the keys: the only place that spells one.
//!
//! The braces are the hash tag of Redis Cluster: what stands in them decides the slot, so the keys of a session share
//! one, and so do those of an owner's list. What would end a tag or a part of it is percent-encoded.

use crate::domain::{Owner, UserId};

/// The keys of one session: its record and its messages.
pub(super) fn session(owner: &Owner, user_id: &UserId) -> [String; 2] {
    let tag = match owner.as_str() {
        "" => encode(user_id.as_str()),
        owner => [&encode(owner), ":", &encode(user_id.as_str())].concat(),
    };
    ["session", "chat_history"].map(|name| [name, ":{", &tag, "}"].concat())
}

/// The keys of an owner's list: the index of live sessions, the places left behind, the listings being read, and the
/// places left behind in the order of their age.
pub(super) fn list(owner: &Owner) -> [String; 4] {
    let tag = encode(owner.as_str());
    ["session_index", "session_moves", "session_listing", "session_move_queue"]
        .map(|name| [name, ":{", &tag, ":}"].concat())
}

/// Patterns of the keys of sessions and of lists, for whoever looks at all of them.
pub(super) const PATTERNS: [&str; 6] = [
    "session:{*}",
    "chat_history:{*}",
    "session_index:{*}",
    "session_moves:{*}",
    "session_listing:{*}",
    "session_move_queue:{*}",
];

/// Returns the owner and the handle of a key, without a handle for a key of a list; none for a key that no call reaches.
pub(super) fn parse(key: &str) -> Option<(Owner, Option<UserId>)> {
    let parsed = parse_tag(key)?;
    let is_ours = match &parsed {
        (owner, Some(user_id)) => session(owner, user_id).iter().any(|ours| ours == key),
        (owner, None) => list(owner).iter().any(|ours| ours == key),
    };
    is_ours.then_some(parsed)
}

fn parse_tag(key: &str) -> Option<(Owner, Option<UserId>)> {
    let tag = key.split_once(":{")?.1.strip_suffix('}')?;
    let (owner, user_id) = tag.split_once(':').unwrap_or(("", tag));
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().ok().map(String::from);
    let owner = Owner::named(&decode(owner)?);
    match decode(user_id)?.as_str() {
        "" => Some((owner, None)),
        user_id => Some((owner, Some(UserId::try_from(user_id).ok()?))),
    }
}

fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '%' => encoded.push_str("%25"),
            '{' => encoded.push_str("%7B"),
            '}' => encoded.push_str("%7D"),
            ':' => encoded.push_str("%3A"),
            other => encoded.push(other),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_ends_its_tag_or_leaves_its_namespace() {
        let key =
            |owner: &str, id: &str| session(&Owner::named(owner), &UserId::try_from(id).unwrap())[0].clone();
        assert_eq!(key("", "John Doe"), "session:{John Doe}");
        assert_eq!(key("", "}x"), "session:{%7Dx}");
        assert_eq!(key("", "a{b}c"), "session:{a%7Bb%7Dc}");
        assert_eq!(key("", "🤖"), "session:{🤖}");
        assert_eq!(key("a:b", "c"), "session:{a%3Ab:c}");
        assert_ne!(key("a", "b:c"), key("a:b", "c"));
        assert_ne!(key("", "a:b"), key("a", "b"));
        assert_ne!(key("", "%7D"), key("", "}"));
        assert_eq!(list(&Owner::open())[0], "session_index:{:}");
        assert_eq!(list(&Owner::named("a"))[0], "session_index:{a:}");
    }

    #[test]
    fn a_key_says_whose_it_is() {
        for (owner, id) in [("", "John Doe"), ("", "a{b}:c%"), ("a:b", "}"), ("%", "🤖")] {
            let (owner, id) = (Owner::named(owner), UserId::try_from(id).unwrap());
            for key in session(&owner, &id) {
                assert_eq!(parse(&key), Some((owner.clone(), Some(id.clone()))), "{key}");
            }
            assert_eq!(parse(&list(&owner)[0]), Some((owner, None)));
        }
        for foreign in [
            "session:other",
            "session:{}",
            "session:{:}",
            "session:{a{b}",
            "session_index:{a}",
            "session:{ a}",
        ] {
            assert_eq!(parse(foreign), None, "{foreign}");
        }
    }
}
