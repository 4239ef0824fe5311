//! Streams of HTTP/2 whose client gives them no window. The write timeout of the socket does not apply to them, because other
//! streams of the connection may make progress.

use axum::{
    body::{Body, Bytes, HttpBody},
    response::Response,
};
use hyper::{
    body::{Frame, SizeHint},
    rt::Executor,
};
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Maximum size of a frame: hyper buffers a whole one, however small the window is.
const FRAME_MAX_BYTES: usize = 16 * 1024;

tokio::task_local! {
    static STREAM: Arc<StreamState>;
}

/// State of a stream, shared by its task and its body.
#[derive(Debug, Default)]
struct StreamState {
    /// Time since which the body waits for the client; `None` while it has nothing to send.
    waiting_since: Mutex<Option<Instant>>,
}

impl StreamState {
    fn set(&self, waiting_since: Option<Instant>) {
        *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner) = waiting_since;
    }

    fn waiting_since(&self) -> Option<Instant> {
        *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Executor of the streams of a connection, each in a task of its own, which is dropped once its stream has stalled. That
/// resets the stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamExecutor {
    pub(super) write_timeout: Duration,
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let state = Arc::<StreamState>::default();
        let task = StreamTask { stream, state: state.clone(), timeout: self.write_timeout, timer: None };
        tokio::spawn(STREAM.scope(state, task));
    }
}

pin_project! {
    /// The task of a stream.
    struct StreamTask<F> {
        #[pin]
        stream: F,
        state: Arc<StreamState>,
        timeout: Duration,
        timer: Option<Pin<Box<Sleep>>>,
    }
}

impl<F: Future<Output = ()>> Future for StreamTask<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let task = self.project();
        if task.stream.poll(context).is_ready() {
            return Poll::Ready(());
        }
        let Some(since) = task.state.waiting_since() else {
            *task.timer = None;
            return Poll::Pending;
        };
        let deadline = since + *task.timeout;
        let timer = task.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        std::task::ready!(timer.as_mut().poll(context));
        tracing::debug!(timeout = ?task.timeout, "stream reset: the client gives it no window");
        Poll::Ready(())
    }
}

/// Lets the task of the current stream notice a client that gives the stream no window. Does nothing over HTTP/1.
pub(super) fn watch(response: Response) -> Response {
    match STREAM.try_with(Arc::clone) {
        Ok(stream) => {
            stream.set(Some(Instant::now()));
            response.map(|body| Body::new(WatchedBody { body, rest: None, stream }))
        }
        Err(_) => response,
    }
}

/// Body that records since when it waits for the client.
struct WatchedBody {
    body: Body,
    /// Rest of a frame that was too large.
    rest: Option<Bytes>,
    stream: Arc<StreamState>,
}

impl WatchedBody {
    /// Returns the beginning of the data as a frame, and keeps the rest.
    fn split(&mut self, mut data: Bytes) -> Frame<Bytes> {
        if data.len() > FRAME_MAX_BYTES {
            self.rest = Some(data.split_off(FRAME_MAX_BYTES));
        }
        Frame::data(data)
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = match self.rest.take() {
            Some(rest) => Poll::Ready(Some(Ok(Frame::data(rest)))),
            None => Pin::new(&mut self.body).poll_frame(context),
        };
        // hyper polls again once there is a window.
        self.stream.set(polled.is_ready().then(Instant::now));
        polled.map(|frame| {
            frame.map(|frame| {
                frame.map(|frame| match frame.into_data() {
                    Ok(data) => self.split(data),
                    Err(frame) => frame,
                })
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.as_ref().map_or(0, |rest| rest.len() as u64);
        let mut hint = self.body.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}
