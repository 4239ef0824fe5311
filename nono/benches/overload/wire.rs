//! Calls as HTTP/2 requests, encoded in advance, because the load generator must cost much less than the servers.

use axum::body::Bytes;
use h2::{
    RecvStream,
    client::{Builder, SendRequest},
};
use http::{Request, Response, StatusCode, header::RETRY_AFTER};
use prost::Message;
use tokio::net::TcpStream;
use tonic::Status;
use tonic_types::StatusExt;

/// Window of a stream: more than the largest page.
const STREAM_WINDOW: u32 = 4 << 20;
/// Window of a connection.
const CONNECTION_WINDOW: u32 = 64 << 20;

/// A request without its connection.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) head: Request<()>,
    pub(super) body: Bytes,
}

/// Result of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Accepted,
    /// Rejected because of overload, with or without a delay for the next attempt.
    Rejected {
        has_delay: bool,
    },
    Failed,
}

/// Opens a connection.
pub(super) async fn connect(address: &str) -> Result<SendRequest<Bytes>, Box<dyn std::error::Error>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut builder = Builder::new();
    builder.initial_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
    let (sender, connection) = builder.handshake(stream).await?;
    // Its end fails the calls on it.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender.ready().await?)
}

/// Creates a call of a method over gRPC.
pub(super) fn grpc(address: &str, method: &str, message: &impl Message) -> Call {
    let uri = format!("http://{address}/nono.session.v1.SessionService/{method}");
    let head = Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    Call { head: head.body(()).unwrap(), body: [&[0], &length[..], &message].concat().into() }
}

/// Creates a call over REST, a GET if the body is empty.
pub(super) fn rest(address: &str, path: &str, body: String) -> Call {
    let head = Request::builder().uri(format!("http://{address}/api{path}"));
    let head = if body.is_empty() {
        head.method("GET")
    } else {
        head.method("POST").header("content-type", "application/json")
    };
    Call { head: head.body(()).unwrap(), body: body.into() }
}

/// Sends a call and reads its response.
pub(super) async fn send(sender: &mut SendRequest<Bytes>, call: Call) -> Reply {
    exchange(sender, call).await.unwrap_or(Reply::Failed)
}

async fn exchange(sender: &mut SendRequest<Bytes>, call: Call) -> Result<Reply, h2::Error> {
    let has_body = !call.body.is_empty();
    let (response, mut stream) = sender.send_request(call.head, !has_body)?;
    if has_body {
        // A server that has rejected the call may have closed its stream.
        let _ = stream.send_data(call.body, true);
    }
    let (head, mut body) = response.await?.into_parts();
    let head = Response::from_parts(head, ());
    if let Some(status) = Status::from_header_map(head.headers()) {
        return Ok(grpc_reply(&status));
    }
    while let Some(data) = body.data().await {
        // A stream that has ended needs no capacity.
        let _ = body.flow_control().release_capacity(data?.len());
    }
    if head.headers().get("content-type").is_some_and(|kind| kind == "application/grpc") {
        return trailers_reply(body).await;
    }
    Ok(match head.status() {
        StatusCode::TOO_MANY_REQUESTS => {
            Reply::Rejected { has_delay: head.headers().contains_key(RETRY_AFTER) }
        }
        status if status.is_success() => Reply::Accepted,
        _ => Reply::Failed,
    })
}

async fn trailers_reply(mut body: RecvStream) -> Result<Reply, h2::Error> {
    let status = body.trailers().await?.and_then(|trailers| Status::from_header_map(&trailers));
    Ok(status.map_or(Reply::Failed, |status| grpc_reply(&status)))
}

fn grpc_reply(status: &Status) -> Reply {
    match status.code() {
        tonic::Code::Ok => Reply::Accepted,
        tonic::Code::ResourceExhausted => {
            Reply::Rejected { has_delay: status.get_details_retry_info().is_some() }
        }
        _ => Reply::Failed,
    }
}
