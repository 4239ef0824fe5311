//! One connection, from its acceptance to its end.

use super::{
    FIRST_REQUEST_TIMEOUT,
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

/// Serves a connection until the client or an error ends it. From `max_age` or the start of shutdown on, no new request
/// is taken; an unestablished connection is closed at once.
pub(super) async fn serve(
    stream: TcpStream,
    router: Router,
    builder: Arc<Builder<TokioExecutor>>,
    ticket: Ticket,
    max_age: Option<Duration>,
    stopping: CancellationToken,
) {
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
    let (mut is_closing, mut is_checked) = (false, false);
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
