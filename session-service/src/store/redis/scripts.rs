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
    UPDATE_INDEX = "prelude.lua", "listings.lua", "update_index.lua";
    REVERT_INDEX_ENTRY = "prelude.lua", "listings.lua", "revert_index_entry.lua";
    REMOVE_INDEX_ENTRY = "prelude.lua", "listings.lua", "remove_index_entry.lua";
    COUNT_AND_PRUNE_ORPHANS = "prelude.lua", "count_and_prune_orphans.lua";
    CHECK_SESSION = "prelude.lua", "listings.lua", "session.lua", "check_session.lua";
    CHECK_INDEX_ENTRY = "prelude.lua", "listings.lua", "check_index_entry.lua";
}

/// Prepends constants to the script; passing them as ARGV would cost time on every call.
fn with_constants(text: &str) -> Source {
    let listing_ttl = LISTING_TTL.as_millis();
    Source::new(format!(
        "local LISTING_TTL, MAX_MESSAGES, REMEMBERED_REQUESTS, TIME_MAX, IMPLICIT_TTL = {listing_ttl}, \
         {SESSION_MAX_MESSAGES}, {REMEMBERED_REQUEST_IDS}, {TIME_MAX_MILLISECONDS}, '{IMPLICIT_TTL_MILLISECONDS}'\n{text}"
    ))
}
