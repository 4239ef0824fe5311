//! Connection handling for all ports: limits, deadlines, connection age and graceful shutdown.
//!
//! `axum::serve` and tonic's own server have no deadline for the first request and no connection limit.

mod connection;
mod handshake;
mod head;
mod parse_errors;
mod peer;
mod protocol;
mod socket;
mod stall;
mod stream;
mod table;
mod tls;

pub use connection::FIRST_REQUEST_TIMEOUT;
pub use head::{HEADER_LIST_MAX_BYTES, stream_bytes};
pub use peer::{PeerAddress, PeerCertificate, Secure};
pub use protocol::Protocol;
pub use table::{ConnectionLimits, ConnectionMetrics};
pub use tls::{PortTls, ServerTls};

use crate::{Lifecycle, memory::MemoryBudget};
use axum::Router;
use connection::{Accepted, ConnectionEnd};
use head::{HeadCharge, HeadState};
use hyper_util::{rt::TokioTimer, server::conn::auto::Builder};
use socket2::{SockRef, TcpKeepalive};
use stall::StreamExecutor;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use table::ConnectionTable;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Timeout for later request headers on an HTTP/1 connection, idle time included. Longer than proxies keep idle
/// connections, so that a proxy never reuses a connection that is about to close.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);
/// Maximum number of concurrent streams on an HTTP/2 connection.
const MAX_STREAMS: u32 = 200;
/// Maximum number of streams that were reset before the server accepted them. Beyond it, h2 closes the connection. Its
/// default of 20 is meant for connections of one client; proxies and gateways share a connection between many clients.
const MAX_PENDING_RESETS: usize = 200;
/// The same on the gRPC port, where all calls of a gateway may be reset at once.
const MAX_PENDING_RESETS_GRPC: usize = 1024;
/// Maximum number of bytes that the kernel buffers for a client before it reads them. Without it, a client that does not read
/// occupies several MiB.
const UNSENT_MAX_BYTES: u32 = 64 * 1024;
/// Pause after a failed accept, usually caused by a lack of file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// A listening port.
#[derive(Debug)]
pub struct Port {
    /// Name of the port in metrics and logs.
    pub name: &'static str,
    /// Protocols served on it.
    pub protocol: Protocol,
    /// Age at which connections are asked to close, so that new replicas get their share. Jittered by 10 %.
    pub max_age: Option<Duration>,
    /// Connection limits.
    pub limits: ConnectionLimits,
    /// Metrics, shared by all ports of the process.
    pub metrics: ConnectionMetrics,
    /// Budget of the process for headers that are not complete.
    pub headers: MemoryBudget,
    /// TLS of the port; `None` for plain connections.
    pub tls: Option<PortTls>,
}

impl Port {
    /// Serves until the process stops, then waits until the requests in progress have finished.
    pub async fn serve(self, listener: TcpListener, router: Router, lifecycle: &Lifecycle) {
        let builder = Arc::new(builder(self.protocol, self.limits.write_timeout));
        let table = Arc::new(ConnectionTable::new(self.name, self.limits, &self.metrics));
        let connections = TaskTracker::new();
        let stopping = lifecycle.stopping_token();
        while let Some((socket, peer)) = stopping.run_until_cancelled(accept(&listener, &self.limits)).await {
            let Some(ticket) = table.admit(peer.ip()) else { continue };
            let end = ConnectionEnd {
                max_age: self.max_age.map(crate::jittered),
                draining: self.draining_of_new_connections(lifecycle),
                stopping: stopping.clone(),
            };
            let head = HeadCharge::new(HeadState::default(), &self.headers);
            let tls = self.tls.as_ref().map(PortTls::config);
            let accepted = Accepted { socket, peer, tls, head };
            connections.spawn(connection::serve(accepted, router.clone(), builder.clone(), ticket, end));
        }
        drop(listener);
        connections.close();
        connections.wait().await;
    }
}

impl Port {
    /// Requires a client certificate, if the settings have authorities for them.
    #[must_use]
    pub fn with_client_certificates(mut self) -> Self {
        if let Some(tls) = &mut self.tls {
            tls.require_certificate();
        }
        self
    }

    /// Returns the token on which a new connection should close. Clients of gRPC are told at the start of the drain, so that
    /// they leave while they still know other addresses. Those that come back during the drain are served until its end.
    fn draining_of_new_connections(&self, lifecycle: &Lifecycle) -> Option<CancellationToken> {
        let draining = lifecycle.draining_token();
        (self.protocol == Protocol::Grpc && !draining.is_cancelled()).then_some(draining)
    }
}

/// Returns `true` for an IP address or `localhost`. Another web page cannot make such a name resolve to this server: an
/// address is not resolved at all, and `localhost` not by DNS.
pub fn is_local_name(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost")
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
}

fn builder(protocol: Protocol, write_timeout: Duration) -> Builder<StreamExecutor> {
    let mut builder = Builder::new(StreamExecutor { write_timeout });
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_LIST_MAX_BYTES as usize)
        .keep_alive(protocol != Protocol::Admin);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(HEADER_LIST_MAX_BYTES)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .keep_alive_timeout(Duration::from_secs(10));
    match protocol {
        Protocol::Http => builder,
        Protocol::Admin => builder.http1_only(),
        Protocol::Grpc => {
            builder
                .http2()
                .max_pending_accept_reset_streams(MAX_PENDING_RESETS_GRPC)
                .max_local_error_reset_streams(MAX_PENDING_RESETS_GRPC);
            builder.http2_only()
        }
    }
}

async fn accept(listener: &TcpListener, limits: &ConnectionLimits) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Err(error) = configure(&stream, limits.write_timeout) {
                    tracing::debug!(%error, "socket options not set");
                }
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

fn configure(stream: &TcpStream, write_timeout: Duration) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(60)))?;
    #[cfg(target_os = "linux")]
    {
        // The kernel closes a connection whose client acknowledges nothing or keeps its window closed.
        socket.set_tcp_user_timeout(Some(write_timeout))?;
        socket.set_tcp_notsent_lowat(UNSENT_MAX_BYTES)?;
    }
    Ok(())
}

#[cfg(test)]
mod peer_tests;
