//! Watchers while Redis freezes, fails over, loses its data or its connections, and while the service stops.

use crate::app::{Program, demo, service};
use nix::sys::signal::Signal;
use nono_proto::session::v1::{
    AppendRequest, CreateRequest, DeleteRequest, NewMessage, Role, WatchRequest, WatchResponse,
    ended::Reason, session_service_client::SessionServiceClient, watch_response::Event,
};
use session_service::store::{Policy, redis::RedisStore};
use std::{sync::Arc, time::Duration};
use testkit::{Proxy, RedisServer, SentinelSet};
use tokio::time::timeout;
use tonic::{Code, Status, Streaming, transport::Channel};
use tonic_types::StatusExt;

/// Limit for an event on a busy machine.
const EVENT_MAX: Duration = Duration::from_secs(20);

type Client = SessionServiceClient<Channel>;

/// Starts a service over the store at this address, as one of several processes.
async fn client(url: &str) -> Client {
    let store = Arc::new(RedisStore::from_url(url, Policy::default()).unwrap());
    let (address, _service, _lifecycle) = service(store, demo()).await;
    connect(&address).await
}

async fn connect(address: &str) -> Client {
    SessionServiceClient::new(Channel::from_shared(address.to_owned()).unwrap().connect().await.unwrap())
}

/// Repeats a call until the store responds.
async fn append(client: &mut Client, content: &str) -> u32 {
    let request = AppendRequest {
        user_id: "a".into(),
        messages: vec![NewMessage { role: Role::User.into(), content: content.into(), metadata: None }],
        request_id: content.into(),
    };
    loop {
        match client.append(request.clone()).await {
            Ok(appended) => return appended.into_inner().messages[0].seq,
            Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn create(client: &mut Client) {
    let request = || CreateRequest { user_id: "a".into(), request_id: "create".into(), ..Default::default() };
    while client.create(request()).await.is_err() {}
}

async fn watch(client: &mut Client, cursor: &str) -> Streaming<WatchResponse> {
    let request = WatchRequest { user_id: "a".into(), cursor: cursor.into() };
    client.watch(request).await.unwrap().into_inner()
}

async fn next(stream: &mut Streaming<WatchResponse>) -> Result<Option<WatchResponse>, Status> {
    timeout(EVENT_MAX, stream.message()).await.expect("the stream is not silent")
}

/// Returns the next event and its cursor, without checkpoints.
async fn event(stream: &mut Streaming<WatchResponse>) -> (String, Event) {
    loop {
        let response = next(stream).await.unwrap().expect("the stream goes on");
        match response.event.unwrap() {
            Event::Checkpoint(_) => {}
            event => return (response.cursor, event),
        }
    }
}

/// Watches a new session. Returns a client of one process, and a client of another one with its stream after the snapshot.
async fn watched(url: &str, reader_url: &str) -> (Client, Client, Streaming<WatchResponse>) {
    let (mut writer, mut reader) = (client(url).await, client(reader_url).await);
    create(&mut writer).await;
    let mut stream = watch(&mut reader, "").await;
    event(&mut stream).await;
    (writer, reader, stream)
}

async fn expect_message(stream: &mut Streaming<WatchResponse>, seq: u32) -> String {
    match event(stream).await {
        (cursor, Event::Message(message)) => {
            assert_eq!(message.seq, seq);
            cursor
        }
        (_, other) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_survive_a_short_freeze_of_redis() {
    let server = RedisServer::start();
    let (mut writer, _reader, mut stream) = watched(&server.url(), &server.url()).await;
    append(&mut writer, "before").await;
    expect_message(&mut stream, 1).await;
    server.freeze();
    tokio::time::sleep(Duration::from_secs(3)).await;
    server.thaw();
    append(&mut writer, "after").await;
    expect_message(&mut stream, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_end_with_an_error_in_a_long_outage_and_resume_without_loss() {
    let server = RedisServer::start();
    let (mut writer, mut reader, mut stream) = watched(&server.url(), &server.url()).await;
    append(&mut writer, "before").await;
    let cursor = expect_message(&mut stream, 1).await;
    server.freeze();
    let error = loop {
        match next(&mut stream).await {
            Ok(Some(response)) => assert!(matches!(response.event, Some(Event::Checkpoint(_)))),
            Ok(None) => panic!("the stream ends without an error"),
            Err(status) => break status,
        }
    };
    assert_eq!(error.code(), Code::Unavailable);
    let details = error.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "STORE_UNAVAILABLE");
    assert!(details.retry_info().is_some());
    server.thaw();
    append(&mut writer, "after").await;
    let mut resumed = watch(&mut reader, &cursor).await;
    assert!(matches!(event(&mut resumed).await, (_, Event::Snapshot(snapshot)) if !snapshot.has_gap));
    expect_message(&mut resumed, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_of_a_session_end_after_redis_restarts_empty() {
    let mut server = RedisServer::start();
    let (mut writer, _reader, mut stream) = watched(&server.url(), &server.url()).await;
    append(&mut writer, "lost").await;
    expect_message(&mut stream, 1).await;
    server.kill();
    server.restart();
    match event(&mut stream).await {
        (_, Event::Ended(ended)) => assert_eq!(ended.reason(), Reason::Deleted),
        (_, other) => panic!("{other:?}"),
    }
    assert!(next(&mut stream).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_follow_a_failover() {
    let set = SentinelSet::start();
    let (mut writer, _reader, mut stream) = watched(&set.url(), &set.url()).await;
    let first = append(&mut writer, "before").await;
    expect_message(&mut stream, first).await;
    set.failover();
    let second = append(&mut writer, "after").await;
    expect_message(&mut stream, second).await;
    assert_eq!((first, second), (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_receive_every_message_once_while_their_connection_is_cut() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let cut = format!("redis://127.0.0.1:{}", proxy.port());
    let (mut writer, _reader, mut stream) = watched(&server.url(), &cut).await;
    for seq in 1..=8 {
        append(&mut writer, &format!("message {seq}")).await;
        if seq % 2 == 0 {
            proxy.cut_all();
        }
        expect_message(&mut stream, seq).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_watchers_receive_a_last_event_when_the_service_stops() {
    let server = RedisServer::start();
    let arguments =
        ["--store", &server.url(), "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let mut program = Program::start("session-service", &arguments, &[]);
    let line = program.wait_for_log("listening").await;
    let port = line.split("\"grpc\":\"").nth(1).unwrap().split('"').next().unwrap();
    let address = format!("http://{port}");
    let mut client = connect(&address).await;
    create(&mut client).await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        // A connection has at most 200 streams.
        let mut reader = connect(&address).await;
        for _ in 0..100 {
            let mut stream = watch(&mut reader, "").await;
            event(&mut stream).await;
            streams.push(stream);
        }
    }
    append(&mut client, "to all").await;
    for stream in &mut streams {
        expect_message(stream, 1).await;
    }
    program.signal(Signal::SIGTERM);
    for stream in &mut streams {
        let last = next(stream).await.unwrap().expect("a last event");
        assert!(matches!(last.event, Some(Event::Checkpoint(_))), "{last:?}");
        assert!(!last.cursor.is_empty());
        let error = next(stream).await.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable);
        assert!(error.get_error_details().retry_info().is_some(), "{error:?}");
    }
    assert_eq!(program.exit_code().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_of_a_session_that_is_not_live_or_with_a_malformed_cursor_is_rejected() {
    let server = RedisServer::start();
    let mut client = client(&server.url()).await;
    let request = |cursor: &str| WatchRequest { user_id: "a".into(), cursor: cursor.into() };
    let missing = client.watch(request("")).await.unwrap_err();
    assert_eq!(missing.get_error_details().error_info().unwrap().reason, "SESSION_NOT_FOUND");
    create(&mut client).await;
    let malformed = client.watch(request("a.b.c")).await.unwrap_err();
    assert_eq!(malformed.code(), Code::InvalidArgument);
    let details = malformed.get_error_details();
    assert_eq!(details.bad_request().unwrap().field_violations[0].field, "cursor");
    let mut stream = watch(&mut client, "").await;
    event(&mut stream).await;
    client.delete(DeleteRequest { user_id: "a".into() }).await.unwrap();
    assert!(
        matches!(event(&mut stream).await, (_, Event::Ended(ended)) if ended.reason() == Reason::Deleted)
    );
}
