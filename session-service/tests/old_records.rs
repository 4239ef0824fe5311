//! Records of older versions, which must be readable during a rolling update.

use crate::suite::harness::*;
use session_service::{
    domain::{FinishReason, Metadata, NewSession, Owner, Role},
    store::{Policy, StoreError, TurnRequest, TurnToken, redis::RedisStore},
};
use std::{sync::Arc, time::Duration};
use testkit::RedisServer;

#[tokio::test]
async fn creates_are_compared_with_records_without_a_fingerprint() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    let metadata = Metadata::try_from(r#"{"n":1}"#.to_owned()).unwrap();
    let creation = NewSession { request_id: Some(request("r")), metadata, ..new("a") };
    store.try_create_session(creation.clone()).await.unwrap();
    assert_eq!(server.ask(&["HDEL", "session:{a}", "request_fingerprint"]), ":1\r\n");
    assert!(store.try_create_session(creation.clone()).await.unwrap().created);
    let other = NewSession { metadata: Metadata::default(), ..creation };
    assert_matches!(store.try_create_session(other).await, Err(StoreError::RequestIdReused));
}

#[tokio::test]
async fn creates_are_compared_with_the_request_and_not_with_the_record() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    let creation = NewSession { request_id: Some(request("r")), ..new("a") };
    store.try_create_session(creation.clone()).await.unwrap();
    server.ask(&["HSET", "session:{a}", "persona", "changed", "metadata", r#"{"changed":true}"#]);
    let again = store.try_create_session(creation).await.unwrap();
    assert!(again.created);
    assert_eq!(again.session.persona.as_str(), "changed");
}

#[tokio::test]
async fn sessions_without_a_request_id_have_no_fingerprint() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    store.create_session("a").await;
    assert_eq!(server.ask(&["HEXISTS", "session:{a}", "request_fingerprint"]), ":0\r\n");
}

#[tokio::test]
async fn replies_without_a_finish_reason_are_replayed() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    store.create_session("a").await;
    let turn = TurnRequest {
        user_id: id("a"),
        message: message(Role::User, "hello"),
        request_id: request("r"),
        token: TurnToken("t".into()),
    };
    let lease = Duration::from_secs(30);
    store.begin_turn(&Owner::open(), &turn, lease).await.unwrap();
    let cut = reply_with_reason(FinishReason::Length, "hi");
    store.finish_turn(&Owner::open(), &turn, &cut).await.unwrap();
    let old = r#"{"role":"assistant","content":"hi","metadata":{},"timestamp":1697856000000}"#;
    assert_eq!(server.ask(&["LSET", "chat_history:{a}", "1", old]), "+OK\r\n");
    let reply = store.begin_turn(&Owner::open(), &turn, lease).await.unwrap().reply.unwrap();
    assert_eq!((reply.content.as_str(), reply.finish_reason), ("hi", None));
}

#[tokio::test]
async fn a_cursor_of_a_record_without_live_fields_stays_valid_after_the_next_write() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    store.create_session("a").await;
    store.append_texts("a", &["one"]).await.unwrap();
    assert_eq!(server.ask(&["HDEL", "session:{a}", "incarnation", "revision"]), ":2\r\n");
    let head = || async { store.heads(&[(Owner::open(), id("a"))]).await.unwrap().remove(0).unwrap() };
    let version = || async { store.head_versions(&[(Owner::open(), id("a"))]).await.unwrap().remove(0) };
    let before = head().await;
    assert_eq!(version().await, None);
    assert_eq!((before.revision, before.message_count), (0, 1));
    store.append_texts("a", &["two"]).await.unwrap();
    let after = head().await;
    assert_eq!(version().await, Some(after.version()));
    assert_eq!((after.incarnation, after.revision, after.message_count), (before.incarnation, 1, 2));
    assert_eq!(server.ask(&["HEXISTS", "session:{a}", "incarnation"]), ":1\r\n");
}

#[tokio::test]
async fn a_turn_of_an_older_version_is_neither_attached_to_nor_cancelled() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    store.create_session("a").await;
    let turn = TurnRequest {
        user_id: id("a"),
        message: message(Role::User, "hello"),
        request_id: request("r"),
        token: TurnToken("t".into()),
    };
    let lease = Duration::from_secs(30);
    store.begin_turn(&Owner::open(), &turn, lease).await.unwrap();
    assert_eq!(server.ask(&["HDEL", "session:{a}", "turn_seq", "turn_request"]), ":2\r\n");
    let again = store.begin_turn(&Owner::open(), &turn, lease).await;
    assert_matches!(again, Err(StoreError::TurnInProgress(_)));
    assert_eq!(store.cancel_turn(&Owner::open(), &id("a"), None).await.unwrap(), None);
    let reply = store.finish_turn(&Owner::open(), &turn, &reply("hi")).await.unwrap().reply;
    assert_eq!(reply.seq, 2);
    assert_eq!(server.ask(&["KEYS", "chat_turn*"]), "*0\r\n");
}

#[tokio::test]
async fn a_preview_of_an_earlier_message_is_ignored() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    store.create_session("a").await;
    store.append_texts("a", &["one"]).await.unwrap();
    // An older version appends a message and leaves the field unchanged.
    let old = r#"{"role":"user","content":"two","metadata":{},"timestamp":1697856000000}"#;
    assert_eq!(server.ask(&["RPUSH", "chat_history:{a}", old]), ":2\r\n");
    assert_eq!(server.ask(&["HINCRBY", "session:{a}", "message_count", "1"]), ":2\r\n");
    assert_eq!(store.get_session("a").await.unwrap().preview.as_str(), "");
    assert_eq!(store.touch_session("a").await.unwrap().preview.as_str(), "");
    assert_eq!(store.append_texts("a", &["three"]).await.unwrap().session.preview.as_str(), "three");
    for foreign in ["", "3", "x three", "3 "] {
        server.ask(&["HSET", "session:{a}", "preview", foreign]);
        assert_eq!(store.get_session("a").await.unwrap().preview.as_str(), "");
    }
    assert_eq!(server.ask(&["HDEL", "session:{a}", "preview"]), ":1\r\n");
    assert_eq!(store.get_session("a").await.unwrap().preview.as_str(), "");
}
