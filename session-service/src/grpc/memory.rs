//! Memory of calls: messages of callers until the calls have been handled, and large responses until they are sent.

use super::status;
use crate::domain::limits::{GRPC_MESSAGE_MAX_BYTES, HISTORY_PAGE_MAX_BYTES};
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
};
use http_body::{Frame, SizeHint};
use runtime::{
    admission::Class,
    memory::{MemoryBudgets, Reservation},
    server::stream_bytes,
};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};
use tonic::Status;

/// Size up to which a response is not charged.
const FREE_BYTES: usize = 16 * 1024;
/// Copies of a received byte: in the buffer of the message and in its decoded fields.
const COPIES: usize = 2;

/// Memory of a stream whose request is not complete, as measured.
const STREAM_BYTES: usize = 6 * 1024;

/// Memory of a request, shared by its body and its call. The last of them releases it.
pub(super) type RequestMemory = Arc<Mutex<Reservation>>;

/// Reserves memory for the stream of a request and its head; `None` if there is none left.
pub(super) fn reserve_stream(request: &Request, budgets: &MemoryBudgets) -> Option<Reservation> {
    budgets.requests.try_reserve(stream_bytes(request, STREAM_BYTES))
}

/// Charges the body of a request as it arrives, in addition to its stream. The call keeps the returned memory.
pub(super) fn charge_request(request: Request, stream: Reservation) -> (Request, RequestMemory) {
    let stream_bytes = stream.bytes();
    let memory = Arc::new(Mutex::new(stream));
    let encoding = request.headers().get("grpc-encoding");
    let is_compressed = encoding.is_some_and(|encoding| encoding != "identity");
    let body_memory = memory.clone();
    let charged = |body| ChargedBody { body, memory: body_memory, stream_bytes, received: 0, is_compressed };
    let request = request.map(|body| Body::new(charged(body)));
    (request, memory)
}

/// Reserves memory for a page before it is read; `None` if there is none left. Its real size is known later.
pub(super) fn reserve_response(class: Option<Class>, budgets: &MemoryBudgets) -> Option<Reservation> {
    match class {
        Some(Class::Page | Class::List) => budgets.responses.try_reserve(HISTORY_PAGE_MAX_BYTES),
        Some(Class::Point) | None => Some(budgets.responses.empty()),
    }
}

/// Memory for the response of a call.
pub(super) struct ResponseMemory {
    pub(super) reserved: Reservation,
    /// Memory of the request until the first data. A response that is not larger, such as that of an append, keeps it.
    pub(super) request: Option<RequestMemory>,
}

impl ResponseMemory {
    /// Ties the memory to data, which is sent even beyond the budget: a rejection would say that the call was not made.
    pub(super) fn charge(&mut self, data: Bytes) -> Bytes {
        let request = self.request.take();
        if data.len() <= FREE_BYTES {
            return data;
        }
        if let Some(request) = request.filter(|request| lock(request).bytes() >= data.len()) {
            let memory = lock(&request).take();
            return memory.attach(data);
        }
        self.reserved.set(data.len());
        self.reserved.take().attach(data)
    }
}

fn lock(memory: &RequestMemory) -> MutexGuard<'_, Reservation> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Body of a request that is charged to the memory of its call.
struct ChargedBody {
    body: Body,
    memory: RequestMemory,
    stream_bytes: usize,
    received: usize,
    is_compressed: bool,
}

impl ChargedBody {
    /// Charges what was received. A compressed message may have any size once it is decompressed. Until its end, at which
    /// its call begins, it is charged as the largest one.
    fn charge(&mut self, is_end: bool) -> Result<(), Status> {
        let received = self.received * COPIES;
        let is_open = self.is_compressed && self.received > 0 && !is_end;
        let bytes = if is_open { received.max(GRPC_MESSAGE_MAX_BYTES) } else { received };
        let mut memory = lock(&self.memory);
        if memory.try_resize(self.stream_bytes + bytes) { Ok(()) } else { Err(status::out_of_memory()) }
    }
}

impl HttpBody for ChargedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            self.received += frame.data_ref().map_or(0, Bytes::len);
        }
        let is_end = frame.is_none() || self.body.is_end_stream();
        Poll::Ready(match self.charge(is_end) {
            Ok(()) => frame,
            Err(status) => Some(Err(axum::Error::new(status))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Version;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_request_is_charged_until_its_call_ends() {
        let budgets = MemoryBudgets::new(64 << 20);
        let head = Request::builder().version(Version::HTTP_2).header("x", "x".repeat(10_000));
        let request = head.body(Body::from(vec![0; 1000])).unwrap();
        let stream = reserve_stream(&request, &budgets).unwrap();
        let stream_bytes = stream.bytes();
        assert!((STREAM_BYTES + 10_000..STREAM_BYTES + 11_000).contains(&stream_bytes), "{stream_bytes}");
        let (request, memory) = charge_request(request, stream);
        request.into_body().collect().await.unwrap();
        assert_eq!(budgets.requests.reserved(), stream_bytes + 2000);
        drop(memory);
        assert_eq!(budgets.requests.reserved(), 0);
    }

    #[tokio::test]
    async fn a_compressed_request_counts_as_the_largest_one_until_it_ends() {
        let budgets = MemoryBudgets::new(64 << 20);
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let mut request = Request::new(Body::from_stream(stream));
        request.headers_mut().insert("grpc-encoding", "gzip".parse().unwrap());
        let (request, _memory) = charge_request(request, budgets.requests.empty());
        let mut body = request.into_body();
        sender.send(Ok::<_, std::io::Error>(Bytes::from_static(b"x"))).await.unwrap();
        body.frame().await.unwrap().unwrap();
        assert_eq!(budgets.requests.reserved(), GRPC_MESSAGE_MAX_BYTES);
        drop(sender);
        assert!(body.frame().await.is_none());
        assert_eq!(budgets.requests.reserved(), COPIES);
    }

    #[test]
    fn a_response_is_counted_even_beyond_the_budget() {
        let budgets = MemoryBudgets::new(64 << 20);
        let reserved = reserve_response(Some(Class::Page), &budgets).unwrap();
        let mut memory = ResponseMemory { reserved, request: None };
        let data = memory.charge(vec![0; 100_000].into());
        assert_eq!(budgets.responses.reserved(), 100_000);
        drop(data);
        let large = memory.charge(vec![0; budgets.responses.capacity()].into());
        assert!(reserve_response(Some(Class::Page), &budgets).is_none());
        drop(large);
        assert_eq!(budgets.responses.reserved(), 0);
    }

    #[test]
    fn a_response_that_is_not_larger_keeps_the_memory_of_its_request() {
        let budgets = MemoryBudgets::new(64 << 20);
        let request = Arc::new(Mutex::new(budgets.requests.try_reserve(200_000).unwrap()));
        let mut memory = ResponseMemory { reserved: budgets.responses.empty(), request: Some(request) };
        let data = memory.charge(vec![0; 100_000].into());
        assert_eq!((budgets.requests.reserved(), budgets.responses.reserved()), (200_000, 0));
        drop(data);
        assert_eq!(budgets.requests.reserved(), 0);
    }
}
