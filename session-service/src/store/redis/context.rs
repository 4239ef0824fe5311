//! The adapter's state, and what every operation starts with.

use super::{
    client::{Idempotency, RedisClient, RedisSettings, RedisUrl, Script, ScriptBatch, ScriptCall},
    corrupt::CorruptLog,
    keys, scripts,
};
use crate::{
    domain::{Owner, RequestId, UserId},
    store::{Policy, StoreError},
};
use bb8_redis::redis::Cmd;
use futures_util::FutureExt;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// Timeout of a call of the store, with all its retries.
const CALL_TIMEOUT: Duration = Duration::from_millis(1450);

/// Maximum number of messages that are read at a time without the script: 200 MiB of the longest ones, which Redis
/// buffers until they are sent. Further pages are read by script.
const PLAIN_MESSAGES_MAX: usize = 6400;

/// Initial capacity of a command that reads a record: more than most take.
const RECORD_COMMAND_BYTES: usize = 192;

/// Sessions in Redis.
pub struct RedisStore {
    pub(super) policy: Policy,
    pub(super) client: Arc<RedisClient>,
    /// Flushes of running turns.
    pub(super) flushes: ScriptBatch,
    /// Client for pages, which may be large: other calls must not queue behind them.
    pub(super) bulk: RedisClient,
    /// One permit per message of a page that is read without the script.
    pub(super) plain_messages: Semaphore,
    pub(super) corrupt: CorruptLog,
}

impl RedisStore {
    /// Creates a store and starts connecting in the background. The error is one sentence about the settings.
    pub fn new(settings: &RedisSettings, policy: Policy) -> Result<Self, String> {
        let client = Arc::new(RedisClient::new(settings, scripts::ALL)?);
        let flushes = ScriptBatch::new(client.clone());
        let bulk =
            RedisClient::new(&RedisSettings { min_replicas_ack: 0, ..settings.clone() }, scripts::ALL)?;
        let plain_messages = Semaphore::new(PLAIN_MESSAGES_MAX);
        Ok(Self { policy, client, flushes, bulk, plain_messages, corrupt: CorruptLog::default() })
    }

    /// Creates a store with default settings for everything but the URL.
    pub fn from_url(url: &str, policy: Policy) -> Result<Self, String> {
        Self::new(&RedisSettings::from_url(RedisUrl::parse(url)?), policy)
    }

    /// Uses the credentials and certificates of these settings for new connections. Fails if the servers are others. The
    /// error is one sentence.
    pub fn reconfigure(&self, settings: &RedisSettings) -> Result<(), String> {
        self.client.reconfigure(settings)
    }

    /// Prepares the call of a script with its first argument.
    pub(super) fn prepare(&self, script: &'static Script, keys: &[String]) -> ScriptCall {
        let mut call = ScriptCall::new(script, keys);
        call.arg(millis(self.policy.session_ttl));
        call
    }

    /// Prepares the call of a session script with its first two arguments.
    pub(super) fn prepare_change(
        &self,
        script: &'static Script,
        owner: &Owner,
        user_id: &UserId,
    ) -> ScriptCall {
        let [record, history] = keys::session(owner, user_id);
        let mut call = if self.client.is_cluster() {
            self.prepare(script, &[record, history])
        } else {
            let text = keys::turn_text(owner, user_id);
            let [index, moves, listing, queue] = keys::list(owner);
            self.prepare(script, &[record, history, text, index, moves, listing, queue])
        };
        call.arg(user_id.as_str());
        call
    }

    /// Returns the maximum number of an owner's sessions as an argument of scripts, empty for no limit.
    pub(super) fn session_limit(&self) -> String {
        self.policy.max_sessions_per_owner.map(|limit| limit.to_string()).unwrap_or_default()
    }
}

/// Returns the command that reads fields of a session's record.
pub(super) fn read_record(owner: &Owner, user_id: &UserId, fields: &[&str]) -> Cmd {
    let mut command = Cmd::with_capacity(2 + fields.len(), RECORD_COMMAND_BYTES);
    command.arg("HMGET").arg(keys::record(owner, user_id)).arg(fields);
    command
}

/// Returns [`Idempotency::Idempotent`] for a request with an idempotency key.
pub(super) fn idempotency_of(request_id: Option<&RequestId>) -> Idempotency {
    if request_id.is_some() { Idempotency::Idempotent } else { Idempotency::NonIdempotent }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Applies the timeout of a call. Not an `async fn`, which would store the future twice.
pub(super) fn with_timeout<T>(
    call: impl Future<Output = Result<T, StoreError>>,
) -> impl Future<Output = Result<T, StoreError>> {
    let timed_out = || StoreError::Unavailable(format!("no response within {CALL_TIMEOUT:?}").into());
    tokio::time::timeout(CALL_TIMEOUT, call).map(move |result| result.unwrap_or_else(|_| Err(timed_out())))
}
