//! Pages that are read without a script or a transaction show one state of one session.

use crate::suite::harness::*;
use session_service::{
    domain::{HistoryRange, Message},
    store::{History, Policy, StoreError, redis::RedisStore},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use testkit::RedisServer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Size of the parts that the relay forwards: less than one command of a page.
const PIECE_BYTES: usize = 48;
/// Number of messages per session, large enough that creating and deleting one takes more than a millisecond.
const MESSAGES: u32 = 12;

/// Starts a relay that forwards requests in small parts, so that the server does other work between the commands of one
/// request. Returns its port.
async fn start_relay(server: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
            server.set_nodelay(true).unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
            tokio::spawn(async move {
                let mut piece = [0; PIECE_BYTES];
                while let Ok(length @ 1..) = from_client.read(&mut piece).await {
                    if to_server.write_all(&piece[..length]).await.is_err() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
    });
    port
}

/// Repeatedly creates, fills and deletes session `a`. A message consists of the number of the session and the seq.
async fn write(store: Store, is_over: Arc<AtomicBool>) {
    for session in 0.. {
        store.create_session("a").await;
        for seq in 1..=MESSAGES {
            store.append_texts("a", &[&format!("{session} {seq}")]).await.unwrap();
        }
        store.delete_session("a").await.unwrap();
        if is_over.load(Ordering::Relaxed) {
            return;
        }
    }
}

fn session_and_seq(message: &Message) -> (u32, u32) {
    let (session, seq) = message.content.as_str().split_once(' ').unwrap();
    (session.parse().unwrap(), seq.parse().unwrap())
}

fn is_one_state(history: &History, range: HistoryRange, items: u32) {
    let written: Vec<_> = history.messages.iter().map(session_and_seq).collect();
    for (message, (session, seq)) in history.messages.iter().zip(&written) {
        assert_eq!(message.seq, *seq, "{range:?} of {history:?}");
        assert_eq!(*session, written[0].0, "messages of two sessions: {history:?}");
    }
    let count = history.message_count;
    let expected: Vec<_> = match range {
        HistoryRange::After(after) => (after + 1..=count).take(items as usize).collect(),
        _ => (count.saturating_sub(items) + 1..=count).collect(),
    };
    assert_eq!(seqs(&history.messages), expected, "{range:?} of a session of {count}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pages_are_from_one_state_of_one_session() {
    let server = RedisServer::start();
    let relayed = format!("redis://127.0.0.1:{}", start_relay(server.port()).await);
    let reader: Store = Arc::new(RedisStore::from_url(&relayed, Policy::default()).unwrap());
    let writer: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    while reader.time().await.is_err() {}
    let is_over = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(write(writer, is_over.clone()));
    let (begun, mut pages) = (Instant::now(), 0);
    server.ask(&["CONFIG", "RESETSTAT"]);
    while pages < 2000 || server.calls("eval") + server.calls("evalsha") == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "only {pages} pages");
        for (span, items) in [
            (HistoryRange::Latest, 2),
            (HistoryRange::Latest, 100),
            (HistoryRange::After(0), 5),
            (HistoryRange::After(1), 1),
        ] {
            match reader.read_history("a", page(span, items)).await {
                Ok(history) => is_one_state(&history, span, items.unsigned_abs()),
                Err(error) => assert_matches!(error, StoreError::NotFound),
            }
            pages += 1;
        }
    }
    is_over.store(true, Ordering::Relaxed);
    writing.await.unwrap();
}
