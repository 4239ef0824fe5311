//! Messages of gRPC that take much more memory than they have bytes.

use super::Server;
use nono_proto::{
    EncodedStruct,
    session::v1::{self as pb, session_service_client::SessionServiceClient},
};
use prost_types::{ListValue, Struct, Value, value::Kind};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;

async fn connect(server: &Server) -> SessionServiceClient<Channel> {
    let address = format!("http://{}", server.grpc);
    SessionServiceClient::connect(address).await.unwrap().max_encoding_message_size(usize::MAX)
}

fn list(value: Value, count: usize) -> EncodedStruct {
    let list = Value { kind: Some(Kind::ListValue(ListValue { values: vec![value; count] })) };
    Struct { fields: [("a".to_owned(), list)].into() }.into()
}

fn violation(status: &Status) -> (String, String) {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert_eq!(status.get_details_error_info().unwrap().reason, "INVALID_ARGUMENT");
    let details = status.get_details_bad_request().unwrap();
    (details.field_violations[0].field.clone(), details.field_violations[0].description.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_of_many_empty_values_is_rejected_without_decoding_it() {
    assert_metadata_is_rejected(Server::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_of_many_empty_values_is_rejected_by_a_service_over_redis() {
    assert_metadata_is_rejected(Server::start_over_redis().await).await;
}

async fn assert_metadata_is_rejected(server: Server) {
    let metadata = list(Value::default(), 1_900_000);
    let mut client = connect(&server).await;
    let before = server.peak_bytes();
    for _ in 0..4 {
        let request =
            pb::CreateRequest { user_id: "a".into(), metadata: Some(metadata.clone()), ..Default::default() };
        let (field, description) = violation(&client.create(request).await.unwrap_err());
        assert_eq!(field, "metadata");
        assert!(description.starts_with("must be at most 16384 bytes as JSON; it has 38"), "{description}");
    }
    let grown = server.peak_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "{} MiB were used", grown >> 20);
    server.assert_serves_others().await;
    server.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_of_many_empty_messages_is_rejected_by_its_count() {
    let server = Server::start().await;
    let messages = vec![pb::NewMessage::default(); 1_900_000];
    let request = pb::AppendRequest { user_id: "small".into(), messages, ..Default::default() };
    let (field, description) = violation(&connect(&server).await.append(request).await.unwrap_err());
    assert_eq!(
        (field.as_str(), description.as_str()),
        ("messages", "must contain between 1 and 100 messages (got 10000)")
    );
    server.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_metadata_is_accepted() {
    let server = Server::start().await;
    let mut client = connect(&server).await;
    // {"a":[0,0,...]} of 16 384 bytes.
    let metadata = list(Value { kind: Some(Kind::NumberValue(0.0)) }, 8_188);
    for count in [1, 20, 39] {
        let message = pb::NewMessage {
            role: pb::Role::User.into(),
            content: "hi".into(),
            metadata: Some(metadata.clone()),
        };
        let request = pb::AppendRequest {
            user_id: "small".into(),
            messages: vec![message; count],
            ..Default::default()
        };
        let appended = client.append(request).await.unwrap().into_inner();
        assert_eq!(appended.messages.len(), count);
        assert_eq!(appended.messages[0].metadata.as_ref().unwrap(), &metadata);
    }
    let json = server.app.get("/api/session/small/history?limit=1").await.ok();
    assert_eq!(json["messages"][0]["metadata"]["a"].as_array().unwrap().len(), 8_188);
    server.assert_recovers().await;
}
