//! The Lua scripts: every change of several keys is one of them.

use super::client::{Script, Scripts, Source};
use crate::domain::limits::{
    LISTING_TTL, REMEMBERED_REQUEST_IDS, SESSION_MAX_MESSAGES, TIME_MAX_MILLISECONDS,
};

/// Lifetime in milliseconds of sessions whose record has no `ttl`.
pub(super) const IMPLICIT_TTL_MILLISECONDS: u64 = 60 * 60 * 1000;

macro_rules! scripts {
    ($($name:ident = $($file:literal),+;)*) => {
        $(pub(super) static $name: Script = Script::new(|| {
            with_constants(concat!($(include_str!(concat!("scripts/", $file)), "\n"),+))
        });)*

        pub(super) static ALL: Scripts = &[$(&$name),*];
    };
}

scripts! {
    CREATE = "prelude.lua", "listings.lua", "session.lua", "create.lua";
    LIST = "prelude.lua", "listings.lua", "list.lua";
    HISTORY = "history.lua";
    APPEND = "prelude.lua", "listings.lua", "session.lua", "requests.lua", "append.lua";
    BEGIN_TURN = "prelude.lua", "listings.lua", "session.lua", "requests.lua", "begin_turn.lua";
    RENEW_TURN = "prelude.lua", "renew_turn.lua";
    FLUSH_TURN = "flush_turn.lua";
    CANCEL_TURN = "prelude.lua", "cancel_turn.lua";
    FINISH_TURN = "prelude.lua", "listings.lua", "session.lua", "requests.lua", "turn_end.lua", "finish_turn.lua";
    RELEASE_TURN = "prelude.lua", "turn_end.lua", "release_turn.lua";
    CHANGES = "changes.lua";
    TOUCH = "prelude.lua", "listings.lua", "session.lua", "touch.lua";
    DELETE = "prelude.lua", "delete.lua";
    UPDATE_INDEX = "prelude.lua", "listings.lua", "index_scores.lua", "update_index.lua";
    REVERT_INDEX_ENTRY = "prelude.lua", "listings.lua", "index_scores.lua", "revert_index_entry.lua";
    REMOVE_INDEX_ENTRY = "prelude.lua", "listings.lua", "index_scores.lua", "remove_index_entry.lua";
    COUNT_AND_PRUNE_ORPHANS = "prelude.lua", "index_scores.lua", "count_and_prune_orphans.lua";
    CHECK_SESSION = "prelude.lua", "listings.lua", "session.lua", "check_session.lua";
    CHECK_INDEX_ENTRY = "prelude.lua", "listings.lua", "index_scores.lua", "check_index_entry.lua";
}

/// Replaces the names of constants by their values. As a variable or an argument, each would cost time on every call.
fn with_constants(text: &str) -> Source {
    let constants = [
        ("LISTING_TTL", LISTING_TTL.as_millis().to_string()),
        ("MAX_MESSAGES", SESSION_MAX_MESSAGES.to_string()),
        ("REMEMBERED_REQUESTS", REMEMBERED_REQUEST_IDS.to_string()),
        ("TIME_MAX", TIME_MAX_MILLISECONDS.to_string()),
        ("IMPLICIT_TTL", format!("'{IMPLICIT_TTL_MILLISECONDS}'")),
    ];
    let replace = |text: String, (name, value): &(&str, String)| text.replace(name, value);
    Source::new(constants.iter().fold(text.to_owned(), replace))
}
