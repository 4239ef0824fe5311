//! Sessions in Redis (6.2 or later) or Valkey: one script per change, one round trip per call, two for a list.

mod keys;
mod pool;
mod reply;
mod scripts;
mod turns;

use super::{
    Appended, Created, History, ListPage, NewTurn, Policy, SessionPage, SessionStore, StoreError, Turn,
    TurnToken,
    record::{fingerprint, request_key, unstamped},
};
use crate::domain::{
    Batch, Cursor, HistoryPage, IfExists, Message, NewMessage, NewSession, Owner, RequestId, Session, Span,
    Timestamp, UserId,
    limits::{
        HISTORY_PAGE_MAX_BYTES, LIST_PAGE_SURE_ITEMS, LISTING_MAX_MILLISECONDS, REMEMBERED_REQUEST_IDS,
        SESSION_MAX_MESSAGES,
    },
};
use async_trait::async_trait;
use bb8_redis::redis::{
    Client, Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Script, ScriptInvocation, ServerErrorKind,
    Value, cmd, pipe,
};
use pool::Pool;
use reply::{Reply, broken, read, session};
use std::time::Duration;

/// The longest that a call of the store takes, whatever happens to the connection and however often it asks.
const CALL_MAX: Duration = Duration::from_millis(1450);

/// The adapter over Redis.
pub struct RedisStore {
    policy: Policy,
    pool: Pool,
}

/// What is sent in one round trip.
enum Request<'a> {
    Script(&'a ScriptInvocation<'a>),
    Command(&'a Cmd),
    Pipeline(&'a Pipeline),
}

/// Whether a request may be sent again when the connection was cut and nobody knows whether it arrived.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Safe,
    Unsafe,
}

impl RedisStore {
    /// The store at `url` (`redis://[user:password@]host[:port][/database]`), which need not be there yet.
    pub fn new(url: &str, policy: Policy) -> Result<Self, RedisError> {
        Ok(Self { policy, pool: Pool::new(url)? })
    }

    /// Whether `url` can be one, without connecting to it.
    pub fn check(url: &str) -> Result<(), RedisError> {
        Client::open(url).map(drop)
    }

    /// Prepares a script with what each of them takes first.
    fn prepare(&self, script: &'static Script, keys: &[String]) -> ScriptInvocation<'static> {
        let mut invocation = script.prepare_invoke();
        for key in keys {
            invocation.key(key);
        }
        invocation.arg(millis(self.policy.session_ttl)).arg(LISTING_MAX_MILLISECONDS);
        invocation
    }

    /// Prepares a script that changes a session.
    fn prepare_change(
        &self,
        script: &'static Script,
        owner: &Owner,
        user_id: &UserId,
    ) -> ScriptInvocation<'static> {
        let keys: Vec<_> = keys::session(owner, user_id).into_iter().chain(keys::list(owner)).collect();
        let mut invocation = self.prepare(script, &keys);
        invocation.arg(user_id.as_str());
        invocation
    }

    async fn script(&self, invocation: &ScriptInvocation<'_>, repeat: Repeat) -> Result<Reply, StoreError> {
        Reply::new(self.send(Request::Script(invocation), repeat).await?)
    }

    async fn send(&self, request: Request<'_>, repeat: Repeat) -> Result<Value, StoreError> {
        let result = match self.send_once(&request).await {
            Err(error) if repeat == Repeat::Safe && was_cut(&error) => self.send_once(&request).await,
            result => result,
        };
        result.map_err(classify)
    }

    async fn send_once(&self, request: &Request<'_>) -> RedisResult<Value> {
        let mut connection = self.pool.connection().await?;
        match request {
            Request::Script(invocation) => invocation.invoke_async(&mut connection).await,
            Request::Command(command) => command.query_async(&mut connection).await,
            Request::Pipeline(pipeline) => pipeline.query_async(&mut connection).await,
        }
    }

    async fn list_page(&self, owner: &Owner, page: &ListPage) -> Result<SessionPage, StoreError> {
        let mut invocation = self.prepare(&scripts::LIST, &keys::list(owner));
        invocation.arg(page.size.items()).arg(LIST_PAGE_SURE_ITEMS);
        if let Some(cursor) = &page.after {
            let user_id = cursor.user_id.as_ref().map_or("", UserId::as_str);
            invocation.arg(cursor.moment.as_millis()).arg(cursor.expires_at.as_millis()).arg(user_id);
        }
        let mut reply = self.script(&invocation, Repeat::Safe).await?;
        reply.word()?;
        let total_count = reply.next()?;
        let moment = reply.timestamp()?;
        let user_ids = reply.next::<Vec<String>>()?.into_iter();
        let expiries = reply.next::<Vec<u64>>()?.into_iter().map(Timestamp::from_millis);
        let place = |(user_id, expires_at)| cursor(moment, expires_at, user_id);
        let places = user_ids.zip(expiries).map(place).collect::<Result<Vec<_>, _>>()?;
        let next = match reply.next::<Option<u64>>()? {
            Some(expires_at) => Some(cursor(moment, Timestamp::from_millis(expires_at), reply.next()?)?),
            None => None,
        };
        let sessions = self.records(owner, &places).await?;
        Ok(SessionPage::fitting(places.into_iter().zip(sessions).collect(), total_count, next))
    }

    /// The sessions at these places, in this order, those that are live.
    async fn records(&self, owner: &Owner, places: &[Cursor]) -> Result<Vec<Option<Session>>, StoreError> {
        let mut pipeline = pipe();
        for user_id in places.iter().filter_map(|place| place.user_id.as_ref()) {
            pipeline.add_command(read_record(owner, user_id));
        }
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        let records: Vec<Value> = read(self.send(Request::Pipeline(&pipeline), Repeat::Safe).await?)?;
        records.into_iter().map(session).collect()
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn create(&self, owner: &Owner, new: &NewSession) -> Result<Created, StoreError> {
        let most = self.policy.max_sessions_per_owner.map(|most| most.to_string());
        let mut invocation = self.prepare_change(&scripts::CREATE, owner, &new.user_id);
        invocation
            .arg(new.persona.as_str())
            .arg(new.metadata.as_json())
            .arg(new.request_id.as_ref().map_or("", RequestId::as_str))
            .arg(if new.if_exists == IfExists::Return { "return" } else { "fail" })
            .arg(most.unwrap_or_default());
        in_time(async {
            let mut reply = self.script(&invocation, repeat_with(new.request_id.as_ref())).await?;
            let created = reply.word()? == "created";
            Ok(Created { session: reply.session()?, created })
        })
        .await
    }

    async fn get(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        let command = read_record(owner, user_id);
        let fields = in_time(self.send(Request::Command(&command), Repeat::Safe)).await?;
        session(fields)?.ok_or(StoreError::NotFound)
    }

    async fn list(&self, owner: &Owner, page: &ListPage) -> Result<SessionPage, StoreError> {
        in_time(self.list_page(owner, page)).await
    }

    async fn history(
        &self,
        owner: &Owner,
        user_id: &UserId,
        page: HistoryPage,
    ) -> Result<History, StoreError> {
        let mut invocation = self.prepare(&scripts::HISTORY, &keys::session(owner, user_id));
        let (span, seq) = match page.span {
            Span::Newest => ("newest", 0),
            Span::Before(seq) => ("before", seq),
            Span::After(seq) => ("after", seq),
        };
        invocation.arg(span).arg(seq).arg(page.size.items()).arg(HISTORY_PAGE_MAX_BYTES);
        let mut reply = in_time(self.script(&invocation, Repeat::Safe)).await?;
        reply.word()?;
        let message_count = reply.next()?;
        let first = reply.next::<i64>()?;
        let messages = reply.messages(u32::try_from(first).unwrap_or_default())?;
        let has_more = match page.span {
            Span::After(_) => messages.last().is_some_and(|message| message.seq < message_count),
            Span::Newest | Span::Before(_) => messages.first().is_some_and(|message| message.seq > 1),
        };
        Ok(History { message_count, messages, has_more })
    }

    async fn append(
        &self,
        owner: &Owner,
        user_id: &UserId,
        batch: &Batch,
        request_id: Option<&RequestId>,
    ) -> Result<Appended, StoreError> {
        let mut invocation = self.prepare_change(&scripts::APPEND, owner, user_id);
        invocation
            .arg(SESSION_MAX_MESSAGES)
            .arg(request_id.map(request_key).unwrap_or_default())
            .arg(fingerprint(batch.messages()))
            .arg(REMEMBERED_REQUEST_IDS);
        for message in batch.messages() {
            invocation.arg(unstamped(message));
        }
        let mut reply = in_time(self.script(&invocation, repeat_with(request_id))).await?;
        let replayed = reply.word()? == "replayed";
        let session = reply.session()?;
        let first = reply.next()?;
        let messages =
            if replayed { reply.messages(first)? } else { batch.clone().at(first, session.last_activity) };
        Ok(Appended { messages, session, replayed })
    }

    async fn begin_turn(&self, owner: &Owner, turn: &NewTurn, lease: Duration) -> Result<Turn, StoreError> {
        turns::begin(self, owner, turn, lease).await
    }

    async fn renew_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        lease: Duration,
    ) -> Result<(), StoreError> {
        turns::renew(self, owner, user_id, token, millis(lease)).await
    }

    async fn finish_turn(
        &self,
        owner: &Owner,
        turn: &NewTurn,
        reply: &NewMessage,
    ) -> Result<Message, StoreError> {
        turns::finish(self, owner, turn, reply).await
    }

    async fn give_turn_back(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
    ) -> Result<(), StoreError> {
        match turns::renew(self, owner, user_id, token, 0).await {
            Err(StoreError::TurnLost | StoreError::NotFound) => Ok(()),
            result => result,
        }
    }

    async fn touch(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        let invocation = self.prepare_change(&scripts::TOUCH, owner, user_id);
        let mut reply = in_time(self.script(&invocation, Repeat::Safe)).await?;
        reply.word()?;
        reply.session()
    }

    async fn delete(&self, owner: &Owner, user_id: &UserId) -> Result<(), StoreError> {
        let invocation = self.prepare_change(&scripts::DELETE, owner, user_id);
        in_time(self.script(&invocation, Repeat::Unsafe)).await?.word().map(drop)
    }

    async fn time(&self) -> Result<Timestamp, StoreError> {
        let answer = in_time(self.send(Request::Command(&cmd("TIME")), Repeat::Safe)).await?;
        let (seconds, micros): (u64, u64) = read(answer)?;
        Ok(Timestamp::from_millis(seconds * 1000 + micros / 1000))
    }
}

fn cursor(moment: Timestamp, expires_at: Timestamp, user_id: String) -> Result<Cursor, StoreError> {
    let user_id = (!user_id.is_empty()).then(|| UserId::try_from(user_id.as_str()).map_err(broken));
    Ok(Cursor { moment, expires_at, user_id: user_id.transpose()? })
}

fn read_record(owner: &Owner, user_id: &UserId) -> Cmd {
    let [record, _] = keys::session(owner, user_id);
    let mut command = cmd("HMGET");
    command.arg(record).arg(&reply::SESSION_FIELDS);
    command
}

fn repeat_with(request_id: Option<&RequestId>) -> Repeat {
    if request_id.is_some() { Repeat::Safe } else { Repeat::Unsafe }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

async fn in_time<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let late = || StoreError::Unavailable(format!("no answer within {CALL_MAX:?}").into());
    tokio::time::timeout(CALL_MAX, call).await.unwrap_or_else(|_| Err(late()))
}

/// Whether the connection ended before the answer, so that another one may do better at once.
fn was_cut(error: &RedisError) -> bool {
    error.is_connection_dropped() && !error.is_timeout()
}

/// Tells a server that cannot serve now from one that answers nonsense.
fn classify(error: RedisError) -> StoreError {
    use ServerErrorKind::{
        Ask, BusyLoading, ClusterDown, MasterDown, Moved, NoPerm, ReadOnly, ResponseError, TryAgain,
    };
    let unavailable = match error.kind() {
        ErrorKind::Io | ErrorKind::AuthenticationFailed | ErrorKind::ClusterConnectionNotFound => true,
        ErrorKind::Server(
            Ask | BusyLoading | ClusterDown | MasterDown | Moved | NoPerm | ReadOnly | TryAgain,
        ) => true,
        ErrorKind::Server(ResponseError) | ErrorKind::Extension => {
            matches!(error.code(), Some("OOM" | "MISCONF" | "NOREPLICAS" | "BUSY" | "NOAUTH" | "WRONGPASS"))
        }
        _ => error.is_timeout() || error.is_unrecoverable_error(),
    };
    if unavailable { StoreError::Unavailable(error.into()) } else { StoreError::Broken(error.into()) }
}
