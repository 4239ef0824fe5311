//! The socket of a connection as hyper sees it.

use super::{head::HeadCharge, parse_errors::problem_for, socket::Socket, table::Ticket};
use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    sync::oneshot,
};

/// First bytes of an HTTP/2 connection (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Maximum number of bytes that are read at a time over HTTP/1: less than the smallest buffer of hyper, so that
/// it also has room for the bytes by which the protocol was recognized.
const HTTP1_READ_MAX_BYTES: usize = 8 * 1024 - 64;

/// A socket that notices when the HTTP/2 preface is complete. hyper waits for the preface without a deadline.
///
/// The socket outlives it: hyper drops its stream when a connection ends, but closing the socket then could reset it.
pub(super) struct ClientStream {
    socket: Option<Socket>,
    returned: Option<oneshot::Sender<Socket>>,
    ticket: Arc<Ticket>,
    /// Number of bytes received that match the preface; `None` after a mismatch or at its end.
    matched: Option<usize>,
    /// Charge for the head of a request over HTTP/1; `None` over HTTP/2.
    head: Option<HeadCharge>,
    /// Rest of a response that replaces one of hyper's.
    replacement: VecDeque<u8>,
}

impl ClientStream {
    /// Creates a stream over a socket. The receiver gets the socket back when the stream is dropped.
    pub(super) fn new(
        socket: Socket,
        ticket: Arc<Ticket>,
        head: HeadCharge,
    ) -> (Self, oneshot::Receiver<Socket>) {
        let (sender, receiver) = oneshot::channel();
        let (socket, returned, replacement) = (Some(socket), Some(sender), VecDeque::new());
        (Self { socket, returned, ticket, matched: Some(0), head: Some(head), replacement }, receiver)
    }

    fn socket(&mut self) -> Pin<&mut Socket> {
        Pin::new(self.socket.as_mut().expect("only drop takes the socket"))
    }

    fn match_preface(&mut self, matched: usize, received: &[u8]) {
        let rest = &PREFACE[matched..];
        let compared = rest.len().min(received.len());
        self.matched = (rest[..compared] == received[..compared]).then_some(matched + compared);
        if self.matched == Some(PREFACE.len()) {
            (self.matched, self.head) = (None, None);
            self.ticket.set_preface_complete();
        }
    }

    /// Reads less than hyper has room for. Otherwise it enlarges the buffer of a connection that sends much, and keeps it.
    fn poll_read_part(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut part = self.socket().get_mut().take(HTTP1_READ_MAX_BYTES as u64);
        Pin::new(&mut part).poll_read(context, buffer)
    }

    /// Writes what is left of a replaced response.
    fn poll_replacement(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.replacement.is_empty() {
            let (next, _) = self.replacement.as_slices();
            let socket = self.socket.as_mut().expect("only drop takes the socket");
            let written = ready!(Pin::new(socket).poll_write(context, next))?;
            self.replacement.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        if let (Some(socket), Some(returned)) = (self.socket.take(), self.returned.take()) {
            // Without a receiver the socket is closed immediately.
            let _ = returned.send(socket);
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match self.head {
            Some(_) => ready!(self.poll_read_part(context, buffer))?,
            None => ready!(self.socket().poll_read(context, buffer))?,
        }
        if let Some(matched) = self.matched {
            self.match_preface(matched, &buffer.filled()[before..]);
        }
        let received = buffer.filled().len() - before;
        if self.head.as_mut().is_some_and(|head| !head.charge(received)) {
            return Poll::Ready(Err(io::Error::other("the memory for incomplete headers is used up")));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_replacement(context))?;
        if let Some(problem) = problem_for(buffer) {
            self.replacement.extend(problem);
            return Poll::Ready(Ok(buffer.len()));
        }
        self.socket().poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = buffers.iter().find(|buffer| !buffer.is_empty());
        if let Some(first) = first.filter(|first| problem_for(first).is_some()) {
            return self.poll_write(context, first);
        }
        ready!(self.poll_replacement(context))?;
        self.socket().poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_replacement(context))?;
        self.socket().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_replacement(context))?;
        self.socket().poll_shutdown(context)
    }
}
