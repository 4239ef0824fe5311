//! The primary as Sentinels name it. All are asked at once, so that one that hangs holds nobody up.

use super::{address::Watched, pool::connect};
use bb8_redis::redis::{
    Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult, Value,
    aio::MultiplexedConnection, cmd,
};
use futures_util::{StreamExt, stream::FuturesUnordered};

/// A connection to the primary, which has said itself that it is one.
pub(super) async fn connect_to_primary(watched: &Watched) -> RedisResult<MultiplexedConnection> {
    let mut asked: FuturesUnordered<_> =
        watched.sentinels.iter().map(|sentinel| try_named(watched, sentinel)).collect();
    let mut last = RedisError::from((ErrorKind::Io, "no Sentinel is known"));
    while let Some(connected) = asked.next().await {
        match connected {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Connects to the server that this Sentinel names. An outdated one names a server that is gone or no primary.
async fn try_named(watched: &Watched, sentinel: &ConnectionInfo) -> RedisResult<MultiplexedConnection> {
    let (host, port) = ask(watched, sentinel).await?;
    let address = match watched.template.addr().clone() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    let mut primary = connect(&Client::open(watched.template.clone().set_addr(address))?).await?;
    let role: Vec<Value> = cmd("ROLE").query_async(&mut primary).await?;
    match role.first() {
        Some(Value::BulkString(role)) if role == b"master" => Ok(primary),
        _ => Err((ErrorKind::Io, "the server that a Sentinel names is no primary").into()),
    }
}

async fn ask(watched: &Watched, sentinel: &ConnectionInfo) -> RedisResult<(String, u16)> {
    let mut sentinel = connect(&Client::open(sentinel.clone())?).await?;
    let mut question = cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(&watched.name);
    let named: Option<(String, u16)> = question.query_async(&mut sentinel).await?;
    named.ok_or_else(|| (ErrorKind::Io, "a Sentinel does not know the primary's name").into())
}
