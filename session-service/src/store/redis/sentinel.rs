//! The primary as most Sentinels name it. All are asked at once, so that one that hangs holds nobody up.

use super::{address::Watched, pool::connect};
use bb8_redis::redis::{
    Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult, Value,
    aio::MultiplexedConnection, cmd,
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout_at};

/// The longest wait for Sentinels, unless most of them have answered alike before.
const SENTINELS_MAX_WAIT: Duration = Duration::from_millis(250);
/// How often they are asked whether the primary is another one: the old one may go on as if it were, for seconds.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// A server's host and port.
pub(super) type Place = (String, u16);

/// Where the primary was last.
#[derive(Clone, Default)]
pub(super) struct Primary(Arc<Mutex<Option<Place>>>);

impl Primary {
    /// Whether a connection to this place is one to the primary, as far as is known.
    pub(super) fn is_at(&self, place: &Place) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_none_or(|known| known == place)
    }

    fn moves_to(&self, place: &Place) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref() != Some(place) {
            tracing::info!(host = place.0, port = place.1, "primary found by Sentinels");
            *known = Some(place.clone());
        }
    }

    /// Asks again and again where the primary is, as long as somebody wants to know.
    pub(super) fn watch(&self, watched: Watched) {
        let primary = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            while let Some(primary) = Weak::upgrade(&primary) {
                // One that is outdated must not turn everybody away from the right one.
                if let Ok((place, true)) = most_named(&watched).await {
                    Self(primary).moves_to(&place);
                }
                sleep(WATCH_EVERY).await;
            }
        });
    }

    /// A connection to the primary, which has said itself that it is one.
    pub(super) async fn connect(&self, watched: &Watched) -> RedisResult<(MultiplexedConnection, Place)> {
        let (place, is_sure) = most_named(watched).await?;
        if is_sure {
            self.moves_to(&place);
        }
        let (host, port) = place.clone();
        let address = match watched.template.addr().clone() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure, tls_params }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        let mut connection = connect(&Client::open(watched.template.clone().set_addr(address))?).await?;
        let role: Vec<Value> = cmd("ROLE").query_async(&mut connection).await?;
        if !matches!(role.first(), Some(Value::BulkString(role)) if role == b"master") {
            return Err((ErrorKind::Io, "the server that Sentinels name is no primary").into());
        }
        if !self.is_at(&place) {
            return Err((ErrorKind::Io, "Sentinels have named another primary meanwhile").into());
        }
        Ok((connection, place))
    }
}

/// Where most Sentinels say that the primary is, of those that answer, and whether these are most of all.
async fn most_named(watched: &Watched) -> RedisResult<(Place, bool)> {
    let deadline = Instant::now() + SENTINELS_MAX_WAIT;
    let mut asked: FuturesUnordered<_> =
        watched.sentinels.iter().map(|sentinel| ask(watched, sentinel)).collect();
    let mut votes: Vec<(Place, usize)> = Vec::new();
    let mut error = RedisError::from((ErrorKind::Io, "no Sentinel answers"));
    while let Ok(Some(answer)) = timeout_at(deadline, asked.next()).await {
        match answer {
            Err(other) => error = other,
            Ok(place) => {
                let at = votes.iter().position(|(known, _)| *known == place).unwrap_or_else(|| {
                    votes.push((place, 0));
                    votes.len() - 1
                });
                votes[at].1 += 1;
                if votes[at].1 * 2 > watched.sentinels.len() {
                    break;
                }
            }
        }
    }
    let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
    most.map(|(place, votes)| (place, votes * 2 > watched.sentinels.len())).ok_or(error)
}

async fn ask(watched: &Watched, sentinel: &ConnectionInfo) -> RedisResult<Place> {
    let mut sentinel = connect(&Client::open(sentinel.clone())?).await?;
    let mut question = cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(&watched.name);
    let named: Option<Place> = question.query_async(&mut sentinel).await?;
    named.ok_or_else(|| (ErrorKind::Io, "a Sentinel does not know the primary's name").into())
}
