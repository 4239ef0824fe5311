//! The Lua scripts: every change of several keys is one of them.

use bb8_redis::redis::{self, Cmd, RedisResult, ToRedisArgs, aio::ConnectionLike, cmd};
use std::sync::LazyLock;

/// A script that the server knows by its hash, once it was told.
pub(super) struct Script {
    text: &'static str,
    hash: LazyLock<String>,
}

macro_rules! scripts {
    ($($name:ident = $($file:literal),+;)*) => {
        $(pub(super) static $name: Script = Script {
            text: text!($($file),+),
            hash: LazyLock::new(|| redis::Script::new(text!($($file),+)).get_hash().to_owned()),
        };)*

        const TEXTS: &[&str] = &[$(text!($($file),+)),*];
    };
}

macro_rules! text {
    ($($file:literal),+) => {
        concat!(include_str!("scripts/prelude.lua"), $("\n", include_str!(concat!("scripts/", $file))),+)
    };
}

scripts! {
    CREATE = "create.lua";
    LIST = "list.lua";
    HISTORY = "history.lua";
    APPEND = "requests.lua", "append.lua";
    BEGIN_TURN = "requests.lua", "begin_turn.lua";
    RENEW_TURN = "renew_turn.lua";
    FINISH_TURN = "requests.lua", "finish_turn.lua";
    TOUCH = "touch.lua";
    DELETE = "delete.lua";
    PLACE = "place.lua";
    TAKE_BACK = "take_back.lua";
    LEAVE = "leave.lua";
    EMPTY_PLACES = "empty_places.lua";
    INSPECT = "inspect.lua";
    INSPECT_PLACE = "inspect_place.lua";
}

/// Makes the server know every script, in one round trip.
pub(super) async fn load(connection: &mut impl ConnectionLike) -> RedisResult<()> {
    let mut pipeline = redis::pipe();
    for text in TEXTS {
        pipeline.cmd("SCRIPT").arg("LOAD").arg(text).ignore();
    }
    pipeline.query_async(connection).await
}

/// A script with its keys and arguments.
pub(super) struct Invocation {
    script: &'static Script,
    by_hash: Cmd,
}

impl Invocation {
    pub(super) fn new(script: &'static Script, keys: &[String]) -> Self {
        let mut by_hash = cmd("EVALSHA");
        by_hash.arg(script.hash.as_str()).arg(keys.len()).arg(keys);
        Self { script, by_hash }
    }

    pub(super) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        self.by_hash.arg(argument);
        self
    }

    /// For a server that should know the script.
    pub(super) fn by_hash(&self) -> &Cmd {
        &self.by_hash
    }

    /// For a server that does not; afterwards it does.
    pub(super) fn by_text(&self) -> Cmd {
        let mut by_text = cmd("EVAL");
        by_text.arg(self.script.text);
        for argument in self.by_hash.args_iter().skip(2) {
            if let redis::Arg::Simple(bytes) = argument {
                by_text.arg(bytes);
            }
        }
        by_text
    }
}
