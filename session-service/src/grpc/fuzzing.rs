//! Properties of page tokens, pages of a history and metadata for arbitrary input.

use super::{metadata as conversion, page_token as token, parse};
use crate::domain::{
    Cursor, HistoryPage, HistoryRange, Metadata, Owner, Timestamp, UserId,
    limits::{METADATA_MAX_BYTES, METADATA_MAX_LEVELS, PAGE_MAX_ITEMS},
};
use nono_proto::{EncodedStruct, metadata as json, session::v1 as pb};
use prost::Message;
use serde_json::{Map, Value};

/// Number of messages up to which a whole history is paged through.
const PAGED_MESSAGES: u32 = 500;

/// Checks that every token of a cursor is read as that cursor, by its owner only, and that no cursor has two tokens.
/// Input: an arbitrary token, which is also the content of a cursor.
pub fn page_token(input: &[u8]) {
    let (owner, other) = (Owner::open(), Owner::named("other"));
    let text = String::from_utf8_lossy(input);
    if let Ok(Some(cursor)) = token::parse(&owner, &text) {
        assert_eq!(token::render(&owner, &cursor), text, "a cursor has two tokens");
    }
    let Some((times, name)) = input.split_first_chunk::<16>() else { return };
    let time = |at: usize| {
        let bytes = times[at..at + 8].try_into().expect("it has eight bytes");
        Timestamp::from_millis(u64::from_be_bytes(bytes))
    };
    let name = std::str::from_utf8(name).ok().and_then(|name| UserId::try_from(name).ok());
    let cursor = Cursor { snapshot_at: time(0), expires_at: time(8), user_id: name };
    let rendered = token::render(&owner, &cursor);
    assert_eq!(token::parse(&owner, &rendered), Ok(Some(cursor)));
    assert!(token::parse(&other, &rendered).is_err(), "a token of another owner");
    for at in [0, usize::from(input[0]) % rendered.len(), rendered.len() - 1] {
        let mut changed = rendered.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(token::parse(&owner, &String::from_utf8_lossy(&changed)).is_err(), "a changed token");
    }
}

/// Checks that pages are within the history and within their limits, and that paging visits every message once. Input: lines
/// with the user_id, with the numbers limit, before, after (`-` for none), count and maximum bytes, and with sizes of messages.
pub fn history_page(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.lines();
    let user_id = lines.next().unwrap_or_default();
    let mut numbers = lines.next().unwrap_or_default().split_whitespace();
    let mut next = || numbers.next().and_then(|number| number.parse::<i64>().ok());
    let seq = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    let limit = next().and_then(|number| i32::try_from(number).ok()).unwrap_or_default();
    let (before_seq, after_seq, count) = (seq(next()), seq(next()), seq(next()).unwrap_or_default());
    let max_bytes = next().and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
    let sizes: Vec<u16> =
        lines.flat_map(str::split_whitespace).filter_map(|size| size.parse().ok()).collect();
    let request = pb::HistoryRequest { user_id: user_id.into(), limit, before_seq, after_seq };
    let is_valid =
        UserId::try_from(user_id).is_ok() && limit >= 0 && (before_seq.is_none() || after_seq.is_none());
    let parsed = parse::history(&request);
    assert_eq!(parsed.is_ok(), is_valid);
    let Ok((_, page)) = parsed else { return };
    if let Some((first, last)) = page.bounds(count) {
        assert!(1 <= first && first <= last && last <= count && last - first < page.size.items());
        assert!(before_seq.is_none_or(|seq| last < seq) && after_seq.is_none_or(|seq| first - 1 == seq));
    }
    assert!(page.size.items() <= PAGE_MAX_ITEMS);
    check_trim(page, &sizes, max_bytes);
    check_paging(page, count % PAGED_MESSAGES);
}

fn check_trim(page: HistoryPage, sizes: &[u16], max_bytes: usize) {
    let mut kept = sizes.to_vec();
    let removed = page.trim(&mut kept, max_bytes, |size| usize::from(*size));
    let bytes: usize = kept.iter().map(|size| usize::from(*size)).sum();
    assert_eq!(kept.is_empty(), sizes.is_empty(), "a page makes progress");
    if matches!(page.range, HistoryRange::After(_)) {
        assert!(removed == 0 && sizes.starts_with(&kept));
    } else {
        assert!(sizes.ends_with(&kept) && usize::try_from(removed) == Ok(sizes.len() - kept.len()));
    }
    assert!(bytes <= max_bytes || kept.iter().filter(|size| **size > 0).count() == 1, "a page is too large");
}

/// Pages back from the newest message and forward from the oldest one.
fn check_paging(page: HistoryPage, count: u32) {
    let (mut back, mut range) = (Vec::new(), HistoryRange::Latest);
    while let Some((first, last)) = (HistoryPage { range, ..page }).bounds(count) {
        back.extend((first..=last).rev());
        range = HistoryRange::Before(first);
    }
    let (mut forward, mut range) = (Vec::new(), HistoryRange::After(0));
    while let Some((first, last)) = (HistoryPage { range, ..page }).bounds(count) {
        forward.extend(first..=last);
        range = HistoryRange::After(last);
    }
    assert!(forward.iter().copied().eq(1..=count), "paging forward");
    assert!(back.iter().rev().copied().eq(1..=count), "paging back");
}

/// Checks that accepted metadata is within its limits and survives storing and rendering, and that nothing else is accepted.
/// Input: a JSON object, or an encoded `google.protobuf.Struct`.
pub fn metadata(input: &[u8]) {
    let sent = serde_json::from_slice::<Map<String, Value>>(input).ok();
    let encoded = match &sent {
        Some(object) => EncodedStruct::from(json::to_struct(object.clone())),
        None => match EncodedStruct::decode(input) {
            Ok(encoded) => encoded,
            Err(_) => return,
        },
    };
    let Ok(metadata) = conversion::parse(Some(encoded)) else { return };
    let stored: Map<String, Value> = serde_json::from_str(metadata.as_json()).expect("it is a JSON object");
    assert!(metadata.as_json().len() <= METADATA_MAX_BYTES && json::levels(&stored) <= METADATA_MAX_LEVELS);
    if let Some(sent) = sent {
        assert!(is_equal(&Value::Object(sent), &Value::Object(stored.clone())), "metadata was changed");
    }
    let rendered = conversion::render(&Metadata::stored(metadata.as_json())).expect("it is valid");
    let read = json::to_json(Some(rendered.decode_struct().expect("it fits into a message")));
    assert_eq!(read, stored);
    assert_eq!(conversion::parse(Some(rendered)).as_ref(), Ok(&metadata));
}

/// Compares JSON values; numbers by their value, because 1 and 1.0 are one number.
fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, left)| right.get(key).is_some_and(|right| is_equal(left, right)))
        }
        (left, right) => left == right,
    }
}
