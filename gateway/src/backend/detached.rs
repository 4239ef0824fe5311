//! Calls that outlive their caller.

use runtime::context::RequestContext;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// A future that continues in a task of its own when it is dropped before it has finished.
///
/// A call that was sent to the service must run to its end: dropping it resets its stream, and the service closes a
/// connection with too many resets, which ends the calls of all other clients on it.
pub(crate) struct Detached<F>(Option<Pin<Box<F>>>)
where
    F: Future<Output: Send> + Send + 'static;

impl<F> Detached<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    pub(crate) fn new(future: F) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<F> Future for Detached<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let future = self.0.as_mut().expect("a finished future is not polled again");
        let output = future.as_mut().poll(context);
        if output.is_ready() {
            self.0 = None;
        }
        output
    }
}

impl<F> Drop for Detached<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        // Without a runtime the process is ending.
        if let Some((future, runtime)) = self.0.take().zip(tokio::runtime::Handle::try_current().ok()) {
            runtime.spawn(RequestContext::propagate(future));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_dropped_call_runs_to_its_end() {
        let (start, started) = oneshot::channel::<()>();
        let (done, finished) = oneshot::channel();
        let mut call = Detached::new(async {
            started.await.unwrap();
            done.send(()).unwrap();
        });
        assert!(futures_poll_once(&mut call).await.is_pending());
        drop(call);
        start.send(()).unwrap();
        finished.await.unwrap();
    }

    #[tokio::test]
    async fn a_finished_call_returns_its_output() {
        assert_eq!(Detached::new(async { 5 }).await, 5);
    }

    async fn futures_poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context))).await
    }
}
