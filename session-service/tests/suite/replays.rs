//! Retries: a retried request returns the original result, or is rejected.

use super::harness::*;
use session_service::{
    domain::{
        Batch, Content, FinishReason, IfExists, Metadata, NewMessage, NewSession, Owner, PersonaKey, Role,
    },
    store::{StoreError, TurnRequest, TurnToken},
};
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(5);

fn metadata(json: &str) -> Metadata {
    Metadata::try_from(json.to_owned()).unwrap()
}

fn creation(user_id: &str) -> NewSession {
    NewSession {
        persona: PersonaKey::new("creative_writer"),
        metadata: metadata(r#"{"a":[],"n":42}"#),
        request_id: Some(request("create")),
        ..new(user_id)
    }
}

fn turn(content: &str, request_id: &str, token: &str) -> TurnRequest {
    let message = NewMessage { metadata: metadata(r#"{"n":1}"#), ..message(Role::User, content) };
    TurnRequest { user_id: id("a"), message, request_id: request(request_id), token: TurnToken(token.into()) }
}

pub async fn a_replayed_create_returns_the_session_as_it_was_created(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let first = store.try_create_session(creation("a")).await.unwrap();
    harness.advance(TICK).await;
    for if_exists in [IfExists::Fail, IfExists::Return] {
        let again = store.try_create_session(NewSession { if_exists, ..creation("a") }).await.unwrap();
        assert!(again.created);
        let mut expected = first.session.clone();
        assert!(again.session.last_activity > expected.last_activity, "a retry is activity");
        expected.last_activity = again.session.last_activity;
        expected.expires_at = again.session.expires_at;
        assert_eq!(again.session, expected);
    }
}

pub async fn a_create_with_a_known_request_id_and_other_values_is_rejected(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    let first = store.try_create_session(creation("a")).await.unwrap();
    harness.advance(TICK).await;
    let others = [
        NewSession { persona: PersonaKey::new("default"), ..creation("a") },
        NewSession { metadata: Metadata::default(), ..creation("a") },
        NewSession { metadata: metadata(r#"{"a":[],"n":43}"#), ..creation("a") },
    ];
    for other in others {
        for if_exists in [IfExists::Fail, IfExists::Return] {
            let refused = store.try_create_session(NewSession { if_exists, ..other.clone() }).await;
            assert_matches!(refused, Err(StoreError::RequestIdReused));
            assert_eq!(store.get_session("a").await.unwrap(), first.session);
        }
    }
    assert_eq!(store.list_first_page(10).await.sessions, [first.session]);
}

pub async fn a_replayed_append_returns_the_messages_unchanged(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let messages = [(Role::User, "hi"), (Role::Assistant, "\u{1}\"}"), (Role::System, "🤖")];
    let messages = messages.map(|(role, content)| NewMessage {
        metadata: metadata(r#"{"empty":[],"big":9007199254740991}"#),
        ..message(role, content)
    });
    let batch = Batch::try_from(messages.to_vec()).unwrap();
    let append = async || store.append(&Owner::open(), &id("a"), &batch, Some(&request("r"))).await.unwrap();
    let first = append().await;
    harness.advance(TICK).await;
    store.append_texts("a", &["later"]).await.unwrap();
    let again = append().await;
    assert!(!first.replayed && again.replayed);
    assert_eq!(again.messages, first.messages);
    assert_eq!(again.session, store.get_session("a").await.unwrap());
}

pub async fn a_replayed_turn_returns_message_reply_and_finish_reason(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let reasons =
        [FinishReason::Stop, FinishReason::Length, FinishReason::ContentFilter, FinishReason::Unknown];
    for (number, finish_reason) in reasons.into_iter().enumerate() {
        let asked = turn("hello", &number.to_string(), "first");
        let begun = store.begin_turn(&Owner::open(), &asked, LEASE).await.unwrap();
        let mut new = reply_with_reason(finish_reason, &format!("reply {number}\n"));
        new.metadata = metadata(r#"{"model":"x"}"#);
        let reply = store.finish_turn(&Owner::open(), &asked, &new).await.unwrap().reply;
        assert_eq!(reply, new.at(reply.seq, reply.timestamp));
        assert_eq!(reply.finish_reason, Some(finish_reason));
        harness.advance(TICK).await;
        let again =
            store.begin_turn(&Owner::open(), &turn("hello", &number.to_string(), "retry"), LEASE).await;
        let again = again.unwrap();
        assert!(again.replayed);
        assert_eq!((again.message, again.reply), (begun.message, Some(reply)));
    }
    let read = store
        .read_history("a", page(session_service::domain::HistoryRange::Latest, 10))
        .await
        .unwrap()
        .messages;
    let read: Vec<_> = read.iter().filter_map(|message| message.finish_reason).collect();
    assert_eq!(read, reasons);
}

pub async fn a_turn_replays_the_message_of_an_append_with_its_request_id(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let asked = turn("hello", "r", "t1");
    let append = async |messages: Vec<NewMessage>| {
        let batch = Batch::try_from(messages).unwrap();
        store.append(&Owner::open(), &id("a"), &batch, Some(&request("r"))).await
    };
    let appended = append(vec![asked.message.clone()]).await.unwrap();
    store.append_texts("a", &["between"]).await.unwrap();
    let begun = store.begin_turn(&Owner::open(), &asked, LEASE).await.unwrap();
    assert!(begun.replayed && begun.reply.is_none());
    assert_eq!([begun.message], appended.messages[..]);
    let reply = store.finish_turn(&Owner::open(), &asked, &reply("hi")).await.unwrap().reply;
    assert_eq!(reply.seq, 3, "the message is not stored twice");
    let again = store.begin_turn(&Owner::open(), &turn("hello", "r", "t2"), LEASE).await.unwrap();
    assert_eq!(again.reply, Some(reply));
    let again = append(vec![asked.message.clone()]).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.messages, appended.messages, "an append returns the message only");
}

pub async fn a_request_id_of_an_append_is_rejected_for_a_different_turn(harness: &mut impl Harness) {
    let store = harness.store_with_defaults();
    store.create_session("a").await;
    let hello = turn("hello", "r", "t").message;
    let different = [
        vec![hello.clone(), hello.clone()],
        vec![NewMessage { content: Content::try_from("other").unwrap(), ..hello.clone() }],
        vec![NewMessage { role: Role::Assistant, ..hello.clone() }],
        vec![NewMessage { metadata: Metadata::default(), ..hello }],
    ];
    for (number, messages) in different.into_iter().enumerate() {
        let batch = Batch::try_from(messages).unwrap();
        let request_id = number.to_string();
        store.append(&Owner::open(), &id("a"), &batch, Some(&request(&request_id))).await.unwrap();
        let refused = store.begin_turn(&Owner::open(), &turn("hello", &request_id, "t"), LEASE).await;
        assert_matches!(refused, Err(StoreError::RequestIdReused));
    }
}
