//! Lua scripts: loaded when a connection is established, called by hash.

use bb8_redis::redis::{self, Cmd, RedisResult, ToRedisArgs, aio::ConnectionLike, cmd};
use std::sync::LazyLock;

/// The scripts that every connection loads.
pub(in crate::store::redis) type Scripts = &'static [&'static Script];

/// A script, compiled when it is first used.
pub(in crate::store::redis) struct Script(LazyLock<Source>);

/// Text of a script, and the hash by which the server calls it.
pub(in crate::store::redis) struct Source {
    text: String,
    sha1: String,
}

impl Script {
    pub(in crate::store::redis) const fn new(compile: fn() -> Source) -> Self {
        Self(LazyLock::new(compile))
    }
}

impl Source {
    pub(in crate::store::redis) fn new(text: String) -> Self {
        Self { sha1: redis::Script::new(&text).get_hash().to_owned(), text }
    }
}

/// Loads all scripts into the server's cache, in one round trip.
pub(super) async fn load(connection: &mut impl ConnectionLike, scripts: Scripts) -> RedisResult<()> {
    let mut pipeline = redis::pipe();
    for script in scripts {
        pipeline.cmd("SCRIPT").arg("LOAD").arg(script.0.text.as_str()).ignore();
    }
    pipeline.query_async(connection).await
}

/// A script with its keys and arguments.
pub(in crate::store::redis) struct ScriptCall {
    script: &'static Script,
    evalsha: Cmd,
}

impl ScriptCall {
    pub(in crate::store::redis) fn new(script: &'static Script, keys: &[String]) -> Self {
        let mut evalsha = Cmd::with_capacity(24, 512);
        evalsha.arg("EVALSHA");
        evalsha.arg(script.0.sha1.as_str()).arg(keys.len()).arg(keys);
        Self { script, evalsha }
    }

    pub(in crate::store::redis) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        self.evalsha.arg(argument);
        self
    }

    /// Returns the command for a server that has loaded the script.
    pub(super) fn evalsha(&self) -> &Cmd {
        &self.evalsha
    }

    /// Returns the command for a server that has not loaded the script. It also loads it.
    pub(super) fn eval(&self) -> Cmd {
        let mut eval = cmd("EVAL");
        eval.arg(self.script.0.text.as_str());
        for argument in self.evalsha.args_iter().skip(2) {
            if let redis::Arg::Simple(bytes) = argument {
                eval.arg(bytes);
            }
        }
        eval
    }
}
