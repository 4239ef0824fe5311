//! An HTTP/2 connection to one address. Unlike a tonic channel it tells whether a failed request was sent.

use super::transport::TransportError;
use http::{Request, Response, Uri, uri::Scheme};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use runtime::server::HEADER_LIST_MAX_BYTES;
use std::{error::Error, io, sync::Arc, time::Duration};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

/// Timeout for connecting.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum number of concurrent calls on a connection. The service allows 200 streams, and learns of the end of a stream a
/// little later than this side.
const MAX_STREAMS: usize = 150;

/// A connection. Clones share it; it is closed after the last clone is dropped and the last stream has ended.
#[derive(Clone)]
pub(super) struct Connection {
    authority: Arc<str>,
    sender: SendRequest<Body>,
    streams: Arc<Semaphore>,
    closed: CancellationToken,
}

impl Connection {
    /// Connects to `host:port`.
    pub(super) async fn open(authority: &Arc<str>) -> io::Result<Self> {
        let connecting = TcpStream::connect(&**authority);
        let stream = timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| io::ErrorKind::TimedOut)??;
        stream.set_nodelay(true)?;
        let (sender, driver) = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(HEADER_LIST_MAX_BYTES)
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        let closed = CancellationToken::new();
        let guard = closed.clone().drop_guard();
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "connection to the session service ended");
            }
            drop(guard);
        });
        let streams = Arc::new(Semaphore::new(MAX_STREAMS));
        Ok(Self { authority: authority.clone(), sender, streams, closed })
    }

    /// Returns a permit for a stream; `None` if the connection is at its limit or closed.
    pub(super) fn try_acquire(&self) -> Option<OwnedSemaphorePermit> {
        if self.is_closed() { None } else { self.streams.clone().try_acquire_owned().ok() }
    }

    /// Returns `true` if the connection accepts no more requests.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_cancelled() || self.sender.is_closed()
    }

    /// Resolves when the connection has ended. One that the service is closing gracefully ends with its last stream.
    pub(super) async fn ended(&self) {
        self.closed.cancelled().await;
    }

    /// Sends a request. Returns once the headers of the response have arrived.
    pub(super) async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>, TransportError> {
        let path = std::mem::take(request.uri_mut()).into_parts().path_and_query;
        let uri = Uri::builder().scheme(Scheme::HTTP).authority(&*self.authority);
        let uri = uri.path_and_query(path.ok_or_else(|| TransportError::unsent("the request has no path"))?);
        *request.uri_mut() = uri.build().map_err(TransportError::unsent)?;
        match self.sender.clone().try_send_request(request).await {
            Ok(response) => Ok(response.map(Body::new)),
            Err(mut error) => {
                let is_unsent = error.take_message().is_some() || was_refused(error.error());
                let error = error.into_error();
                Err(if is_unsent { TransportError::unsent(error) } else { TransportError::unanswered(error) })
            }
        }
    }
}

/// Returns `true` if the service refused the stream, or closed the connection gracefully before the stream began.
fn was_refused(error: &hyper::Error) -> bool {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let mut h2 = causes.filter_map(|cause| cause.downcast_ref::<h2::Error>());
    h2.any(|error| {
        let reason = error.reason();
        error.is_remote() && error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM)
            || error.is_remote() && error.is_go_away() && reason == Some(h2::Reason::NO_ERROR)
    })
}
