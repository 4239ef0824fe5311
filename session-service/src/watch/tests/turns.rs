//! Running replies, and the ends of turns.

use super::*;

#[tokio::test]
async fn a_turn_is_followed_from_its_beginning_to_its_end() {
    let service = Service::new();
    service.create().await;
    for (seq, process) in [(1, &service), (3, &service.replica())] {
        let mut watcher = process.watch(&Start::Now).await;
        snapshot(&mut watcher).await;
        let turn = service.begin(&format!("r{seq}"), &format!("t{seq}")).await;
        assert!(matches!(event(&mut watcher).await, WatchEvent::Message(message) if message.seq == seq));
        assert_eq!(event(&mut watcher).await, state(TurnState::Running, seq + 1, &format!("r{seq}")));
        service.flush(&turn, 0, "Hé").await;
        assert_eq!(event(&mut watcher).await, delta(seq + 1, 0, "Hé"));
        service.flush(&turn, 3, "llo").await;
        assert_eq!(event(&mut watcher).await, delta(seq + 1, 3, "llo"));
        let reply = service.finish(&turn, "Héllo!", FinishReason::Stop).await;
        assert_eq!(event(&mut watcher).await, WatchEvent::Message(Box::new(reply)));
        let done = TurnState::Ended(TurnOutcome::Done);
        assert_eq!(event(&mut watcher).await, state(done, seq + 1, &format!("r{seq}")));
        silent(&mut watcher).await;
    }
}

#[tokio::test]
async fn a_watcher_that_resumes_within_a_reply_receives_only_the_rest() {
    let service = Service::new();
    service.create().await;
    let turn = service.begin("r", "token-1").await;
    service.flush(&turn, 0, "one ").await;
    let mut watcher = service.watch(&Start::Now).await;
    let (cursor, first) = next(&mut watcher).await;
    let WatchEvent::Snapshot(first) = first else { panic!("{first:?}") };
    assert_eq!(first.turn.unwrap().text, "one ");
    drop(watcher);
    service.flush(&turn, 4, "two ").await;
    let mut resumed = service.watch(&Start::Cursor(cursor.clone())).await;
    let rest = snapshot(&mut resumed).await;
    let known = rest.turn.unwrap();
    assert_eq!((known.offset, known.text.as_str(), rest.has_gap), (4, "two ", false));
    service.flush(&turn, 8, "three").await;
    assert_eq!(event(&mut resumed).await, delta(2, 8, "three"));
    // After the end: the reply, and the end of the turn that the cursor is in.
    let reply = service.finish(&turn, "one two three", FinishReason::Stop).await;
    let mut late = service.watch(&Start::Cursor(cursor.clone())).await;
    assert_eq!(snapshot(&mut late).await.turn, None);
    assert_eq!(event(&mut late).await, WatchEvent::Message(Box::new(reply)));
    assert_eq!(event(&mut late).await, state(TurnState::Ended(TurnOutcome::Done), 2, "r"));
    // The next turn is not taken for the old one.
    let next = service.begin("s", "token-2").await;
    service.flush(&next, 0, "four five six").await;
    let mut other = service.watch(&Start::Cursor(cursor)).await;
    let known = snapshot(&mut other).await.turn.unwrap();
    assert_eq!(
        (known.turn.request_id.as_str(), known.offset, known.text.as_str()),
        ("s", 0, "four five six")
    );
    assert!(matches!(event(&mut other).await, WatchEvent::Message(message) if message.seq == 2));
    assert_eq!(event(&mut other).await, state(TurnState::Ended(TurnOutcome::Done), 2, "r"));
    assert!(matches!(event(&mut other).await, WatchEvent::Message(message) if message.seq == 3));
    silent(&mut other).await;
}

#[tokio::test]
async fn a_retry_of_a_failed_request_is_another_turn() {
    let service = Service::new();
    service.create().await;
    let failed = service.begin("r", "token-1").await;
    service.flush(&failed, 0, "Hello wor").await;
    let mut watcher = service.watch(&Start::Now).await;
    let (cursor, _) = next(&mut watcher).await;
    service.release(&failed, TurnOutcome::Failed(TurnFailure::Model)).await;
    let failure = TurnState::Ended(TurnOutcome::Failed(TurnFailure::Model));
    assert_eq!(event(&mut watcher).await, state(failure, 2, "r"));
    let again = service.begin("r", "token-2").await;
    assert!(
        matches!(event(&mut watcher).await, WatchEvent::Turn(change) if change.state == TurnState::Running)
    );
    service.flush(&again, 0, "Goodbye, world").await;
    let mut resumed = service.watch(&Start::Cursor(cursor)).await;
    let known = snapshot(&mut resumed).await.turn.unwrap();
    assert_eq!((known.offset, known.text.as_str()), (0, "Goodbye, world"));
}

#[tokio::test]
async fn ends_of_turns_are_reported_by_outcome() {
    let service = Service::new();
    let other = service.replica();
    service.create().await;
    let mut watcher = other.watch(&Start::Now).await;
    snapshot(&mut watcher).await;
    let cancelled = service.begin("r1", "token-1").await;
    event(&mut watcher).await;
    event(&mut watcher).await;
    service.finish(&cancelled, "cut", FinishReason::Cancelled).await;
    assert!(matches!(event(&mut watcher).await, WatchEvent::Message(message) if message.seq == 2));
    assert_eq!(event(&mut watcher).await, state(TurnState::Ended(TurnOutcome::Cancelled), 2, "r1"));
    let lost = service.begin("r2", "token-2").await;
    event(&mut watcher).await;
    event(&mut watcher).await;
    service.flush(&lost, 0, "abc").await;
    event(&mut watcher).await;
    service.advance(LEASE + Duration::from_secs(1));
    assert_eq!(event(&mut watcher).await, state(TurnState::Lost, 4, "r2"));
    // A whole turn between two reads.
    let quick = service.begin("r3", "token-3").await;
    service.finish(&quick, "quick", FinishReason::Stop).await;
    let quick = service.begin("r4", "token-4").await;
    service.release(&quick, TurnOutcome::Failed(TurnFailure::ShuttingDown)).await;
    let mut seen = Vec::new();
    while seen.last() != Some(&"r4".to_owned()) {
        match event(&mut watcher).await {
            WatchEvent::Message(message) => seen.push(message.seq.to_string()),
            WatchEvent::Turn(TurnChange { request_id, .. }) => seen.push(request_id),
            other => panic!("{other:?}"),
        }
    }
    seen.retain(|text| text.parse::<u32>().is_ok());
    assert_eq!(seen, ["4", "5", "6"]);
}

#[tokio::test]
async fn a_position_in_a_turn_that_ended_reports_its_end() {
    let service = Service::new();
    service.create().await;
    let turn = service.begin("r", "token-1").await;
    let position = crate::store::Position { seq: 1, text: Some((TurnTag::from(&turn.token), 0)) };
    service.release(&turn, TurnOutcome::Cancelled).await;
    let mut watcher = service.watch(&Start::After(position)).await;
    assert_eq!(snapshot(&mut watcher).await.turn, None);
    assert_eq!(event(&mut watcher).await, state(TurnState::Ended(TurnOutcome::Cancelled), 2, "r"));
}
