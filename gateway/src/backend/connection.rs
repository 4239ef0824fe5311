//! An HTTP/2 connection to one address. Unlike a tonic channel it tells whether a failed request was sent.

use super::{
    shared_writes::SharedWrites,
    target::{Target, TlsTarget},
    tls::TlsFailure,
    transport::TransportError,
};
use http::{Request, Response, Uri, uri::Scheme};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use runtime::server::HEADER_LIST_MAX_BYTES;
use std::{
    error::Error,
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

/// Timeout for connecting.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Timeout for the reason of a connection that accepts no more requests. One that ends gracefully has none.
const FAILURE_TIMEOUT: Duration = Duration::from_millis(50);
/// Maximum number of concurrent calls on a connection. The service allows 200 streams, and learns of the end of a stream a
/// little later than this side.
const MAX_STREAMS: u32 = 150;

/// A connection. Clones share it; it is closed after the last clone is dropped and the last stream has ended.
#[derive(Clone)]
pub(super) struct Connection {
    scheme: Scheme,
    authority: Arc<str>,
    sender: SendRequest<Body>,
    streams: Arc<Semaphore>,
    closed: CancellationToken,
    /// Reason why TLS ended the connection.
    failure: Arc<Mutex<Option<TlsFailure>>>,
}

impl Connection {
    /// Connects to a target. The timeout includes the handshake of TLS. With a receive window for each stream, that of the
    /// connection has room for all streams.
    pub(super) async fn open(target: &Target, stream_window: Option<u32>) -> Result<Self, ConnectError> {
        let opening = timeout(CONNECT_TIMEOUT, Self::connect(target, stream_window)).await;
        opening.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    }

    async fn connect(target: &Target, stream_window: Option<u32>) -> Result<Self, ConnectError> {
        let stream = TcpStream::connect(&*target.address).await?;
        stream.set_nodelay(true)?;
        match &target.tls {
            None => Self::start(stream, Scheme::HTTP, &target.address, stream_window).await,
            Some(TlsTarget { tls, name, authority }) => {
                let stream = tls.connect(name.clone(), stream).await?;
                Self::start(stream, Scheme::HTTPS, authority, stream_window).await
            }
        }
    }

    /// Starts HTTP/2 on a stream.
    async fn start(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        scheme: Scheme,
        authority: &Arc<str>,
        stream_window: Option<u32>,
    ) -> Result<Self, ConnectError> {
        let mut builder = Builder::new(TokioExecutor::new());
        if let Some(window) = stream_window {
            builder.initial_stream_window_size(window);
            builder.initial_connection_window_size(window * MAX_STREAMS);
        }
        let (sender, driver) = builder
            .timer(TokioTimer::new())
            .max_header_list_size(HEADER_LIST_MAX_BYTES)
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(SharedWrites::new(stream)))
            .await
            .map_err(io::Error::other)?;
        let (closed, failure) = (CancellationToken::new(), Arc::<Mutex<_>>::default());
        let (guard, noted) = (closed.clone().drop_guard(), failure.clone());
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "connection to the session service ended");
                *noted.lock().unwrap_or_else(PoisonError::into_inner) = TlsFailure::of(&error);
            }
            drop(guard);
        });
        let streams = Arc::new(Semaphore::new(MAX_STREAMS as usize));
        Ok(Self { scheme, authority: authority.clone(), sender, streams, closed, failure })
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

    /// Returns the reason why TLS ended the connection. A server rejects a client certificate after the handshake.
    pub(super) async fn tls_failure(&self) -> Option<TlsFailure> {
        if self.scheme == Scheme::HTTPS && self.sender.is_closed() {
            // The task of the connection notes the reason just before its end.
            drop(timeout(FAILURE_TIMEOUT, self.ended()).await);
        }
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a request. Returns once the headers of the response have arrived.
    pub(super) async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>, TransportError> {
        let path = std::mem::take(request.uri_mut()).into_parts().path_and_query;
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(&*self.authority);
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

/// Error of a connection that was not established.
#[derive(Debug)]
pub(super) enum ConnectError {
    Io(io::Error),
    Tls(TlsFailure),
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<TlsFailure> for ConnectError {
    fn from(failure: TlsFailure) -> Self {
        Self::Tls(failure)
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Tls(failure) => failure.fmt(f),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Tls(failure) => Some(failure),
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
