//! Memory of the head of a request. Over HTTP/1, hyper buffers it until it is complete. Over HTTP/2, a connection buffers one
//! incomplete head, which hyper limits, and each of its streams has a complete one.

use crate::memory::{MemoryBudget, Reservation};
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::Version,
};
use hyper::body::{Frame, Incoming, SizeHint};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

/// Maximum size of a request's headers. Over HTTP/1 it is the size of hyper's buffer, which also contains the request line.
pub const HEADER_LIST_MAX_BYTES: u32 = 64 * 1024;
/// Size up to which a head is not charged: hyper allocates this much for every connection, and most heads are shorter.
const FREE_BYTES: usize = 8 * 1024;
/// Maximum size of hyper's buffer, which is doubled when it is full.
const BUFFER_MAX_BYTES: usize = 2 * HEADER_LIST_MAX_BYTES as usize;

/// Memory of a header in addition to its name and value, as HTTP/2 counts it (RFC 9113, section 6.5.2).
const HEADER_OVERHEAD_BYTES: usize = 32;

/// Returns the memory to charge for a request without its body: `stream_bytes` for the state of its stream, and its head unless
/// that is short. Returns 0 over HTTP/1, where the number of connections limits the former, and the connection is charged for
/// the latter.
pub fn stream_bytes(request: &Request, stream_bytes: usize) -> usize {
    if request.version() != Version::HTTP_2 {
        return 0;
    }
    let headers = request.headers().iter();
    let sizes = headers.map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD_BYTES);
    let uri = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let bytes = sizes.sum::<usize>() + uri;
    stream_bytes + if bytes > FREE_BYTES { bytes } else { 0 }
}

/// The head of the next request is incomplete.
const INCOMPLETE: u8 = 0;
/// The head is complete. What arrives is the body of the request.
const COMPLETE: u8 = 1;
/// The body was received, or is not going to be read. What arrives is the head of the next request.
const RECEIVED: u8 = 2;

/// State of a connection's current request. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct HeadState(Arc<AtomicU8>);

impl HeadState {
    /// Marks the head as complete, and returns the body of its request.
    pub(super) fn set_complete(&self, body: Incoming) -> Body {
        self.0.store(COMPLETE, Ordering::Relaxed);
        Body::new(RequestBody { body, state: self.clone() })
    }
}

/// Body of a request. The next head follows it.
struct RequestBody {
    body: Incoming,
    state: HeadState,
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.state.0.store(RECEIVED, Ordering::Relaxed);
    }
}

/// Charge for the head of the current request of a connection. It is kept until the next head begins: hyper keeps its buffer.
#[derive(Debug)]
pub(super) struct HeadCharge {
    state: HeadState,
    received: usize,
    reservation: Reservation,
}

impl HeadCharge {
    pub(super) fn new(state: HeadState, budget: &MemoryBudget) -> Self {
        Self { state, received: 0, reservation: budget.empty() }
    }

    pub(super) fn state(&self) -> HeadState {
        self.state.clone()
    }

    /// Starts again with nothing received.
    pub(super) fn restart(&mut self) {
        self.received = 0;
        self.reservation.set(0);
    }

    /// Charges received bytes. Returns `false` if the budget is used up.
    pub(super) fn charge(&mut self, received: usize) -> bool {
        match self.state.0.load(Ordering::Relaxed) {
            COMPLETE => return true,
            RECEIVED => {
                self.state.0.store(INCOMPLETE, Ordering::Relaxed);
                self.received = 0;
            }
            _ => {}
        }
        self.received = self.received.saturating_add(received);
        let charged = if self.received > FREE_BYTES { (2 * self.received).min(BUFFER_MAX_BYTES) } else { 0 };
        self.reservation.try_resize(charged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryBudgets;

    #[test]
    fn a_long_head_is_charged_until_the_next_one() {
        let budget = MemoryBudgets::new(64 << 20).headers;
        let state = HeadState::default();
        let mut head = HeadCharge::new(state.clone(), &budget);
        assert!(head.charge(FREE_BYTES));
        assert_eq!(budget.reserved(), 0);
        assert!(head.charge(2048));
        assert_eq!(budget.reserved(), 20 * 1024);
        state.0.store(COMPLETE, Ordering::Relaxed);
        assert!(head.charge(1 << 20), "this is a body");
        assert_eq!(budget.reserved(), 20 * 1024);
        state.0.store(RECEIVED, Ordering::Relaxed);
        assert!(head.charge(100));
        assert_eq!(budget.reserved(), 0);
    }

    #[test]
    fn a_stream_of_http2_is_charged_with_its_head_if_that_is_long() {
        let request = |version, length: usize| {
            let request = Request::builder().version(version).uri("/1234").header("abc", "x".repeat(length));
            request.body(Body::empty()).unwrap()
        };
        assert_eq!(stream_bytes(&request(Version::HTTP_2, 10_000), 100), 100 + 10_000 + 3 + 32 + 5);
        assert_eq!(stream_bytes(&request(Version::HTTP_2, 8000), 100), 100);
        assert_eq!(stream_bytes(&request(Version::HTTP_11, 10_000), 100), 0);
    }

    #[test]
    fn incomplete_heads_are_rejected_beyond_the_budget() {
        let budget = MemoryBudgets::new(64 << 20).headers;
        let mut heads: Vec<_> = (0..100).map(|_| HeadCharge::new(HeadState::default(), &budget)).collect();
        let accepted = heads.iter_mut().filter_map(|head| head.charge(1 << 20).then_some(())).count();
        assert_eq!(accepted, budget.capacity() / 4 * 3 / BUFFER_MAX_BYTES);
        drop(heads);
        assert_eq!(budget.reserved(), 0);
    }
}
