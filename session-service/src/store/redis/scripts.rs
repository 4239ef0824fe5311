//! The Lua scripts: every change of several keys is one of them.

use bb8_redis::redis::{self, RedisResult, Script, aio::ConnectionLike};
use std::sync::LazyLock;

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::new(text!($file)));)*

        const TEXTS: &[&str] = &[$(text!($file)),*];
    };
}

macro_rules! text {
    ($file:literal) => {
        concat!(include_str!("scripts/prelude.lua"), "\n", include_str!(concat!("scripts/", $file)))
    };
}

scripts! {
    CREATE = "create.lua";
    LIST = "list.lua";
    HISTORY = "history.lua";
    APPEND = "append.lua";
    BEGIN_TURN = "begin_turn.lua";
    RENEW_TURN = "renew_turn.lua";
    FINISH_TURN = "finish_turn.lua";
    TOUCH = "touch.lua";
    DELETE = "delete.lua";
}

/// Makes the server know every script, in one round trip.
pub(super) async fn load(connection: &mut impl ConnectionLike) -> RedisResult<()> {
    let mut pipeline = redis::pipe();
    for text in TEXTS {
        pipeline.cmd("SCRIPT").arg("LOAD").arg(text).ignore();
    }
    pipeline.query_async(connection).await
}
