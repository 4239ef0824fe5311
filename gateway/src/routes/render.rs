//! Responses as JSON. Large ones are charged to the memory budget until they are sent.

use crate::error::Problem;
use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header::CONTENT_TYPE},
    response::Response,
};
use nono_proto::{limits::HISTORY_PAGE_MAX_BYTES, session::v1::AppendRequest};
use prost::Message;
use runtime::memory::{MemoryBudget, Reservation};
use serde::Serialize;

/// Size up to which a response is not charged.
const FREE_BYTES: usize = 16 * 1024;
/// Size that is reserved for a page before it is requested, so that no page is read in vain. Its real size is known later.
const PAGE_BYTES: usize = HISTORY_PAGE_MAX_BYTES;

/// Reserves memory for a page, before it is requested from the service.
pub(super) fn reserve_page(budget: &MemoryBudget) -> Result<Reservation, Problem> {
    budget.try_reserve(PAGE_BYTES).ok_or_else(Problem::out_of_memory)
}

/// Reserves memory for the response to an append, which contains its messages again.
pub(super) fn reserve_append(budget: &MemoryBudget, request: &AppendRequest) -> Result<Reservation, Problem> {
    budget.try_reserve(request.encoded_len()).ok_or_else(Problem::out_of_memory)
}

/// Converts a small response of the service to JSON.
pub(super) fn render<A, J: From<A> + Serialize>(answer: A, budget: &MemoryBudget) -> Response {
    render_reserved::<A, J>(answer, budget.empty())
}

/// Converts a response of the service to JSON, for which memory is reserved. It is returned even beyond the budget: a
/// rejection would say that the call was not made.
pub(super) fn render_reserved<A, J: From<A> + Serialize>(answer: A, memory: Reservation) -> Response {
    let json = serde_json::to_vec(&J::from(answer)).expect("strings and numbers become JSON");
    let mut response = Response::new(Body::from(charged(json, memory)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Returns data that keeps the memory reserved until its last byte has been passed to the connection.
pub(super) fn charged(mut data: Vec<u8>, mut memory: Reservation) -> Bytes {
    if data.len() <= FREE_BYTES {
        return data.into();
    }
    data.shrink_to_fit();
    memory.set(data.len());
    memory.attach(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::memory::MemoryBudgets;

    #[test]
    fn large_data_is_charged_until_it_is_dropped() {
        let budget = MemoryBudgets::new(64 << 20).responses;
        let small = charged(vec![0; FREE_BYTES], reserve_page(&budget).unwrap());
        assert_eq!((small.len(), budget.reserved()), (FREE_BYTES, 0));
        let large = charged(vec![0; 2 * PAGE_BYTES], reserve_page(&budget).unwrap());
        assert_eq!(budget.reserved(), 2 * PAGE_BYTES);
        drop(large);
        let beyond = charged(vec![0; budget.capacity()], budget.empty());
        assert_eq!(reserve_page(&budget).unwrap_err().status(), 429);
        drop(beyond);
        assert_eq!(budget.reserved(), 0);
    }
}
