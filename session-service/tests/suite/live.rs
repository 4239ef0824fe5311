//! Live state: heads, changes since a position, text of running turns, and cancellation.

use super::{harness::*, turns::turn};
use session_service::{
    domain::{FinishReason, HistoryRange, Owner, limits},
    store::{
        Changes, Head, HeadVersion, Policy, Position, StoreError, TurnFailure, TurnOutcome, TurnRequest,
        TurnTag, TurnToken,
    },
};
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(30);
/// A lease that expires within a test. All calls before that must fit in, even on a busy machine.
const SHORT: Duration = Duration::from_millis(500);
const FAILED: TurnOutcome = TurnOutcome::Failed(TurnFailure::Model);

async fn head(store: &Store, user_id: &str) -> Head {
    try_head(store, user_id).await.unwrap()
}

async fn try_head(store: &Store, user_id: &str) -> Option<Head> {
    store.heads(&[(Owner::open(), id(user_id))]).await.unwrap().remove(0)
}

async fn changes(store: &Store, seq: u32, text: Option<(&TurnToken, u32)>) -> Changes {
    let text = text.map(|(token, bytes)| (TurnTag::from(token), bytes));
    store.changes(&Owner::open(), &id("a"), &Position { seq, text }).await.unwrap()
}

/// Begins a turn in session `a`, which is created.
async fn running(store: &Store) -> TurnRequest {
    store.create_session("a").await;
    let running = turn("a", "hello", "r", "token-of-r");
    store.begin_turn(&Owner::open(), &running, LEASE).await.unwrap();
    running
}

async fn flush(store: &Store, token: &TurnToken, offset: u32, text: &str) -> (u32, bool) {
    let flushed = store.flush_turn(&Owner::open(), &id("a"), token, offset, text).await.unwrap();
    (flushed.stored, flushed.cancelled)
}

async fn version(store: &Store, user_id: &str) -> Option<HeadVersion> {
    store.head_versions(&[(Owner::open(), id(user_id))]).await.unwrap().remove(0)
}

pub async fn every_change_changes_the_head_and_its_version_and_no_read_does(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let owner = Owner::open();
    store.create_session("a").await;
    let mut heads = vec![head(&store, "a").await];
    let mut versions = vec![version(&store, "a").await];
    let hello = turn("a", "hello", "r", "t1");
    let again = turn("a", "hello", "r", "t2");
    for step in 0..7 {
        match step {
            0 => drop(store.append_texts("a", &["x"]).await.unwrap()),
            1 => drop(store.touch_session("a").await.unwrap()),
            2 => drop(store.begin_turn(&owner, &hello, LEASE).await.unwrap()),
            3 => drop(flush(&store, &hello.token, 0, "h").await),
            4 => store.release_turn(&owner, &id("a"), &hello.token, FAILED).await.unwrap(),
            5 => drop(store.begin_turn(&owner, &again, LEASE).await.unwrap()),
            _ => drop(store.finish_turn(&owner, &again, &reply("hi")).await.unwrap()),
        }
        let changed = head(&store, "a").await;
        assert!(!heads.contains(&changed), "step {step}: {changed:?}");
        store.get_session("a").await.unwrap();
        store.read_history("a", page(HistoryRange::Latest, 10)).await.unwrap();
        store.list_first_page(10).await;
        assert_eq!(changes(&store, 0, None).await.head, changed, "step {step}");
        assert_eq!(head(&store, "a").await, changed, "step {step}");
        let next = version(&store, "a").await;
        assert_eq!(next, Some(changed.version()), "step {step}");
        assert!(!versions.contains(&next), "step {step}: {next:?}");
        heads.push(changed);
        versions.push(next);
    }
}

pub async fn heads_are_those_of_the_sessions_in_order(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    for (name, messages) in [("a", 0), ("b", 1), ("c", 2)] {
        store.create_session(name).await;
        for _ in 0..messages {
            store.append_texts(name, &["x"]).await.unwrap();
        }
    }
    let asked = ["c", "none", "a", "b", "c"].map(|name| (Owner::open(), id(name)));
    let heads = store.heads(&asked).await.unwrap();
    let counts: Vec<_> = heads.iter().map(|head| head.as_ref().map(|head| head.message_count)).collect();
    assert_eq!(counts, [Some(2), None, Some(0), Some(1), Some(2)]);
    let versions: Vec<_> = heads.iter().map(|head| head.as_ref().map(Head::version)).collect();
    assert_eq!(store.head_versions(&asked).await.unwrap(), versions);
    let many: Vec<_> = (0..1201).map(|n| (Owner::open(), id(if n % 2 == 0 { "a" } else { "b" }))).collect();
    let heads = store.heads(&many).await.unwrap();
    assert_eq!(heads.len(), many.len());
    assert_eq!(heads[1200].as_ref().unwrap().message_count, 0);
    assert_eq!(store.head_versions(&many).await.unwrap().len(), many.len());
    assert_eq!(store.heads(&[]).await.unwrap(), []);
    assert_eq!(store.head_versions(&[]).await.unwrap(), []);
}

pub async fn changes_are_what_is_new_since_a_position(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    store.append_texts("a", &["one", "two", "three"]).await.unwrap();
    let all = store.read_history("a", page(HistoryRange::Latest, 10)).await.unwrap().messages;
    for seq in 0..=5 {
        let changes = changes(&store, seq, None).await;
        assert_eq!(changes.messages, all[all.len().min(seq as usize)..], "after {seq}");
        assert_eq!(changes.session, store.get_session("a").await.unwrap());
        assert_eq!(changes.head.message_count, 3);
    }
    assert_eq!(changes(&store, u32::MAX, None).await.messages, []);
}

pub async fn a_page_of_changes_is_bounded(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    for _ in 0..3 {
        store.append_texts("a", &["x"; 100]).await.unwrap();
    }
    assert_eq!(seqs(&changes(&store, 7, None).await.messages), (8..=107).collect::<Vec<_>>());
    let long = "y".repeat(limits::MESSAGE_CONTENT_MAX_BYTES);
    for _ in 0..4 {
        store.append_texts("a", &[long.as_str(); 20]).await.unwrap();
    }
    let messages = changes(&store, 300, None).await.messages;
    let bytes: usize = messages.iter().map(|message| message.content.as_str().len()).sum();
    assert!(
        (limits::HISTORY_PAGE_MAX_BYTES / 2..=limits::HISTORY_PAGE_MAX_BYTES).contains(&bytes),
        "{bytes}"
    );
}

pub async fn a_session_that_is_created_again_has_another_incarnation(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let first = head(&store, "a").await.incarnation;
    store.append_texts("a", &["x"]).await.unwrap();
    store.touch_session("a").await.unwrap();
    assert_eq!(head(&store, "a").await.incarnation, first);
    store.delete_session("a").await.unwrap();
    store.create_session("a").await;
    assert_ne!(head(&store, "a").await.incarnation, first);
}

pub async fn the_text_of_a_turn_grows_until_the_turn_ends(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let TurnRequest { token, .. } = &running(&store).await;
    let started = changes(&store, 0, None).await;
    let known = started.head.turn.unwrap();
    assert_eq!((known.reply_seq, known.request_id.as_str()), (2, "r"));
    assert_eq!((known.tag, started.text.as_str()), (TurnTag::from(token), ""));
    assert_eq!(flush(&store, token, 0, "Hello").await, (5, false));
    assert_eq!(flush(&store, token, 5, "").await, (5, false));
    assert_eq!(flush(&store, token, 5, ", world").await, (12, false));
    let part = changes(&store, 1, Some((token, 5))).await;
    assert_eq!((part.text_offset, part.text.as_str()), (5, ", world"));
    let other = TurnToken("another".into());
    let whole = changes(&store, 1, Some((&other, 5))).await;
    assert_eq!((whole.text_offset, whole.text.as_str()), (0, "Hello, world"));
    let ahead = changes(&store, 1, Some((token, 99))).await;
    assert_eq!(ahead.text, "");
    let finished = turn("a", "hello", "r", &token.0);
    store.finish_turn(&Owner::open(), &finished, &reply("Hello, world!")).await.unwrap();
    let ended = changes(&store, 1, Some((token, 5))).await;
    assert_eq!((ended.head.turn, ended.text_offset, ended.text.as_str()), (None, 0, ""));
    let next = turn("a", "next", "s", "token-of-s");
    store.begin_turn(&Owner::open(), &next, LEASE).await.unwrap();
    assert_eq!(changes(&store, 1, Some((token, 5))).await.text, "", "the text was removed with its turn");
    let late = store.flush_turn(&Owner::open(), &id("a"), token, 0, "late").await;
    assert_matches!(late, Err(StoreError::TurnLost));
    assert_eq!(changes(&store, 1, None).await.text, "");
}

pub async fn a_flush_that_is_repeated_or_follows_a_loss_does_not_corrupt_the_text(
    harness: &mut impl Harness,
) {
    let store = harness.store_with_defaults();
    let TurnRequest { token, .. } = &running(&store).await;
    assert_eq!(flush(&store, token, 3, "lost").await, (0, false), "nothing is stored before it");
    assert_eq!(flush(&store, token, 0, "one ").await, (4, false));
    assert_eq!(flush(&store, token, 0, "one two").await, (7, false));
    assert_eq!(flush(&store, token, 4, "two").await, (7, false));
    assert_eq!(changes(&store, 1, None).await.text, "one two");
    let before = head(&store, "a").await;
    flush(&store, token, 7, "").await;
    assert_eq!(head(&store, "a").await, before, "without text nothing changes");
}

pub async fn text_of_several_bytes_per_character_is_cut_nowhere(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let TurnRequest { token, .. } = &running(&store).await;
    assert_eq!(flush(&store, token, 0, "né🤖").await, (7, false));
    let from = |offset| changes(&store, 1, Some((token, offset)));
    assert_eq!(from(3).await.text, "🤖");
    // An offset within a character is not one of ours.
    for offset in [2, 4, 5, 6] {
        let changes = from(offset).await;
        assert_eq!((changes.text_offset, changes.text.as_str()), (0, "né🤖"), "{offset}");
    }
}

pub async fn a_retry_of_a_running_turn_returns_its_token_and_changes_nothing(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let first = running(&store).await;
    let before = head(&store, "a").await;
    let retry = turn("a", "hello", "r", "t2");
    let again = store.begin_turn(&Owner::open(), &retry, LEASE).await.unwrap();
    assert_eq!((again.replayed, again.message.seq, again.reply), (true, 1, None));
    assert_eq!(again.running, Some(first.token.clone()));
    assert_eq!(head(&store, "a").await, before);
    let other = store.begin_turn(&Owner::open(), &turn("a", "other", "r", "t3"), LEASE).await;
    assert_matches!(other, Err(StoreError::RequestIdReused));
    store.finish_turn(&Owner::open(), &first, &reply("hi")).await.unwrap();
    let replayed = store.begin_turn(&Owner::open(), &retry, LEASE).await.unwrap();
    assert_eq!((replayed.running, replayed.reply.unwrap().content.as_str()), (None, "hi"));
}

pub async fn a_cancelled_turn_stores_no_other_reply(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let turn = running(&store).await;
    let (owner, a) = (Owner::open(), id("a"));
    let cancelled = store.cancel_turn(&owner, &a, Some(&request("r"))).await.unwrap();
    assert_eq!(cancelled, Some(TurnTag::from(&turn.token)));
    assert_eq!(store.cancel_turn(&owner, &a, None).await.unwrap(), cancelled, "it may be repeated");
    assert_eq!(flush(&store, &turn.token, 0, "so").await, (2, true));
    let whole = store.finish_turn(&owner, &turn, &reply("so far so good")).await;
    assert_matches!(whole, Err(StoreError::TurnCancelled));
    assert_eq!(store.get_session("a").await.unwrap().message_count, 1);
    let cut = reply_with_reason(FinishReason::Cancelled, "so far");
    let stored = store.finish_turn(&owner, &turn, &cut).await.unwrap().reply;
    assert_eq!((stored.seq, stored.finish_reason), (2, Some(FinishReason::Cancelled)));
    let ended = head(&store, "a").await.ended_turn.unwrap();
    assert_eq!((ended.outcome, ended.reply_seq, ended.request_id.as_str()), (TurnOutcome::Cancelled, 2, "r"));
    let replayed = store.begin_turn(&owner, &turn, LEASE).await.unwrap();
    assert_eq!(replayed.reply, Some(stored), "the same request is replayed");
    assert_eq!(store.cancel_turn(&owner, &a, None).await.unwrap(), None);
}

pub async fn a_cancellation_without_a_matching_turn_does_nothing(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let (owner, a) = (Owner::open(), id("a"));
    assert_matches!(store.cancel_turn(&owner, &a, None).await, Err(StoreError::NotFound));
    let turn = running(&store).await;
    assert_eq!(store.cancel_turn(&owner, &a, Some(&request("other"))).await.unwrap(), None);
    store.finish_turn(&owner, &turn, &reply("hi")).await.unwrap();
    assert_eq!(store.cancel_turn(&owner, &a, Some(&request("r"))).await.unwrap(), None);
}

pub async fn a_turn_that_ended_is_known_with_its_outcome(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let owner = Owner::open();
    let outcomes = [
        TurnOutcome::Cancelled,
        TurnOutcome::Failed(TurnFailure::Model),
        TurnOutcome::Failed(TurnFailure::ShuttingDown),
        TurnOutcome::Failed(TurnFailure::Orphaned),
    ];
    for (n, outcome) in (0..).zip(outcomes) {
        let turn = turn("a", "hello", "my request", &format!("token-{n}"));
        store.begin_turn(&owner, &turn, LEASE).await.unwrap();
        store.release_turn(&owner, &id("a"), &turn.token, outcome).await.unwrap();
        let ended = head(&store, "a").await.ended_turn.unwrap();
        assert_eq!((ended.tag, ended.outcome), (TurnTag::from(&turn.token), outcome));
        assert_eq!((ended.reply_seq, ended.request_id.as_str()), (2, "my request"));
    }
    let turn = turn("a", "hello", "my request", "last");
    store.begin_turn(&owner, &turn, LEASE).await.unwrap();
    store.append_texts("a", &["a note"]).await.unwrap();
    store.finish_turn(&owner, &turn, &reply("hi")).await.unwrap();
    let ended = head(&store, "a").await.ended_turn.unwrap();
    assert_eq!((ended.outcome, ended.reply_seq), (TurnOutcome::Done, 3), "the seq that the reply has");
}

pub async fn a_turn_whose_lease_ended_is_not_running(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let owner = Owner::open();
    let crashed = turn("a", "hello", "r", "t1");
    store.begin_turn(&owner, &crashed, SHORT).await.unwrap();
    flush(&store, &crashed.token, 0, "Hel").await;
    assert_eq!(changes(&store, 1, None).await.text, "Hel");
    harness.advance(SHORT + Duration::from_millis(5)).await;
    let after = changes(&store, 1, None).await;
    assert_eq!((after.head.turn, after.head.ended_turn, after.text.as_str()), (None, None, ""));
    assert_eq!(store.cancel_turn(&owner, &id("a"), None).await.unwrap(), None);
    store.begin_turn(&owner, &turn("a", "hello", "r", "t2"), LEASE).await.unwrap();
    assert_eq!(changes(&store, 1, None).await.text, "");
}

pub async fn one_of_end_and_cancellation_wins(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let owner = Owner::open();
    for n in 0..20 {
        let turn = turn("a", "hello", &format!("r{n}"), &format!("t{n}"));
        store.begin_turn(&owner, &turn, LEASE).await.unwrap();
        let (end, a) = (reply("the end"), id("a"));
        let finishing = store.finish_turn(&owner, &turn, &end);
        let cancelling = store.cancel_turn(&owner, &a, None);
        let (finished, cancelled) = if n % 2 == 0 {
            tokio::join!(finishing, cancelling)
        } else {
            let (cancelled, finished) = tokio::join!(cancelling, finishing);
            (finished, cancelled)
        };
        let cancelled = cancelled.unwrap().is_some();
        match finished {
            Ok(_) => assert!(!cancelled, "both won in round {n}"),
            Err(StoreError::TurnCancelled) => {
                assert!(cancelled, "neither won in round {n}");
                store.release_turn(&owner, &a, &turn.token, TurnOutcome::Cancelled).await.unwrap();
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

pub async fn a_session_that_is_not_live_has_no_head_and_no_changes(harness: &mut impl Harness) {
    let session_ttl = Duration::from_millis(600);
    let store = harness.store(Policy { session_ttl, ..Policy::default() });
    let (owner, a) = (Owner::open(), id("a"));
    let from_now = Position { seq: u32::MAX, text: None };
    assert_eq!(try_head(&store, "a").await, None);
    assert_matches!(store.changes(&owner, &a, &from_now).await, Err(StoreError::NotFound));
    let turn = running(&store).await;
    flush(&store, &turn.token, 0, "Hel").await;
    for _ in 0..4 {
        harness.advance(session_ttl / 4).await;
        drop(store.changes(&owner, &a, &from_now).await);
        try_head(&store, "a").await;
    }
    harness.advance(Duration::from_millis(20)).await;
    assert_eq!(try_head(&store, "a").await, None, "reads extend nothing");
    assert_matches!(store.changes(&owner, &a, &from_now).await, Err(StoreError::NotFound));
    assert_matches!(store.flush_turn(&owner, &a, &turn.token, 3, "lo").await, Err(StoreError::NotFound));
    assert_matches!(store.cancel_turn(&owner, &a, None).await, Err(StoreError::NotFound));
    assert_eq!(try_head(&store, "a").await, None);
}

pub async fn live_state_of_another_owner_is_not_found(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let turn = running(&store).await;
    flush(&store, &turn.token, 0, "secret").await;
    let (other, a) = (Owner::named("other"), id("a"));
    let since = Position { seq: 0, text: None };
    assert_eq!(store.heads(&[(other.clone(), a.clone())]).await.unwrap(), [None]);
    assert_matches!(store.changes(&other, &a, &since).await, Err(StoreError::NotFound));
    assert_matches!(store.flush_turn(&other, &a, &turn.token, 0, "x").await, Err(StoreError::NotFound));
    assert_matches!(store.cancel_turn(&other, &a, None).await, Err(StoreError::NotFound));
    store.release_turn(&other, &a, &turn.token, FAILED).await.unwrap();
    assert_eq!(changes(&store, 0, None).await.text, "secret");
}
