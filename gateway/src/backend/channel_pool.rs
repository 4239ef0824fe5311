//! A pool of HTTP/2 channels. A new channel is opened when all others are at their stream limit: chat streams are
//! long-lived and would otherwise starve other calls.

use super::transport::{Transport, TransportError};
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

/// Maximum number of concurrent calls on a channel. The service allows 200 streams on a connection, and learns of the end
/// of a stream a little later than the pool.
const MAX_STREAMS_PER_CHANNEL: usize = 150;

/// Creates a transport over a pool of channels that `open` creates. Idle channels are kept: they cost little.
pub(super) fn transport(open: impl Fn() -> Transport + Send + Sync + 'static) -> Transport {
    BoxCloneSyncService::new(ChannelPool { open: Arc::new(open), channels: Arc::default() })
}

#[derive(Clone)]
struct ChannelPool {
    open: Arc<dyn Fn() -> Transport + Send + Sync>,
    channels: Arc<Mutex<Vec<PooledChannel>>>,
}

struct PooledChannel {
    transport: Transport,
    streams: Arc<Semaphore>,
}

impl ChannelPool {
    /// Returns the first channel with a free stream, and a permit for that stream.
    fn acquire(&self) -> (Transport, OwnedSemaphorePermit) {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let free = channels.iter().find_map(|channel| {
            let permit = channel.streams.clone().try_acquire_owned().ok()?;
            Some((channel.transport.clone(), permit))
        });
        free.unwrap_or_else(|| {
            let streams = Arc::new(Semaphore::new(MAX_STREAMS_PER_CHANNEL));
            let permit = streams.clone().try_acquire_owned().expect("a new channel has free streams");
            let transport = (self.open)();
            channels.push(PooledChannel { transport: transport.clone(), streams });
            tracing::debug!(channels = channels.len(), "channel to the session service opened");
            (transport, permit)
        })
    }
}

impl Service<Request<Body>> for ChannelPool {
    type Response = Response<Body>;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, TransportError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    /// Holds the permit until the response body has ended or is dropped.
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (transport, permit) = self.acquire();
        Box::pin(async move {
            let response = transport.oneshot(request).await?;
            Ok(response.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _held = &permit;
                    frame
                }))
            }))
        })
    }
}
