//! Admission of turns: each holds a permit while it runs, and at the limit only stored replies are returned.

use super::{
    events::{self, Events, TurnError},
    permits::Permits,
    runner::{TurnContext, TurnRunner},
};
use crate::{
    domain::Owner,
    personas::Personas,
    store::{ReplayedTurn, TurnRequest},
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
    tasks: TaskTracker,
}

impl Turns {
    pub(crate) fn new(context: TurnContext) -> Self {
        context.metrics.set_limit(context.limits.max_turns);
        let permits = Permits::new(&context.limits);
        Self { context: Arc::new(context), permits, tasks: TaskTracker::new() }
    }

    pub(crate) fn personas(&self) -> &Personas {
        &self.context.personas
    }

    /// Starts a turn. Returns its events once the user's message is stored. The turn runs to its end even if the returned
    /// future or the receiver is dropped.
    ///
    /// At the limit of running turns, a stored reply is replayed, and any other request fails with
    /// [`TurnError::Overloaded`] or [`TurnError::OwnerOverloaded`] before anything is written.
    pub(crate) async fn start(&self, owner: Owner, request: TurnRequest) -> Result<Events, TurnError> {
        let permit = match self.permits.try_acquire(&owner) {
            Ok(permit) => permit,
            Err(limit) => return self.replay(&owner, &request, limit).await,
        };
        let (begun, result) = oneshot::channel();
        let (sink, events) = events::channel();
        let runner = TurnRunner::new(self.context.clone(), permit, owner, request, sink);
        let run = runner.run(begun).in_current_span();
        self.tasks.spawn(RequestContext::propagate(run));
        // The sender is dropped without a result only if the turn panicked.
        result.await.unwrap_or(Err(TurnError::ShuttingDown))?;
        Ok(events)
    }

    /// Returns the events of a stored reply, or the error of the limit if there is none.
    async fn replay(
        &self,
        owner: &Owner,
        request: &TurnRequest,
        limit: TurnError,
    ) -> Result<Events, TurnError> {
        let TurnContext { store, metrics, .. } = &*self.context;
        let stored = store.replay_turn(owner, request).await;
        let turn = stored.inspect_err(|error| metrics.count(error.as_label()))?;
        let Some(ReplayedTurn { session, message, reply }) = turn else {
            metrics.reject(limit.as_label());
            return Err(limit);
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
