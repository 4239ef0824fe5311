//! Messages, cursors, the expiry and the end of sessions, and the limits of watchers.

use super::*;

#[tokio::test]
async fn a_watcher_begins_with_a_snapshot_and_then_receives_every_message_once() {
    let service = Service::new();
    service.create().await;
    service.append("before").await;
    for process in [&service, &service.replica()] {
        let mut watcher = process.watch(&Start::Now).await;
        let before = snapshot(&mut watcher).await;
        assert_eq!((before.turn, before.has_gap), (None, false));
        for n in 0..3 {
            let stored = service.append("after").await;
            assert_eq!(stored.seq, before.session.message_count + n + 1);
            assert_eq!(event(&mut watcher).await, WatchEvent::Message(Box::new(stored)));
        }
        silent(&mut watcher).await;
    }
}

#[tokio::test]
async fn messages_that_are_stored_while_a_watcher_begins_are_not_lost() {
    let service = Service::new();
    service.create().await;
    for _ in 0..50 {
        let (mut watcher, stored) = tokio::join!(service.watch(&Start::Now), service.append("x"));
        let seq = snapshot(&mut watcher).await.session.message_count;
        if seq < stored.seq {
            assert_eq!(event(&mut watcher).await, WatchEvent::Message(Box::new(stored)));
        } else {
            assert_eq!(seq, stored.seq);
        }
    }
}

#[tokio::test]
async fn cursors_that_are_not_of_this_session_begin_with_a_gap() {
    let service = Service::new();
    service.create().await;
    service.append("one").await;
    let (cursor, _) = next(&mut service.watch(&Start::Now).await).await;
    let beyond = WatchCursor { position: crate::store::Position { seq: 99, text: None }, ..cursor.clone() };
    service.store.delete(&Owner::open(), &name()).await.unwrap();
    service.create().await;
    service.append("two").await;
    let (valid, _) = next(&mut service.watch(&Start::Now).await).await;
    let beyond_valid = WatchCursor { position: beyond.position.clone(), ..valid };
    for stale in [cursor, beyond, beyond_valid] {
        let mut watcher = service.watch(&Start::Cursor(stale)).await;
        let present = snapshot(&mut watcher).await;
        assert!(present.has_gap && present.session.message_count == 1);
        silent(&mut watcher).await;
    }
}

#[tokio::test]
async fn a_watcher_receives_the_end_and_the_replacement_of_a_session() {
    let service = Service::new();
    let watcher = service.watchers.watch(Owner::open(), name(), &Start::Now).await;
    assert!(matches!(watcher, Err(WatchError::Store(StoreError::NotFound))));
    for process in [&service, &service.replica()] {
        service.create().await;
        let mut watcher = process.watch(&Start::Now).await;
        snapshot(&mut watcher).await;
        service.store.delete(&Owner::open(), &name()).await.unwrap();
        assert_eq!(event(&mut watcher).await, WatchEvent::Ended(EndReason::Deleted));
        assert!(watcher.next().await.is_none());
        service.create().await;
        let mut replaced = process.watch(&Start::Now).await;
        snapshot(&mut replaced).await;
        service.store.delete(&Owner::open(), &name()).await.unwrap();
        service.create().await;
        assert_eq!(event(&mut replaced).await, WatchEvent::Ended(EndReason::Deleted));
        assert!(replaced.next().await.is_none());
        service.store.delete(&Owner::open(), &name()).await.unwrap();
    }
}

#[tokio::test]
async fn the_expiry_is_announced_once_and_moves_with_activity() {
    let service = Service::new();
    service.create().await;
    service.advance(TTL - Duration::from_secs(100));
    let mut watcher = service.watch(&Start::Now).await;
    let expires_at = snapshot(&mut watcher).await.session.expires_at;
    assert_eq!(event(&mut watcher).await, WatchEvent::Expiring(expires_at));
    silent(&mut watcher).await;
    let touched = service.store.touch(&Owner::open(), &name()).await.unwrap();
    assert_eq!(event(&mut watcher).await, WatchEvent::Session(Box::new(touched)));
    service.advance(TTL + Duration::from_secs(1));
    assert_eq!(event(&mut watcher).await, WatchEvent::Ended(EndReason::Expired));
    assert!(watcher.next().await.is_none());
    assert!(matches!(service.store.get(&Owner::open(), &name()).await, Err(StoreError::NotFound)));
}

#[tokio::test]
async fn a_silent_session_has_a_checkpoint_after_15_seconds() {
    let service = Service::new();
    service.create().await;
    let mut watcher = service.watch(&Start::Now).await;
    snapshot(&mut watcher).await;
    let checkpoint = timeout(Duration::from_secs(20), watcher.next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(checkpoint.1, WatchEvent::Checkpoint(_)), "{checkpoint:?}");
}

#[tokio::test]
async fn the_number_of_watchers_is_limited() {
    let service = Service::with_limit(2);
    service.create().await;
    let first = service.watch(&Start::Now).await;
    let _second = service.watch(&Start::Now).await;
    let third = service.watchers.watch(Owner::open(), name(), &Start::Now).await;
    assert!(matches!(third, Err(WatchError::TooManyWatchers)));
    drop(first);
    service.watch(&Start::Now).await;
}

#[tokio::test]
async fn watchers_receive_a_last_event_when_the_process_stops() {
    let service = Service::new();
    service.create().await;
    let mut watcher = service.watch(&Start::Now).await;
    snapshot(&mut watcher).await;
    service.stopping.cancel();
    assert!(matches!(event(&mut watcher).await, WatchEvent::Checkpoint(_)));
    assert!(matches!(watcher.next().await, Some(Err(WatchError::ShuttingDown))));
    assert!(watcher.next().await.is_none());
}

#[tokio::test]
async fn a_slow_reader_is_skipped_forward_and_a_late_one_receives_everything() {
    let service = Service::new();
    service.create().await;
    let long = "y".repeat(30_000);
    let mut slow = service.watch(&Start::Now).await;
    let (cursor, _) = next(&mut slow).await;
    service.append("x").await;
    assert!(matches!(event(&mut slow).await, WatchEvent::Message(_)));
    for _ in 0..80 {
        service.append(&long).await;
    }
    let present = snapshot(&mut slow).await;
    assert!(present.has_gap && present.session.message_count == 81);
    let last = service.append("z").await;
    assert_eq!(event(&mut slow).await, WatchEvent::Message(Box::new(last)));
    let mut late = service.watch(&Start::Cursor(cursor)).await;
    assert!(!snapshot(&mut late).await.has_gap);
    for seq in 1..=82 {
        assert!(
            matches!(event(&mut late).await, WatchEvent::Message(message) if message.seq == seq),
            "{seq}"
        );
    }
}

#[tokio::test]
async fn watchers_at_one_position_share_a_read() {
    let service = Service::new();
    service.create().await;
    let mut watchers = Vec::new();
    for _ in 0..100 {
        let mut watcher = service.watch(&Start::Now).await;
        snapshot(&mut watcher).await;
        watchers.push(watcher);
    }
    let stored = service.append("x").await;
    let received = futures_util::future::join_all(watchers.iter_mut().map(event)).await;
    assert!(received.iter().all(|event| *event == WatchEvent::Message(Box::new(stored.clone()))));
    drop(watchers);
    assert_eq!(service.watchers.watched_sessions(), 0, "the session is no longer read");
}
