//! As many connections to the service as the calls in progress need: one carries a bounded number of calls at once, and
//! a stream of a reply lasts as long as the model talks.

use crate::backend::{Transport, TransportError};
use http::{Request, Response};
use http_body_util::BodyExt;
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

/// How many calls a lane carries at once. The service takes 200 on a connection, and learns a little later than we do
/// that a call is over.
const LANE_CALLS: usize = 150;

/// A transport over lanes that `open` makes, each when all others are full. Lanes stay: an idle one costs little.
pub(crate) fn transport(open: impl Fn() -> Transport + Send + Sync + 'static) -> Transport {
    BoxCloneSyncService::new(Lanes { open: Arc::new(open), lanes: Arc::default() })
}

#[derive(Clone)]
struct Lanes {
    open: Arc<dyn Fn() -> Transport + Send + Sync>,
    lanes: Arc<Mutex<Vec<Lane>>>,
}

struct Lane {
    transport: Transport,
    places: Arc<Semaphore>,
}

impl Lanes {
    /// A place on the first lane that has one.
    fn place(&self) -> (Transport, OwnedSemaphorePermit) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let free = lanes.iter().find_map(|lane| {
            let place = lane.places.clone().try_acquire_owned().ok()?;
            Some((lane.transport.clone(), place))
        });
        free.unwrap_or_else(|| {
            let places = Arc::new(Semaphore::new(LANE_CALLS));
            let place = places.clone().try_acquire_owned().expect("a new lane is free");
            let transport = (self.open)();
            lanes.push(Lane { transport: transport.clone(), places });
            tracing::debug!(lanes = lanes.len(), "lane to the session service opened");
            (transport, place)
        })
    }
}

impl Service<Request<Body>> for Lanes {
    type Response = Response<Body>;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, TransportError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    /// The place is taken until the body of the answer has ended or is dropped.
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (transport, place) = self.place();
        Box::pin(async move {
            let response = transport.oneshot(request).await?;
            Ok(response.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _taken = &place;
                    frame
                }))
            }))
        })
    }
}
