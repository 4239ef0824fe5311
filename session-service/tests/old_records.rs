//! Records of older versions, which a rolling update must go on serving.

use crate::suite::harness::*;
use session_service::{
    domain::{FinishReason, Metadata, NewSession, Owner, Role},
    store::{NewTurn, Policy, StoreError, TurnToken, redis::RedisStore},
};
use std::{sync::Arc, time::Duration};
use testkit::RedisServer;

#[tokio::test]
async fn a_create_is_compared_with_the_record_when_that_has_no_fingerprint() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::at(&server.url(), Policy::default()).unwrap());
    let metadata = Metadata::try_from(r#"{"n":1}"#.to_owned()).unwrap();
    let creation = NewSession { request_id: Some(request("r")), metadata, ..new("a") };
    store.try_create(creation.clone()).await.unwrap();
    assert_eq!(server.ask(&["HDEL", "session:{a}", "request_fingerprint"]), ":1\r\n");
    assert!(store.try_create(creation.clone()).await.unwrap().created);
    let other = NewSession { metadata: Metadata::default(), ..creation };
    assert_matches!(store.try_create(other).await, Err(StoreError::RequestIdReused));
}

#[tokio::test]
async fn a_create_is_compared_with_its_request_and_not_with_a_record_that_changed_since() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::at(&server.url(), Policy::default()).unwrap());
    let creation = NewSession { request_id: Some(request("r")), ..new("a") };
    store.try_create(creation.clone()).await.unwrap();
    server.ask(&["HSET", "session:{a}", "persona", "changed", "metadata", r#"{"changed":true}"#]);
    let again = store.try_create(creation).await.unwrap();
    assert!(again.created);
    assert_eq!(again.session.persona.as_str(), "changed");
}

#[tokio::test]
async fn a_session_without_a_request_id_stores_no_fingerprint() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::at(&server.url(), Policy::default()).unwrap());
    store.make("a").await;
    assert_eq!(server.ask(&["HLEN", "session:{a}"]), ":6\r\n");
}

#[tokio::test]
async fn a_reply_without_a_finish_reason_is_replayed() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::at(&server.url(), Policy::default()).unwrap());
    store.make("a").await;
    let turn = NewTurn {
        user_id: id("a"),
        message: message(Role::User, "hello"),
        request_id: request("r"),
        token: TurnToken("t".into()),
    };
    let lease = Duration::from_secs(30);
    store.begin_turn(&Owner::open(), &turn, lease).await.unwrap();
    let cut = reply_ended_by(FinishReason::Length, "hi");
    store.finish_turn(&Owner::open(), &turn, &cut).await.unwrap();
    let old = r#"{"role":"assistant","content":"hi","metadata":{},"timestamp":1697856000000}"#;
    assert_eq!(server.ask(&["LSET", "chat_history:{a}", "1", old]), "+OK\r\n");
    let reply = store.begin_turn(&Owner::open(), &turn, lease).await.unwrap().reply.unwrap();
    assert_eq!((reply.content.as_str(), reply.finish_reason), ("hi", None));
}
