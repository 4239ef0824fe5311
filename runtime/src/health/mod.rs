//! Readiness of a running program, asked at its admin port.

mod tls;

use http::{
    Request, StatusCode,
    header::{CONNECTION, HOST},
};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{
    error::Error,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

/// Timeout of the check.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum size of a report.
const REPORT_MAX_BYTES: usize = 64 * 1024;

/// Asks the program with this admin address if it is ready. The error is one sentence.
///
/// `uses_tls` is the setting of this process. Without it, the program may still use TLS, if only its own arguments say so.
pub(crate) async fn check(admin: SocketAddr, uses_tls: bool) -> Result<(), String> {
    if admin.port() == 0 {
        return Err("the admin port is 0: set --admin-listen to the port of the running program".into());
    }
    match timeout(TIMEOUT, request(admin, uses_tls)).await {
        Ok(Ok((StatusCode::OK, _))) => Ok(()),
        Ok(Ok((StatusCode::SERVICE_UNAVAILABLE, report))) => Err(not_ready(&report)),
        Ok(Ok((status, _))) => {
            Err(format!("{admin} responds with {status}: it is not the admin port of Nono"))
        }
        Ok(Err(error)) => Err(describe(admin, uses_tls, &*error)),
        Err(_) => Err(format!("{admin} does not respond within {TIMEOUT:?}")),
    }
}

/// Sends the request to the first address that accepts a connection. Returns status and body.
async fn request(
    admin: SocketAddr,
    uses_tls: bool,
) -> Result<(StatusCode, Bytes), Box<dyn Error + Send + Sync>> {
    let connect = async || TcpStream::connect(&*local_addresses(admin)).await;
    if !uses_tls {
        match send(admin, connect().await?).await {
            // This is how the alert of a port with TLS looks to HTTP.
            Err(error) if error.is_parse() => {}
            result => return Ok(result?),
        }
    }
    let stream = tls::connect(admin.ip(), connect().await?).await?;
    Ok(send(admin, stream).await?)
}

async fn send(
    admin: SocketAddr,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> hyper::Result<(StatusCode, Bytes)> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/readyz?verbose").header(HOST, admin.to_string()).header(CONNECTION, "close");
    let request = request.body(Empty::<Bytes>::new()).expect("an address is a valid header");
    let response = sender.send_request(request).await?;
    let status = response.status();
    Ok((status, read(response.into_body()).await?))
}

/// Reads a body up to the maximum size of a report.
async fn read(mut body: Incoming) -> hyper::Result<Bytes> {
    let mut report = Vec::new();
    while let Some(frame) = body.frame().await {
        report.extend_from_slice(frame?.data_ref().map_or(&[], |data| &**data));
        if report.len() > REPORT_MAX_BYTES {
            break;
        }
    }
    Ok(report.into())
}

/// Returns the addresses at which this machine reaches a server that listens on `admin`.
fn local_addresses(admin: SocketAddr) -> Vec<SocketAddr> {
    let loopback: &[IpAddr] = match admin.ip() {
        ip if !ip.is_unspecified() => return vec![admin],
        IpAddr::V4(_) => &[IpAddr::V4(Ipv4Addr::LOCALHOST)],
        // It usually accepts both families, and a container may have only one of them.
        IpAddr::V6(_) => &[IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)],
    };
    loopback.iter().map(|ip| SocketAddr::new(*ip, admin.port())).collect()
}

fn describe(admin: SocketAddr, uses_tls: bool, error: &(dyn Error + Send + Sync + 'static)) -> String {
    let io = error.downcast_ref::<io::Error>();
    let tls = io.and_then(io::Error::get_ref).and_then(|cause| cause.downcast_ref());
    match (io.map(io::Error::kind), tls) {
        (Some(io::ErrorKind::ConnectionRefused), _) => {
            format!("{admin} refuses connections: the program does not run, or has another --admin-listen")
        }
        (_, Some(rustls::Error::InvalidMessage(_))) if uses_tls => {
            format!("{admin} does not use TLS: the program runs without --tls-cert, or it is not Nono")
        }
        _ => format!("{admin} cannot be asked: {error}"),
    }
}

/// Returns the reason in a report of `/readyz?verbose`.
fn not_ready(report: &[u8]) -> String {
    let report: Value = serde_json::from_slice(report).unwrap_or_default();
    if report["draining"] == true {
        return "not ready: the program is stopping".into();
    }
    let dependencies = report["dependencies"].as_object().into_iter().flatten();
    let down = dependencies.filter(|(_, state)| *state == "down");
    let reasons: Vec<_> = down
        .map(|(name, _)| match report["reasons"][name].as_str() {
            Some(reason) => format!("{name}: {reason}"),
            None => format!("{name} is down"),
        })
        .collect();
    match reasons.as_slice() {
        [] => "not ready: the program is starting".into(),
        reasons => format!("not ready: {}", reasons.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecified_address_is_asked_at_loopback() {
        let asked = |admin: &str| {
            let addresses = local_addresses(admin.parse().unwrap());
            addresses.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(asked("0.0.0.0:9090"), ["127.0.0.1:9090"]);
        assert_eq!(asked("[::]:9090"), ["[::1]:9090", "127.0.0.1:9090"]);
        assert_eq!(asked("10.1.2.3:9090"), ["10.1.2.3:9090"]);
    }

    #[test]
    fn the_reason_of_a_report_names_the_dependencies_that_are_down() {
        let report = br#"{"status":"not ready","dependencies":{"store":"down","x":"up"},"reasons":{"store":"h:1 refuses connections"}}"#;
        assert_eq!(not_ready(report), "not ready: store: h:1 refuses connections");
        let report = br#"{"status":"not ready","dependencies":{"session service":"down"}}"#;
        assert_eq!(not_ready(report), "not ready: session service is down");
        let report = br#"{"dependencies":{"store":"down"},"draining":true}"#;
        assert_eq!(not_ready(report), "not ready: the program is stopping");
        assert_eq!(not_ready(br#"{"dependencies":{}}"#), "not ready: the program is starting");
    }
}
