//! A page of a session's messages.

use super::{
    RedisStore, in_time, keys,
    link::Repeat,
    reply::{Reply, broken, messages, read},
    scripts,
};
use crate::{
    domain::{HistoryPage, Owner, Span, UserId, limits::HISTORY_PAGE_MAX_BYTES},
    store::{History, StoreError},
};
use bb8_redis::redis::{Cmd, Value, cmd};

/// The most messages that are read as they are and cut to the page's bytes here. A script does both at the server, which
/// takes it five times as long (docs/decisions/0006-speed.md); but a page of very many long messages must not travel.
const PLAIN_PAGE_MAX_ITEMS: u32 = 100;

/// How many messages may be read as they are at once: 200 MiB of the longest ones, and Redis keeps an answer until it is
/// sent. Pages beyond that go by the script.
pub(super) const PLAIN_MESSAGES_AT_ONCE: usize = 6400;

pub(super) async fn page(
    store: &RedisStore,
    owner: &Owner,
    user_id: &UserId,
    page: HistoryPage,
) -> Result<History, StoreError> {
    let keys = keys::session(owner, user_id);
    in_time(async {
        match plain(store, &keys, page).await? {
            Some(history) => Ok(history),
            None => read_by_script(store, &keys, page).await,
        }
    })
    .await
}

/// Reads the page as it is, in one round trip; none when that is not possible or did not give one state of the session.
///
/// A transaction would, but Redis refuses to begin one while it is over `maxmemory`, even for reads. So the record is
/// read before and after the messages: the page is consistent if nothing has changed in between. Two sessions of one
/// handle differ in these fields unless both began and were last used in the same millisecond.
async fn plain(
    store: &RedisStore,
    [record, history]: &[String; 2],
    page: HistoryPage,
) -> Result<Option<History>, StoreError> {
    let range = plain_range(page).filter(|_| !store.link.is_cluster());
    let permit = range.and_then(|_| store.plain_messages.try_acquire_many(page.size.items()).ok());
    let Some(((first, last), _permit)) = range.zip(permit) else { return Ok(None) };
    let mut state = cmd("HMGET");
    state.arg(record).arg("message_count").arg("created_at").arg("last_activity");
    let messages = Cmd::lrange(history, first, last);
    let answers = store.link.ask_all(vec![state.clone(), messages, state]).await?;
    let [before, messages, after] =
        <[_; 3]>::try_from(answers).map_err(|_| broken("not one reply to each command"))?;
    let (before, messages) = (before?, messages?);
    if before != after? { Ok(None) } else { page_of(before, messages, page) }
}

/// The first and last place of the page in the list, if they can be told without the number of messages. A negative
/// place is counted from the end.
fn plain_range(page: HistoryPage) -> Option<(isize, isize)> {
    let items = page.size.items();
    let size = isize::try_from(items).ok().filter(|_| items <= PLAIN_PAGE_MAX_ITEMS)?;
    match page.span {
        Span::Newest => Some((-size, -1)),
        Span::After(seq) => isize::try_from(seq).ok().map(|first| (first, first + size - 1)),
        Span::Before(_) => None,
    }
}

/// Returns the page of these messages, which were read by [`plain_range`]; none when they are not those of the record.
fn page_of(record: Value, messages: Value, page: HistoryPage) -> Result<Option<History>, StoreError> {
    let (count, created_at, _): (Value, Value, Value) = read(record)?;
    if (&count, &created_at) == (&Value::Nil, &Value::Nil) {
        return Err(StoreError::NotFound);
    }
    let message_count = read::<u32>(count)?;
    let mut stored: Vec<String> = read(messages)?;
    let within = page.within(message_count);
    if stored.len() != within.map_or(0, |(first, last)| (last - first) as usize + 1) {
        return Ok(None);
    }
    let mut first = within.map_or(0, |(first, _)| first);
    let left = stored.len() - page.fitting(stored.iter().map(String::len));
    if let Span::After(_) = page.span {
        stored.truncate(stored.len() - left);
    } else {
        stored.drain(..left);
        first += u32::try_from(left).unwrap_or_default();
    }
    history(message_count, first, stored, page).map(Some)
}

async fn read_by_script(
    store: &RedisStore,
    keys: &[String],
    page: HistoryPage,
) -> Result<History, StoreError> {
    let mut invocation = store.prepare(&scripts::HISTORY, keys);
    let (span, seq) = match page.span {
        Span::Newest => ("newest", 0),
        Span::Before(seq) => ("before", seq),
        Span::After(seq) => ("after", seq),
    };
    invocation.arg(span).arg(seq).arg(page.size.items()).arg(HISTORY_PAGE_MAX_BYTES);
    let mut reply = Reply::new(store.link.read(&invocation, Repeat::Safe).await?)?;
    reply.word()?;
    let message_count = reply.next()?;
    let first = reply.next::<i64>()?;
    history(message_count, u32::try_from(first).unwrap_or_default(), reply.next()?, page)
}

fn history(
    message_count: u32,
    first: u32,
    stored: Vec<String>,
    page: HistoryPage,
) -> Result<History, StoreError> {
    let messages = messages(first, stored)?;
    let has_more = page.has_more(&messages, message_count);
    Ok(History { message_count, messages, has_more })
}
