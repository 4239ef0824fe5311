//! One connection, from its acceptance to its end.

use super::{
    stream::ClientStream,
    table::{Rejection, Ticket},
};
use axum::{Router, extract::Request};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::sleep};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Timeout from accepting a connection to its first complete request (HTTP/1) or connection preface (HTTP/2).
pub const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Reasons for which the server closes a connection gracefully: requests in progress finish, and no new one is accepted.
pub(super) struct ConnectionEnd {
    /// Maximum age.
    pub(super) max_age: Option<Duration>,
    /// Start of the drain, for protocols whose clients can be told so.
    pub(super) draining: Option<CancellationToken>,
    /// Start of the shutdown. It also closes connections without a request immediately.
    pub(super) stopping: CancellationToken,
}

/// Serves a connection until the client, an error or one of the reasons ends it.
pub(super) async fn serve(
    stream: TcpStream,
    router: Router,
    builder: Arc<Builder<TokioExecutor>>,
    ticket: Ticket,
    end: ConnectionEnd,
) {
    let ConnectionEnd { max_age, draining, stopping } = end;
    let ticket = Arc::new(ticket);
    let (evicted, on_request) = (ticket.evicted(), ticket.clone());
    let service = router.map_request(move |request: Request<hyper::body::Incoming>| {
        on_request.establish();
        request
    });
    let stream = TokioIo::new(ClientStream::new(stream, ticket.clone()));
    let mut connection = pin!(builder.serve_connection(stream, TowerToHyperService::new(service)));
    let mut first_request = pin!(sleep(FIRST_REQUEST_TIMEOUT));
    let mut aged = pin!(sleep(max_age.unwrap_or(Duration::MAX)));
    let mut drained = pin!(async {
        match draining {
            Some(draining) => draining.cancelled_owned().await,
            None => std::future::pending().await,
        }
    });
    let (mut is_draining, mut is_closing, mut is_checked) = (false, false, false);
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "connection ended early");
                }
                return;
            }
            () = first_request.as_mut(), if !is_checked => {
                if !ticket.is_in_time() {
                    return ticket.reject(Rejection::Timeout);
                }
                is_checked = true;
            }
            () = evicted.cancelled() => return ticket.reject(Rejection::Evicted),
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
            () = stopping.cancelled(), if !is_closing => {
                if !ticket.is_established() {
                    return;
                }
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
