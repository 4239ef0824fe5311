//! The Lua scripts: every change of several keys is one of them.

use crate::domain::limits::{
    LISTING_MAX_MILLISECONDS, REMEMBERED_REQUEST_IDS, SESSION_MAX_MESSAGES, TIME_MAX_MILLISECONDS,
};
use bb8_redis::redis::{self, Cmd, RedisResult, ToRedisArgs, aio::ConnectionLike, cmd};
use std::sync::LazyLock;

/// A script that the server knows by its hash, once it was told.
pub(super) struct Script(LazyLock<Known>);

struct Known {
    text: String,
    hash: String,
}

macro_rules! scripts {
    ($($name:ident = $($file:literal),+;)*) => {
        $(pub(super) static $name: Script = Script(LazyLock::new(|| {
            with_limits(concat!($(include_str!(concat!("scripts/", $file)), "\n"),+))
        }));)*

        static ALL: &[&Script] = &[$(&$name),*];
    };
}

scripts! {
    CREATE = "prelude.lua", "session.lua", "create.lua";
    LIST = "prelude.lua", "list.lua";
    HISTORY = "history.lua";
    APPEND = "prelude.lua", "session.lua", "requests.lua", "append.lua";
    BEGIN_TURN = "prelude.lua", "session.lua", "requests.lua", "begin_turn.lua";
    RENEW_TURN = "prelude.lua", "renew_turn.lua";
    FINISH_TURN = "prelude.lua", "session.lua", "requests.lua", "finish_turn.lua";
    TOUCH = "prelude.lua", "session.lua", "touch.lua";
    DELETE = "prelude.lua", "delete.lua";
    PLACE = "prelude.lua", "place.lua";
    TAKE_BACK = "prelude.lua", "take_back.lua";
    LEAVE = "prelude.lua", "leave.lua";
    EMPTY_PLACES = "prelude.lua", "empty_places.lua";
    INSPECT = "prelude.lua", "session.lua", "inspect.lua";
    INSPECT_PLACE = "prelude.lua", "inspect_place.lua";
}

/// Scripts know by name what never changes; every argument takes its time.
fn with_limits(text: &str) -> Known {
    let text = format!(
        "local LISTING_MAX, MESSAGES_MAX, REMEMBERED_MAX, TIME_MAX = {LISTING_MAX_MILLISECONDS}, \
         {SESSION_MAX_MESSAGES}, {REMEMBERED_REQUEST_IDS}, {TIME_MAX_MILLISECONDS}\n{text}"
    );
    Known { hash: redis::Script::new(&text).get_hash().to_owned(), text }
}

/// Makes the server know every script, in one round trip.
pub(super) async fn load(connection: &mut impl ConnectionLike) -> RedisResult<()> {
    let mut pipeline = redis::pipe();
    for script in ALL {
        pipeline.cmd("SCRIPT").arg("LOAD").arg(script.0.text.as_str()).ignore();
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
        let mut by_hash = Cmd::with_capacity(16, 512);
        by_hash.arg("EVALSHA");
        by_hash.arg(script.0.hash.as_str()).arg(keys.len()).arg(keys);
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
        by_text.arg(self.script.0.text.as_str());
        for argument in self.by_hash.args_iter().skip(2) {
            if let redis::Arg::Simple(bytes) = argument {
                by_text.arg(bytes);
            }
        }
        by_text
    }
}
