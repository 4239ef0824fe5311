//! One connection, from its acceptance to its end.

use super::{
    handshake::{self, Failure},
    head::{HeadCharge, HeadState},
    peer::Peer,
    socket::Socket,
    stall::{self, StreamExecutor},
    stream::ClientStream,
    table::{Rejection, Ticket},
};
use axum::{Router, extract::Request};
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioIo, server::conn::auto::Builder, service::TowerToHyperService};
use rustls::ServerConfig;
use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Timeout from accepting a connection to its first complete request (HTTP/1) or connection preface (HTTP/2).
pub const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for the first request of a connection that was accepted shortly before the shutdown: it may have arrived already.
const LAST_REQUEST_TIMEOUT: Duration = Duration::from_millis(250);
/// Timeout for the client to close its side after the server has closed its own.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// Reasons for which the server closes a connection gracefully: requests in progress finish, and no new one is accepted.
pub(super) struct ConnectionEnd {
    /// Maximum age.
    pub(super) max_age: Option<Duration>,
    /// Start of the drain, for protocols whose clients can be told so.
    pub(super) draining: Option<CancellationToken>,
    /// Start of the shutdown. It also closes connections without a request.
    pub(super) stopping: CancellationToken,
}

/// A connection that was accepted.
pub(super) struct Accepted {
    pub(super) socket: TcpStream,
    pub(super) peer: SocketAddr,
    /// Configuration of TLS; `None` for a plain connection.
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) head: HeadCharge,
}

/// Serves a connection until the client, an error or one of the reasons ends it, and closes it.
pub(super) async fn serve(
    accepted: Accepted,
    router: Router,
    builder: Arc<Builder<StreamExecutor>>,
    ticket: Ticket,
    end: ConnectionEnd,
) {
    let ticket = Arc::new(ticket);
    let first_request = Instant::now() + FIRST_REQUEST_TIMEOUT;
    let Accepted { socket, peer, tls, head } = accepted;
    let (socket, peer, head) = match tls {
        None => (Socket::Plain(socket), Peer::plain(peer), head),
        Some(config) => {
            // Boxed: plain connections would carry its size, too.
            let accepting = Box::pin(handshake::accept(socket, peer, config, head));
            match secure(accepting, &ticket, first_request, &end.stopping).await {
                Some(secured) => secured,
                None => return,
            }
        }
    };
    let state = head.state();
    let (stream, returned) = ClientStream::new(socket, ticket.clone(), head);
    let requests = Requests { peer, router, head: state, first_request };
    let is_complete = serve_requests(stream, requests, &builder, &ticket, end).await;
    if is_complete && let Ok(socket) = returned.await {
        linger(socket).await;
    }
}

/// Waits for the handshake of TLS. Returns `None` if it failed or the connection has to end before.
async fn secure(
    accepting: impl Future<Output = Result<(Socket, Peer, HeadCharge), Failure>>,
    ticket: &Ticket,
    deadline: Instant,
    stopping: &CancellationToken,
) -> Option<(Socket, Peer, HeadCharge)> {
    let evicted = ticket.evicted();
    let stopped = async {
        stopping.cancelled().await;
        sleep(LAST_REQUEST_TIMEOUT).await;
    };
    tokio::select! {
        result = accepting => match result {
            Ok(secured) => return Some(secured),
            Err(failure) => {
                tracing::debug!(error = %failure.error, "TLS handshake failed");
                if failure.is_rejection() {
                    ticket.reject(Rejection::Handshake);
                    linger(failure.socket).await;
                }
            }
        },
        () = sleep_until(deadline) => ticket.reject(Rejection::Timeout),
        () = evicted.cancelled() => ticket.reject(Rejection::Evicted),
        () = stopped => {}
    }
    None
}

/// Closes a socket without a reset (RFC 9112, section 9.6). The client may still be sending; the reset that unread data
/// causes could reach it before it reads the last responses, or which of its requests were accepted.
async fn linger(mut socket: Socket) {
    let closing = async {
        socket.shutdown().await?;
        let mut ignored = [0; 1024];
        while socket.read(&mut ignored).await? > 0 {}
        std::io::Result::Ok(())
    };
    if !matches!(timeout(LINGER_TIMEOUT, closing).await, Ok(Ok(()))) {
        tracing::trace!("the client did not close the connection");
    }
}

/// The requests of a connection.
struct Requests {
    peer: Peer,
    router: Router,
    /// State of the current one.
    head: HeadState,
    /// Deadline of the first one.
    first_request: Instant,
}

/// Serves the requests of a connection. Returns `true` if all of them were served.
async fn serve_requests(
    stream: ClientStream,
    requests: Requests,
    builder: &Builder<StreamExecutor>,
    ticket: &Arc<Ticket>,
    end: ConnectionEnd,
) -> bool {
    let Requests { peer, router, head, first_request } = requests;
    let ConnectionEnd { max_age, draining, stopping } = end;
    let (evicted, on_request) = (ticket.evicted(), ticket.clone());
    let service = TowerToHyperService::new(ServiceExt::<Request>::map_response(router, stall::watch));
    // hyper calls this before it reads the body, and polls the future later.
    let service = service_fn(move |mut request: Request<Incoming>| {
        on_request.establish();
        peer.describe(request.extensions_mut());
        service.call(request.map(|body| head.set_complete(body)))
    });
    let stream = TokioIo::new(stream);
    let mut connection = pin!(builder.serve_connection(stream, service));
    let mut first_request = pin!(sleep_until(first_request));
    let mut aged = pin!(sleep(max_age.unwrap_or(Duration::MAX)));
    let mut drained = pin!(async {
        match draining {
            Some(draining) => draining.cancelled_owned().await,
            None => std::future::pending().await,
        }
    });
    let mut stopped = pin!(async {
        stopping.cancelled().await;
        if !ticket.is_established() {
            sleep(LAST_REQUEST_TIMEOUT).await;
        }
    });
    let (mut is_draining, mut is_closing, mut is_checked) = (false, false, false);
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = &result {
                    tracing::debug!(%error, "connection ended early");
                }
                return result.is_ok();
            }
            () = first_request.as_mut(), if !is_checked => {
                if !ticket.is_in_time() {
                    ticket.reject(Rejection::Timeout);
                    return false;
                }
                is_checked = true;
            }
            () = evicted.cancelled() => {
                ticket.reject(Rejection::Evicted);
                return false;
            }
            () = aged.as_mut(), if max_age.is_some() && !is_closing => {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
            () = drained.as_mut(), if !is_draining => {
                is_draining = true;
                if ticket.is_established() {
                    connection.as_mut().graceful_shutdown();
                }
            }
            () = stopped.as_mut(), if !is_closing => {
                if !ticket.is_established() {
                    return false;
                }
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
