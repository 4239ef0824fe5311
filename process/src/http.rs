//! An HTTP server with limits: `axum::serve` has no header time-out, no bound on connections and no `TCP_NODELAY`.

use crate::Lifecycle;
use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// The longest that a new client stays silent.
const FIRST_BYTE_MAX_WAIT: Duration = Duration::from_secs(10);
/// The longest that a client takes to send a request's headers, from the end of the one before: longer than proxies
/// keep an idle connection, or they would meet one that is just being closed.
const HEADERS_MAX_WAIT: Duration = Duration::from_secs(75);
/// The most connections at once; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 10_000;
/// The pause after a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until the process stops, then lets requests in progress end.
pub async fn serve(listener: TcpListener, router: Router, lifecycle: &Lifecycle) {
    let builder = Arc::new(builder());
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let stopping = lifecycle.stopping_token();
    while let Some((stream, place)) = stopping.run_until_cancelled(accept(&listener, &places)).await {
        let service = TowerToHyperService::new(router.clone());
        let (builder, watcher, stopping) = (builder.clone(), connections.watcher(), stopping.clone());
        tokio::spawn(async move {
            if stopping.run_until_cancelled(speaks(&stream)).await == Some(true) {
                let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
                if let Err(error) = watcher.watch(connection.into_owned()).await {
                    tracing::debug!(%error, "http connection ended early");
                }
            }
            drop(place);
        });
    }
    drop(listener);
    connections.shutdown().await;
}

/// Whether the client says anything; hyper would wait for ever to learn which version it speaks.
async fn speaks(stream: &TcpStream) -> bool {
    matches!(tokio::time::timeout(FIRST_BYTE_MAX_WAIT, stream.peek(&mut [0])).await, Ok(Ok(1)))
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_MAX_WAIT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(200)
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, tokio::sync::OwnedSemaphorePermit) {
    let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY not set");
                }
                return (stream, place);
            }
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
