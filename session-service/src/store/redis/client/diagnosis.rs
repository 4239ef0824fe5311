//! Diagnosis of a server that cannot be connected to: a probe where the error of the driver does not show the reason.
//!
//! A server without TLS does not respond to a TLS client, and one with TLS closes the connection of a client without it. A
//! server that rejects every client closes the connection, too.

use super::{
    connection::connect,
    error::io_error,
    failure::Failure,
    problem::{NO_TLS, NOT_REDIS, PROTECTED, Problem, TLS_REQUIRED, TOO_MANY_CLIENTS, UNKNOWN_HOST},
};
use crate::store::Unreachable;
use bb8_redis::redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError};
use rustls::Error as TlsError;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::timeout,
};

/// Timeout of a probe.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);
/// Time for which a diagnosis is not repeated while the error stays the same.
const DIAGNOSIS_TTL: Duration = Duration::from_secs(10);
/// First byte of a TLS alert, the response of some TLS servers to other requests.
const TLS_ALERT: u8 = 0x15;
/// Maximum size of a response to a probe.
const RESPONSE_MAX_BYTES: usize = 512;

/// Reason of the most recent failure to connect, until a connection succeeds.
#[derive(Debug, Default)]
pub(super) struct LastFailure(Mutex<Option<Diagnosis>>);

#[derive(Clone, Debug)]
struct Diagnosis {
    /// Code of the reason before the probe.
    code: &'static str,
    reason: Unreachable,
    at: Instant,
}

impl LastFailure {
    /// Returns the reason of the most recent failure.
    pub(super) fn reason(&self) -> Option<Unreachable> {
        self.get().map(|diagnosis| diagnosis.reason)
    }

    /// Finds the reason of a failure and stores it.
    pub(super) async fn diagnose(&self, failure: &Failure) -> Unreachable {
        let reason = failure.reason();
        let code = reason.code;
        let known = self.get().filter(|known| known.code == code && known.at.elapsed() < DIAGNOSIS_TTL);
        let (reason, at) = match known {
            Some(known) if known.reason.code != code => (known.reason, known.at),
            Some(known) => (reason, known.at),
            None => {
                let problem = probe(&failure.server, code).await;
                (problem.map_or(reason, |problem| failure.diagnosed(&problem)), Instant::now())
            }
        };
        self.set(Some(Diagnosis { code, reason: reason.clone(), at }));
        reason
    }

    /// Clears the reason after a connection succeeded.
    pub(super) fn clear(&self) {
        self.set(None);
    }

    fn get(&self) -> Option<Diagnosis> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, diagnosis: Option<Diagnosis>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = diagnosis;
    }
}

/// Returns the problem of a server if a probe shows more than the reason with this code.
async fn probe(server: &ConnectionInfo, code: &str) -> Option<Problem> {
    if let (ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. }, "timeout") =
        (server.addr(), code)
        && !resolves(host, *port).await
    {
        return Some(UNKNOWN_HOST);
    }
    match (server.addr(), code) {
        (ConnectionAddr::TcpTls { host, port, .. }, "timeout" | "closed" | "tls" | "no_tls") => {
            match plain_response(host, *port).await.as_deref() {
                None | Some([TLS_ALERT, ..]) => None,
                Some([b'+' | b'-', ..]) => Some(NO_TLS),
                Some(_) => Some(NOT_REDIS),
            }
        }
        (ConnectionAddr::Tcp(host, port), "closed" | "not_redis" | "wrong_password") => {
            match plain_response(host, *port).await.as_deref() {
                None => speaks_tls(host, *port).await.then_some(TLS_REQUIRED),
                Some([TLS_ALERT, ..]) => Some(TLS_REQUIRED),
                Some(response) => rejection(&String::from_utf8_lossy(response)),
            }
        }
        _ => None,
    }
}

/// Returns the problem of a server that rejects every client.
fn rejection(response: &str) -> Option<Problem> {
    match response {
        _ if response.contains("max number of clients") => Some(TOO_MANY_CLIENTS),
        _ if response.starts_with("-DENIED") => Some(PROTECTED),
        _ if response.starts_with(['+', '-']) => None,
        _ => Some(NOT_REDIS),
    }
}

/// Returns `true` if a name server knows the host. A name server that does not respond delays every connection.
async fn resolves(host: &str, port: u16) -> bool {
    matches!(timeout(PROBE_TIMEOUT, lookup_host((host, port))).await, Ok(Ok(_)))
}

/// Returns the beginning of the response to a request without TLS and without credentials.
async fn plain_response(host: &str, port: u16) -> Option<Vec<u8>> {
    let mut response = vec![0; RESPONSE_MAX_BYTES];
    let exchange = async {
        let mut stream = TcpStream::connect((host, port)).await?;
        stream.write_all(b"PING\r\n").await?;
        stream.read(&mut response).await
    };
    let length = timeout(PROBE_TIMEOUT, exchange).await.ok()?.ok().filter(|length| *length > 0)?;
    response.truncate(length);
    Some(response)
}

/// Returns `true` if the server responds to a TLS handshake, even if its certificate is not trusted. No credentials are
/// sent.
async fn speaks_tls(host: &str, port: u16) -> bool {
    let (host, params) = (host.to_owned(), None);
    let address = ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: params };
    let client = address.into_connection_info().and_then(Client::open);
    let Ok(client) = client else { return false };
    match timeout(PROBE_TIMEOUT, connect(&client)).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tls_error(&error).is_some_and(|error| !matches!(error, TlsError::InvalidMessage(_)))
        }
        Err(_) => false,
    }
}

fn tls_error(error: &RedisError) -> Option<&TlsError> {
    io_error(error)?.get_ref()?.downcast_ref()
}
