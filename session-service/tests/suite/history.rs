//! Messages are read in pages.

use super::harness::*;
use session_service::domain::{Owner, Span, limits};

async fn session_of(store: &Store, count: usize) {
    store.make("a").await;
    for n in 0..count {
        store.say("a", &[&format!("message {}", n + 1)]).await.unwrap();
    }
}

pub async fn the_newest_page_comes_by_default(harness: &mut impl Harness) {
    let store = harness.hour();
    session_of(&store, 5).await;
    let history = store.read("a", page(Span::Newest, 3)).await.unwrap();
    assert_eq!(seqs(&history.messages), [3, 4, 5]);
    assert_eq!(history.messages[0].content.as_str(), "message 3");
    assert_eq!((history.message_count, history.has_more), (5, true));
    let whole = store.read("a", page(Span::Newest, 5)).await.unwrap();
    assert_eq!((whole.messages.len(), whole.has_more), (5, false));
}

pub async fn pages_back_and_forward_meet(harness: &mut impl Harness) {
    let store = harness.hour();
    session_of(&store, 7).await;
    let read = async |span, items| {
        let history = store.read("a", page(span, items)).await.unwrap();
        (seqs(&history.messages), history.has_more)
    };
    assert_eq!(read(Span::Before(6), 3).await, (vec![3, 4, 5], true));
    assert_eq!(read(Span::Before(3), 3).await, (vec![1, 2], false));
    assert_eq!(read(Span::Before(1), 3).await, (vec![], false));
    assert_eq!(read(Span::Before(0), 3).await, (vec![], false));
    assert_eq!(read(Span::Before(u32::MAX), 3).await, (vec![5, 6, 7], true));
    assert_eq!(read(Span::After(0), 3).await, (vec![1, 2, 3], true));
    assert_eq!(read(Span::After(4), 3).await, (vec![5, 6, 7], false));
    assert_eq!(read(Span::After(7), 3).await, (vec![], false));
    assert_eq!(read(Span::After(u32::MAX), 3).await, (vec![], false));
}

pub async fn a_page_ends_near_one_mebibyte(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    let large = "x".repeat(limits::MESSAGE_CONTENT_MAX_BYTES);
    for _ in 0..4 {
        store.append(&Owner::open(), &id("a"), &batch(&[large.as_str(); 20]), None).await.unwrap();
    }
    let newest = store.read("a", page(Span::Newest, 100)).await.unwrap();
    assert!(newest.has_more);
    let bytes: usize = newest.messages.iter().map(|message| message.content.as_str().len()).sum();
    assert!((900_000..=limits::HISTORY_PAGE_MAX_BYTES).contains(&bytes), "{bytes} bytes");
    assert_eq!(newest.messages.last().unwrap().seq, 80);
    let mut read = newest.messages;
    while read[0].seq > 1 {
        let older = store.read("a", page(Span::Before(read[0].seq), 100)).await.unwrap();
        assert_eq!(older.has_more, older.messages[0].seq > 1);
        read.splice(0..0, older.messages);
    }
    assert_eq!(seqs(&read), (1..=80).collect::<Vec<_>>());

    let mut read = Vec::new();
    loop {
        let last = read.last().copied().unwrap_or_default();
        let newer = store.read("a", page(Span::After(last), 100)).await.unwrap();
        read.extend(seqs(&newer.messages));
        if !newer.has_more {
            break;
        }
    }
    assert_eq!(read, (1..=80).collect::<Vec<_>>());
}

pub async fn a_huge_message_is_a_page_of_its_own(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    let huge = "\u{1}".repeat(limits::MESSAGE_CONTENT_MAX_BYTES);
    for _ in 0..8 {
        store.say("a", &[&huge]).await.unwrap();
    }
    let newest = store.read("a", page(Span::Newest, 8)).await.unwrap();
    assert!(newest.has_more && !newest.messages.is_empty());
    assert_eq!(newest.messages.last().unwrap().content.as_str(), huge);
}

pub async fn pages_stay_while_messages_arrive(harness: &mut impl Harness) {
    let store = harness.hour();
    session_of(&store, 4).await;
    let newest = store.read("a", page(Span::Newest, 2)).await.unwrap();
    store.say("a", &["5", "6"]).await.unwrap();
    let older = store.read("a", page(Span::Before(newest.messages[0].seq), 2)).await.unwrap();
    assert_eq!(seqs(&older.messages), [1, 2]);
    let newer = store.read("a", page(Span::After(newest.messages[1].seq), 10)).await.unwrap();
    assert_eq!(seqs(&newer.messages), [5, 6]);
}

pub async fn an_empty_session_has_an_empty_history(harness: &mut impl Harness) {
    let store = harness.hour();
    store.make("a").await;
    for span in [Span::Newest, Span::Before(5), Span::After(0)] {
        let history = store.read("a", page(span, 10)).await.unwrap();
        assert_eq!((history.message_count, history.messages.len(), history.has_more), (0, 0, false));
    }
}
