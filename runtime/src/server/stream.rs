//! The socket of a connection as hyper sees it.

use super::{parse_errors::problem_for, table::Ticket};
use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// First bytes of an HTTP/2 connection (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A socket that notices when the HTTP/2 preface is complete. hyper waits for the preface without a deadline.
pub(super) struct ClientStream {
    socket: TcpStream,
    ticket: Arc<Ticket>,
    /// Number of bytes received that match the preface; `None` after a mismatch or at its end.
    matched: Option<usize>,
    /// Rest of a response that replaces one of hyper's.
    replacement: VecDeque<u8>,
}

impl ClientStream {
    pub(super) fn new(socket: TcpStream, ticket: Arc<Ticket>) -> Self {
        Self { socket, ticket, matched: Some(0), replacement: VecDeque::new() }
    }

    fn match_preface(&mut self, matched: usize, received: &[u8]) {
        let rest = &PREFACE[matched..];
        let compared = rest.len().min(received.len());
        self.matched = (rest[..compared] == received[..compared]).then_some(matched + compared);
        if self.matched == Some(PREFACE.len()) {
            self.matched = None;
            self.ticket.set_preface_complete();
        }
    }

    /// Writes what is left of a replaced response.
    fn poll_replacement(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.replacement.is_empty() {
            let (next, _) = self.replacement.as_slices();
            let written = ready!(Pin::new(&mut self.socket).poll_write(context, next))?;
            self.replacement.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        if let Some(matched) = self.matched {
            self.match_preface(matched, &buffer.filled()[before..]);
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
        Pin::new(&mut self.socket).poll_write(context, buffer)
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
        Pin::new(&mut self.socket).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_replacement(context))?;
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_replacement(context))?;
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
