//! Admission of turns: each holds a permit while it runs, and at the limit only stored replies are returned.

use super::{
    attached::attach,
    cancellation::{Cancellation, cancel},
    events::{self, Events, TurnError},
    permits::Permits,
    runner::{Begun, TurnContext, TurnRunner},
    running::RunningTurns,
};
use crate::{
    domain::{Owner, RequestId, UserId},
    personas::Personas,
    store::{Turn, TurnRequest},
};
use runtime::context::RequestContext;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// The running turns.
#[derive(Clone)]
pub(crate) struct Turns {
    context: Arc<TurnContext>,
    permits: Permits,
    running: RunningTurns,
    tasks: TaskTracker,
}

impl Turns {
    pub(crate) fn new(context: TurnContext) -> Self {
        context.metrics.set_limit(context.limits.max_turns);
        let permits = Permits::new(&context.limits);
        let running = RunningTurns::default();
        Self { context: Arc::new(context), permits, running, tasks: TaskTracker::new() }
    }

    pub(crate) fn personas(&self) -> &Personas {
        &self.context.personas
    }

    /// Starts a turn, or attaches to the running turn of the same request. Returns its events once the user's message is
    /// stored. The turn runs to its end even if the returned future or the receiver is dropped.
    ///
    /// At the limit of running turns, a stored reply is replayed, a running turn is attached to, and any other request fails with
    /// [`TurnError::Overloaded`] or [`TurnError::OwnerOverloaded`] before anything is written.
    pub(crate) async fn start(&self, owner: Owner, request: TurnRequest) -> Result<Events, TurnError> {
        let permit = match self.permits.try_acquire(&owner) {
            Ok(permit) => permit,
            Err(limit) => return self.replay(&owner, &request, limit).await,
        };
        let (begun, result) = oneshot::channel();
        let (sink, events) = events::channel();
        let runner =
            TurnRunner::new(self.context.clone(), permit, owner, request, sink, self.running.clone());
        let run = runner.run(begun).in_current_span();
        self.tasks.spawn(RequestContext::propagate(run));
        // The sender is dropped without a result only if the turn panicked.
        match result.await.unwrap_or(Err(TurnError::ShuttingDown))? {
            Begun::Running => Ok(events),
            Begun::Elsewhere(elsewhere) => {
                let (owner, request, turn) = *elsewhere;
                self.attach(owner, request, turn).await
            }
        }
    }

    /// Cancels the running turn of a session, or only that of a request.
    pub(crate) async fn cancel(
        &self,
        owner: Owner,
        user_id: UserId,
        request_id: Option<RequestId>,
    ) -> Result<Cancellation, TurnError> {
        let result = cancel(&self.context, &self.running, owner, user_id, request_id).await?;
        self.context.metrics.cancel(result.cancelled);
        Ok(result)
    }

    async fn attach(&self, owner: Owner, request: TurnRequest, turn: Turn) -> Result<Events, TurnError> {
        let TurnContext { store, watchers, lifecycle, .. } = &*self.context;
        // Like the caller of a turn of this process, it is served until shortly before the process ends.
        attach(store.clone(), watchers, owner, request, turn, lifecycle.force_shutdown_token()).await
    }

    /// Returns the events of a stored reply or a running turn, or the error of the limit if there is neither.
    async fn replay(
        &self,
        owner: &Owner,
        request: &TurnRequest,
        limit: TurnError,
    ) -> Result<Events, TurnError> {
        let TurnContext { store, metrics, .. } = &*self.context;
        let stored = store.replay_turn(owner, request).await;
        let turn = stored.inspect_err(|error| metrics.count(error.as_label()))?;
        let (session, message, reply) = match turn {
            Some(Turn { session, message, reply: Some(reply), .. }) => (session, message, reply),
            Some(turn) => {
                metrics.count("attached");
                return self.attach(owner.clone(), request.clone(), turn).await;
            }
            None => {
                metrics.reject(limit.as_label());
                return Err(limit);
            }
        };
        let (mut sink, events) = events::channel();
        let done = sink.replay(session, message, reply).await;
        sink.send(Ok(done)).await;
        metrics.count("replayed");
        Ok(events)
    }

    /// Waits until all turns have ended. No turn may start afterwards.
    pub(crate) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
