//! Calls of short scripts that are sent together: a round trip costs the server more than such a script.

use super::{Idempotency, RedisClient, ScriptCall, value::into_result};
use crate::store::StoreError;
use bb8_redis::redis::{Pipeline, Value};
use futures_util::future::join_all;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::{sync::oneshot, task::yield_now};

/// Maximum number of calls in a round trip, to bound the time for which other requests wait.
const CALLS_PER_REQUEST: usize = 100;

/// Calls that wait for the next round trip.
pub(in crate::store::redis) struct ScriptBatch {
    client: Arc<RedisClient>,
    waiting: Arc<Mutex<Vec<Waiting>>>,
}

struct Waiting {
    call: ScriptCall,
    reply: oneshot::Sender<Result<Value, StoreError>>,
}

impl ScriptBatch {
    pub(in crate::store::redis) fn new(client: Arc<RedisClient>) -> Self {
        Self { client, waiting: Arc::default() }
    }

    /// Calls an idempotent script without waiting for replicas, together with those that are called at the same time.
    pub(in crate::store::redis) async fn eval_read(&self, call: ScriptCall) -> Result<Value, StoreError> {
        let (sender, reply) = oneshot::channel();
        let is_first = {
            let mut waiting = lock(&self.waiting);
            waiting.push(Waiting { call, reply: sender });
            waiting.len() == 1
        };
        if is_first {
            let (client, waiting) = (self.client.clone(), self.waiting.clone());
            // A task of its own, so that a caller that gives up takes no others with it.
            tokio::spawn(async move {
                // Tasks that the same timer has woken run first.
                yield_now().await;
                let calls = std::mem::take(&mut *lock(&waiting));
                client.send_together(calls).await;
            });
        }
        reply.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the call was not sent".into())))
    }
}

impl RedisClient {
    async fn send_together(&self, mut calls: Vec<Waiting>) {
        calls.retain(|waiting| !waiting.reply.is_closed());
        while !calls.is_empty() {
            let rest = calls.split_off(calls.len().min(CALLS_PER_REQUEST));
            self.send_part(std::mem::replace(&mut calls, rest)).await;
        }
    }

    /// Sends calls in one round trip, and those that fail again on their own: the error may concern only one of them.
    async fn send_part(&self, calls: Vec<Waiting>) {
        let mut replies = Vec::new();
        if calls.len() > 1 && !self.is_cluster() {
            let mut pipeline = Pipeline::with_capacity(calls.len());
            for waiting in &calls {
                pipeline.add_command(waiting.call.evalsha().clone());
            }
            replies = self.servers.send_pipeline(&pipeline).await.unwrap_or_default();
        }
        let mut replies = replies.into_iter().map(into_result);
        let ends = calls.into_iter().map(|Waiting { call, reply }| {
            let first = replies.next();
            async move {
                let result = match first {
                    Some(Ok(value)) => Ok(value),
                    _ if reply.is_closed() => return,
                    Some(Err(_)) | None => self.eval_read(&call, Idempotency::Idempotent).await,
                };
                // The caller may have given up.
                let _ = reply.send(result);
            }
        });
        join_all(ends.collect::<Vec<_>>()).await;
    }
}

fn lock(waiting: &Mutex<Vec<Waiting>>) -> MutexGuard<'_, Vec<Waiting>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
