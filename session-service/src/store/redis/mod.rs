//! Sessions in Redis (6.2 or later) or Valkey: one script per change. On one node a call is one round trip and a list
//! two; in a cluster, where the list is elsewhere than the session, a change is one more.

mod address;
mod advice;
mod cluster;
mod corrupt;
mod credentials;
mod history;
mod inspect;
mod inspect_list;
mod inspect_record;
mod keys;
mod link;
mod parse_address;
mod places;
mod pool;
mod reply;
mod scripts;
mod sentinel;
mod turns;
mod verdict;

use super::{
    Appended, Created, History, ListPage, NewTurn, Policy, SessionPage, SessionStore, StoreError, Turn,
    TurnToken,
    record::{ShortHash, creation_fingerprint, fingerprint, request_key, unstamped},
};
use crate::domain::{
    Batch, Cursor, HistoryPage, IfExists, Message, NewReply, NewSession, Owner, RequestId, Session,
    Timestamp, UserId, limits::LIST_PAGE_SURE_ITEMS,
};
use async_trait::async_trait;
use bb8_redis::redis::{Cmd, Value, cmd};
use corrupt::{CorruptLog, Record};
use futures_util::FutureExt;
use link::{Link, Repeat};
use places::Placing;
use reply::{Reply, broken, session, timestamp};
use scripts::{Invocation, Script};
use std::time::Duration;
use tokio::sync::Semaphore;

pub use address::{RedisSettings, RedisUrl};
pub use advice::Server;
pub use credentials::{RedisTls, SentinelLogin};
pub use inspect::Inspection;

/// The longest that a call of the store takes, whatever happens to the connection and however often it asks.
const CALL_MAX: Duration = Duration::from_millis(1450);

/// The adapter over Redis.
pub struct RedisStore {
    policy: Policy,
    link: Link,
    /// The messages that may be read as they are.
    plain_messages: Semaphore,
    corrupt: CorruptLog,
}

impl RedisStore {
    /// The store at this place, which need not be there yet. The error is one sentence about the settings.
    pub fn new(settings: &RedisSettings, policy: Policy) -> Result<Self, String> {
        let topology = settings.url.topology(&settings.tls, &settings.sentinel)?;
        let link = Link::new(topology, settings.tls.certificates(), settings.min_replicas_ack);
        let link = link.map_err(|_| "the store's address or certificates are not usable")?;
        let plain_messages = Semaphore::new(history::PLAIN_MESSAGES_AT_ONCE);
        Ok(Self { policy, link, plain_messages, corrupt: CorruptLog::default() })
    }

    /// The store at this address, with nothing more to it.
    pub fn at(url: &str, policy: Policy) -> Result<Self, String> {
        Self::new(&RedisSettings::at(RedisUrl::parse(url)?), policy)
    }

    /// Prepares a script with what each of them takes first.
    fn prepare(&self, script: &'static Script, keys: &[String]) -> Invocation {
        let mut invocation = Invocation::new(script, keys);
        invocation.arg(millis(self.policy.session_ttl));
        invocation
    }

    /// The most sessions of an owner, as scripts take it.
    fn most_sessions(&self) -> String {
        self.policy.max_sessions_per_owner.map(|most| most.to_string()).unwrap_or_default()
    }

    /// Whether a create can only fail, as far as can be told before its place is put.
    async fn is_in_vain(&self, owner: &Owner, new: &NewSession) -> Result<bool, StoreError> {
        if new.if_exists == IfExists::Return || !self.link.is_cluster() {
            return Ok(false);
        }
        let made_by = self.made_by(owner, &new.user_id).await?;
        Ok(made_by.is_some_and(|id| {
            id.is_none() || id.as_deref() != new.request_id.as_ref().map(RequestId::as_str)
        }))
    }

    async fn list_page(&self, owner: &Owner, page: &ListPage) -> Result<SessionPage, StoreError> {
        let mut invocation = self.prepare(&scripts::LIST, &keys::list(owner));
        invocation.arg(page.size.items()).arg(LIST_PAGE_SURE_ITEMS);
        if let Some(cursor) = &page.after {
            let user_id = cursor.user_id.as_ref().map_or("", UserId::as_str);
            invocation.arg(cursor.moment.as_millis()).arg(cursor.expires_at.as_millis()).arg(user_id);
        }
        let mut reply = Reply::new(self.link.read(&invocation, Repeat::Safe).await?)?;
        reply.word()?;
        let total_count: u32 = reply.next()?;
        let moment = reply.timestamp()?;
        let user_ids = reply.next::<Vec<String>>()?.into_iter();
        let expiries = reply.next::<Vec<u64>>()?.into_iter().map(Timestamp::from_millis);
        let place = |(user_id, expires_at): (String, _)| cursor(moment, expires_at, &user_id);
        let places: Vec<_> = user_ids.zip(expiries).map(place).collect();
        let next = match reply.next::<Option<u64>>()? {
            Some(expires_at) => {
                Some(cursor(moment, Timestamp::from_millis(expires_at), &reply.next::<String>()?))
            }
            None => {
                reply.next::<String>()?;
                None
            }
        };
        let left_out: u32 = reply.next()?;
        let records = self.records(owner, &places).await?;
        let empty = self.empty_places(owner, &places, &records).await?;
        let corrupt = records.iter().filter(|record| matches!(record, Record::Corrupt)).count();
        let corrupt = left_out + u32::try_from(corrupt).unwrap_or(u32::MAX);
        let total_count = total_count.saturating_sub(empty + corrupt);
        let sessions = places.into_iter().zip(records.into_iter().map(Record::live)).collect();
        Ok(SessionPage { corrupt, ..SessionPage::fitting(sessions, total_count, next) })
    }

    /// Returns the record of each index entry, in this order. One that is corrupt says nothing about the others.
    async fn records(&self, owner: &Owner, places: &[Cursor]) -> Result<Vec<Record>, StoreError> {
        let user_id = |place: &Cursor| UserId::try_from(place.user_id.as_ref()?.as_str()).ok();
        let user_ids: Vec<Option<UserId>> = places.iter().map(user_id).collect();
        let commands = user_ids.iter().flatten().map(|user_id| read_record(owner, user_id)).collect();
        let mut answers = self.link.ask_all(commands).await?.into_iter();
        let record = |user_id: Option<UserId>| {
            let Some(user_id) = user_id else {
                let [index, ..] = keys::list(owner);
                self.corrupt.report(&index, &broken("a member is no user_id"));
                return Record::Corrupt;
            };
            match answers.next().unwrap_or(Ok(Value::Nil)).and_then(|fields| session(&user_id, fields)) {
                Ok(session) => session.map_or(Record::Absent, Record::Live),
                Err(cause) => {
                    let [key, _] = keys::session(owner, &user_id);
                    self.corrupt.report(&key, &cause);
                    Record::Corrupt
                }
            }
        };
        Ok(user_ids.into_iter().map(record).collect())
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn create(&self, owner: &Owner, new: &NewSession) -> Result<Created, StoreError> {
        let mut invocation = self.prepare_change(&scripts::CREATE, owner, &new.user_id);
        invocation
            .arg(new.persona.as_str())
            .arg(new.metadata.as_json())
            .arg(new.request_id.as_ref().map_or("", RequestId::as_str))
            .arg(if new.if_exists == IfExists::Return { "return" } else { "fail" })
            .arg(self.most_sessions())
            .arg(
                new.request_id
                    .as_ref()
                    .map(|_| creation_fingerprint(new))
                    .as_ref()
                    .map_or(&[][..], ShortHash::as_slice),
            );
        let repeat = repeat_with(new.request_id.as_ref());
        in_time(async {
            if self.is_in_vain(owner, new).await? {
                return Err(StoreError::Exists);
            }
            let mut reply = self.change(owner, &new.user_id, invocation, Placing::Any, repeat).await?;
            let created = reply.word()? == "created";
            Ok(Created { session: reply.session(&new.user_id)?, created })
        })
        .await
    }

    async fn get(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        let command = read_record(owner, user_id);
        let fields = in_time(self.link.ask(&command, Repeat::Safe)).await?;
        session(user_id, fields)?.ok_or(StoreError::NotFound)
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
        history::page(self, owner, user_id, page).await
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
            .arg(batch.count())
            .arg(request_id.map(request_key).as_ref().map_or(&[][..], ShortHash::as_slice))
            .arg(fingerprint(batch.messages()).as_slice());
        for message in batch.messages() {
            invocation.arg(unstamped(message));
        }
        let changing = self.change(owner, user_id, invocation, Placing::Known, repeat_with(request_id));
        let mut reply = in_time(changing).await?;
        let replayed = reply.word()? == "replayed";
        let session = reply.session(user_id)?;
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
        reply: &NewReply,
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
        let changing = self.change(owner, user_id, invocation, Placing::Known, Repeat::Safe);
        let mut reply = in_time(changing).await?;
        reply.word()?;
        reply.session(user_id)
    }

    async fn delete(&self, owner: &Owner, user_id: &UserId) -> Result<(), StoreError> {
        let invocation = self.prepare_change(&scripts::DELETE, owner, user_id);
        in_time(async {
            let mut reply = Reply::new(self.link.write(&invocation, Repeat::Unsafe).await?)?;
            reply.word()?;
            self.leave(owner, user_id, reply.next()?).await
        })
        .await
    }

    async fn time(&self) -> Result<Timestamp, StoreError> {
        // By the clock of the node that gives sessions their moments.
        let [index, ..] = keys::list(&Owner::open());
        timestamp(in_time(self.link.ask_at(&index, &cmd("TIME"))).await?)
    }
}

fn cursor(moment: Timestamp, expires_at: Timestamp, user_id: &str) -> Cursor {
    let user_id = (!user_id.is_empty()).then(|| UserId::stored(user_id));
    Cursor { moment, expires_at, user_id }
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

/// The call, cut off when it takes too long. No `async fn`: that would hold the call twice.
fn in_time<T>(
    call: impl Future<Output = Result<T, StoreError>>,
) -> impl Future<Output = Result<T, StoreError>> {
    let late = || StoreError::Unavailable(format!("no answer within {CALL_MAX:?}").into());
    tokio::time::timeout(CALL_MAX, call).map(move |answer| answer.unwrap_or_else(|_| Err(late())))
}
