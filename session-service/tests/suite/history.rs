//! Pages of messages.

use super::harness::*;
use session_service::domain::{HistoryRange, Owner, limits};

async fn session_of(store: &Store, count: usize) {
    store.create_session("a").await;
    for n in 0..count {
        store.append_texts("a", &[&format!("message {}", n + 1)]).await.unwrap();
    }
}

pub async fn the_latest_page_has_the_newest_messages(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    session_of(&store, 5).await;
    let history = store.read_history("a", page(HistoryRange::Latest, 3)).await.unwrap();
    assert_eq!(seqs(&history.messages), [3, 4, 5]);
    assert_eq!(history.messages[0].content.as_str(), "message 3");
    assert_eq!((history.message_count, history.has_more), (5, true));
    let whole = store.read_history("a", page(HistoryRange::Latest, 5)).await.unwrap();
    assert_eq!((whole.messages.len(), whole.has_more), (5, false));
}

pub async fn pages_in_both_directions_are_complete(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    session_of(&store, 7).await;
    let read = async |span, items| {
        let history = store.read_history("a", page(span, items)).await.unwrap();
        (seqs(&history.messages), history.has_more)
    };
    assert_eq!(read(HistoryRange::Before(6), 3).await, (vec![3, 4, 5], true));
    assert_eq!(read(HistoryRange::Before(3), 3).await, (vec![1, 2], false));
    assert_eq!(read(HistoryRange::Before(1), 3).await, (vec![], false));
    assert_eq!(read(HistoryRange::Before(0), 3).await, (vec![], false));
    assert_eq!(read(HistoryRange::Before(u32::MAX), 3).await, (vec![5, 6, 7], true));
    assert_eq!(read(HistoryRange::After(0), 3).await, (vec![1, 2, 3], true));
    assert_eq!(read(HistoryRange::After(4), 3).await, (vec![5, 6, 7], false));
    assert_eq!(read(HistoryRange::After(7), 3).await, (vec![], false));
    assert_eq!(read(HistoryRange::After(u32::MAX), 3).await, (vec![], false));
}

pub async fn a_page_has_at_most_one_mebibyte(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let large = "x".repeat(limits::MESSAGE_CONTENT_MAX_BYTES);
    for _ in 0..4 {
        store.append(&Owner::open(), &id("a"), &batch(&[large.as_str(); 20]), None).await.unwrap();
    }
    let newest = store.read_history("a", page(HistoryRange::Latest, 100)).await.unwrap();
    assert!(newest.has_more);
    let bytes: usize = newest.messages.iter().map(|message| message.content.as_str().len()).sum();
    assert!((900_000..=limits::HISTORY_PAGE_MAX_BYTES).contains(&bytes), "{bytes} bytes");
    assert_eq!(newest.messages.last().unwrap().seq, 80);
    let mut read = newest.messages;
    while read[0].seq > 1 {
        let older = store.read_history("a", page(HistoryRange::Before(read[0].seq), 100)).await.unwrap();
        assert_eq!(older.has_more, older.messages[0].seq > 1);
        read.splice(0..0, older.messages);
    }
    assert_eq!(seqs(&read), (1..=80).collect::<Vec<_>>());

    let mut read = Vec::new();
    loop {
        let last = read.last().copied().unwrap_or_default();
        let newer = store.read_history("a", page(HistoryRange::After(last), 100)).await.unwrap();
        read.extend(seqs(&newer.messages));
        if !newer.has_more {
            break;
        }
    }
    assert_eq!(read, (1..=80).collect::<Vec<_>>());
}

pub async fn a_page_has_at_least_one_message(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let huge = "\u{1}".repeat(limits::MESSAGE_CONTENT_MAX_BYTES);
    for _ in 0..8 {
        store.append_texts("a", &[&huge]).await.unwrap();
    }
    let newest = store.read_history("a", page(HistoryRange::Latest, 8)).await.unwrap();
    assert!(newest.has_more && !newest.messages.is_empty());
    assert_eq!(newest.messages.last().unwrap().content.as_str(), huge);
}

pub async fn pages_are_stable_while_messages_are_appended(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    session_of(&store, 4).await;
    let newest = store.read_history("a", page(HistoryRange::Latest, 2)).await.unwrap();
    store.append_texts("a", &["5", "6"]).await.unwrap();
    let older = store.read_history("a", page(HistoryRange::Before(newest.messages[0].seq), 2)).await.unwrap();
    assert_eq!(seqs(&older.messages), [1, 2]);
    let newer = store.read_history("a", page(HistoryRange::After(newest.messages[1].seq), 10)).await.unwrap();
    assert_eq!(seqs(&newer.messages), [5, 6]);
}

pub async fn an_empty_session_has_an_empty_history(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    for span in [HistoryRange::Latest, HistoryRange::Before(5), HistoryRange::After(0)] {
        let history = store.read_history("a", page(span, 10)).await.unwrap();
        assert_eq!((history.message_count, history.messages.len(), history.has_more), (0, 0, false));
    }
}
