//! Names of the keys. No other file spells one.
//!
//! The text in braces is the hash tag of Redis Cluster, which determines the slot: the keys of a session share one, and so
//! do those of an owner's list. Characters that would end a tag or one of its parts are percent-encoded.

use crate::domain::{Owner, UserId};

/// Returns the keys of a session: record and history.
pub(super) fn session(owner: &Owner, user_id: &UserId) -> [String; 2] {
    [record(owner, user_id), messages(owner, user_id)]
}

/// Returns the key of a session's record.
pub(super) fn record(owner: &Owner, user_id: &UserId) -> String {
    of_session("session", owner, user_id)
}

/// Returns the key of a session's messages.
pub(super) fn messages(owner: &Owner, user_id: &UserId) -> String {
    of_session("chat_history", owner, user_id)
}

/// Returns the key of the text of a session's running turn.
pub(super) fn turn_text(owner: &Owner, user_id: &UserId) -> String {
    of_session("chat_turn", owner, user_id)
}

fn of_session(name: &str, owner: &Owner, user_id: &UserId) -> String {
    let (owner, user_id) = (owner.as_str(), user_id.as_str());
    let mut key = String::with_capacity(name.len() + owner.len() + user_id.len() + ":{:}".len());
    key.push_str(name);
    key.push_str(":{");
    if !owner.is_empty() {
        encode(owner, &mut key);
        key.push(':');
    }
    encode(user_id, &mut key);
    key.push('}');
    key
}

/// Returns the keys of an owner's list: index of live sessions, moves by score, listings in progress, and moves by age.
pub(super) fn list(owner: &Owner) -> [String; 4] {
    let mut tag = String::with_capacity(owner.as_str().len());
    encode(owner.as_str(), &mut tag);
    ["session_index", "session_moves", "session_listing", "session_move_queue"]
        .map(|name| [name, ":{", &tag, ":}"].concat())
}

/// Patterns that match all keys of sessions and lists.
pub(super) const PATTERNS: [&str; 7] = [
    "session:{*}",
    "chat_history:{*}",
    "chat_turn:{*}",
    "session_index:{*}",
    "session_moves:{*}",
    "session_listing:{*}",
    "session_move_queue:{*}",
];

/// Returns the owner and the user_id of a key, or only the owner of a key of a list; `None` for a foreign key.
pub(super) fn parse(key: &str) -> Option<(Owner, Option<UserId>)> {
    let parsed = parse_tag(key)?;
    let is_ours = match &parsed {
        (owner, Some(user_id)) => {
            session(owner, user_id).iter().any(|ours| ours == key) || turn_text(owner, user_id) == key
        }
        (owner, None) => list(owner).iter().any(|ours| ours == key),
    };
    is_ours.then_some(parsed)
}

/// Returns a key with `*` for the name of its owner, which must not be shown. A foreign key may contain one, too.
pub(super) fn without_owner(key: &str) -> String {
    match key.split_once(":{").and_then(|(name, tag)| Some((name, tag.rsplit_once(':')?))) {
        Some((name, (owner, rest))) if !owner.is_empty() => [name, ":{*:", rest].concat(),
        _ => key.to_owned(),
    }
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

/// Appends a part of a tag.
fn encode(text: &str, key: &mut String) {
    for character in text.chars() {
        match character {
            '%' => key.push_str("%25"),
            '{' => key.push_str("%7B"),
            '}' => key.push_str("%7D"),
            ':' => key.push_str("%3A"),
            other => key.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_sessions_and_owners_differ() {
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
    fn parse_returns_owner_and_user_id() {
        for (owner, id) in [("", "John Doe"), ("", "a{b}:c%"), ("a:b", "}"), ("%", "🤖")] {
            let (owner, id) = (Owner::named(owner), UserId::try_from(id).unwrap());
            for key in session(&owner, &id).into_iter().chain([turn_text(&owner, &id)]) {
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

    #[test]
    fn keys_are_shown_without_their_owner() {
        let owner = Owner::named("ann:{%");
        let user_id = UserId::try_from("a:b").unwrap();
        let ([record, history], text) = (session(&owner, &user_id), turn_text(&owner, &user_id));
        assert_eq!(without_owner(&record), "session:{*:a%3Ab}");
        assert_eq!(without_owner(&history), "chat_history:{*:a%3Ab}");
        assert_eq!(without_owner(&text), "chat_turn:{*:a%3Ab}");
        assert_eq!(without_owner(&list(&owner)[1]), "session_moves:{*:}");
        let [open, ..] = session(&Owner::open(), &UserId::try_from("a:b").unwrap());
        assert_eq!(without_owner(&open), open);
        assert_eq!(without_owner(&list(&Owner::open())[0]), list(&Owner::open())[0]);
        for foreign in ["session:{ann:b:c}", "session:{ann}x:}", "session:{:{ann:c}"] {
            assert!(!without_owner(foreign).contains("ann"), "{foreign}");
        }
    }
}
