//! A stream that several tasks share, and with it its system calls.
//!
//! A task that sends a request wakes that of the connection, which tokio runs next, so every request would be written on its own. This
//! stream first lets the tasks run that are ready, and then writes what all of them have sent.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that writes after the tasks that are ready have run.
pub(super) struct SharedWrites<S> {
    stream: S,
    /// The other tasks have run since the last flush.
    has_yielded: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> SharedWrites<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, has_yielded: false }
    }

    fn stream(&mut self) -> Pin<&mut S> {
        Pin::new(&mut self.stream)
    }

    /// Lets the tasks that are ready run, once before each flush.
    fn poll_yield(&mut self, context: &Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for SharedWrites<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for SharedWrites<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_yield(context));
        self.stream().poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_yield(context));
        self.stream().poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.stream().poll_flush(context))?;
        self.has_yielded = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn tasks_that_are_ready_run_before_the_first_write_after_a_flush() {
        let (near, mut far) = duplex(64);
        let mut stream = SharedWrites::new(near);
        let order = Arc::<Mutex<Vec<_>>>::default();
        let begin = |name| {
            let order = order.clone();
            drop(tokio::spawn(async move { order.lock().unwrap().push(name) }));
        };
        let end = |name| order.lock().unwrap().push(name);

        begin("task 1");
        stream.write_all(b"a").await.unwrap();
        end("write 1");
        begin("task 2");
        stream.write_all(b"b").await.unwrap();
        end("write 2");
        stream.flush().await.unwrap();
        stream.write_all(b"c").await.unwrap();
        end("write 3");

        assert_eq!(*order.lock().unwrap(), ["task 1", "write 1", "write 2", "task 2", "write 3"]);
        let mut received = [0; 3];
        far.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"abc");
    }
}
