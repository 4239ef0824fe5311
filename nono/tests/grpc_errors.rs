//! Errors of the gRPC library, compression, and unknown names in reflection and health.

use crate::app::App;
use nono_proto::{
    limits::GRPC_MESSAGE_MAX_BYTES,
    session::v1::{self as pb, session_service_client::SessionServiceClient},
};
use prost::bytes::{Buf, BufMut, Bytes};
use prost_types::{FileDescriptorProto, ListValue, Struct, Value, value::Kind};
use tokio_stream::StreamExt;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::{
    v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    },
    v1alpha,
};
use tonic_types::StatusExt;

/// Sends bytes as they are, whether or not they are a message.
#[derive(Clone, Default)]
pub struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

async fn channel(app: &App) -> Channel {
    Channel::from_shared(app.grpc.clone()).unwrap().connect().await.unwrap()
}

/// Calls a method with raw bytes.
async fn call(app: &App, path: &'static str, bytes: Bytes) -> Result<Bytes, Status> {
    let mut client = Grpc::new(channel(app).await);
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(path);
    client.unary(Request::new(bytes), path, RawCodec).await.map(tonic::Response::into_inner)
}

/// Checks that a status has our details, and returns its code and reason.
fn code_and_reason(status: &Status) -> (Code, String) {
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("{status:?} lacks ErrorInfo"));
    assert_eq!(info.domain, "nono");
    (status.code(), info.reason)
}

const GET: &str = "/nono.session.v1.SessionService/Get";

#[tokio::test]
async fn undecodable_requests_return_invalid_argument() {
    let app = App::memory().await;
    let deep = (0..60).fold(Value::default(), |inner, _| Value {
        kind: Some(Kind::ListValue(ListValue { values: vec![inner] })),
    });
    let metadata = Struct { fields: [("a".to_owned(), deep)].into() };
    let deep =
        pb::CreateRequest { user_id: "a".into(), metadata: Some(metadata.into()), ..Default::default() };
    for (path, bytes) in [
        (GET, Bytes::from_static(b"\xff\xff\xff\xff")),
        (GET, Bytes::from_static(b"\x0a\x02\xc3\x28")),
        ("/nono.chat.v1.ChatService/Chat", Bytes::from_static(b"\x0a\x7f")),
        ("/grpc.health.v1.Health/Check", Bytes::from_static(b"\xff")),
        ("/nono.session.v1.SessionService/Create", prost::Message::encode_to_vec(&deep).into()),
    ] {
        let status = call(&app, path, bytes).await.unwrap_err();
        assert_eq!(code_and_reason(&status), (Code::InvalidArgument, "INVALID_ARGUMENT".into()), "{path}");
    }
}

#[tokio::test]
async fn unknown_methods_and_services_are_unimplemented_with_a_reason() {
    let app = App::memory().await;
    for path in ["/nono.session.v1.SessionService/Nothing", "/nono.nothing.v1.Nothing/Get", "/x"] {
        let status = call(&app, path, Bytes::new()).await.unwrap_err();
        assert_eq!(code_and_reason(&status), (Code::Unimplemented, "UNIMPLEMENTED".into()), "{path}");
    }
}

#[tokio::test]
async fn requests_beyond_the_message_size_return_invalid_argument() {
    let app = App::memory().await;
    let status = call(&app, GET, vec![0; GRPC_MESSAGE_MAX_BYTES + 1].into()).await.unwrap_err();
    assert_eq!(code_and_reason(&status), (Code::InvalidArgument, "INVALID_ARGUMENT".into()));
    assert!(status.message().contains("4194304 bytes"), "{}", status.message());
}

#[tokio::test]
async fn gzip_requests_are_accepted_up_to_the_decompressed_size() {
    let app = App::memory().await;
    let mut client =
        SessionServiceClient::new(channel(&app).await).send_compressed(CompressionEncoding::Gzip);
    client.create(pb::CreateRequest { user_id: "a".into(), ..Default::default() }).await.unwrap();
    let bomb = pb::GetRequest { user_id: "a".repeat(64 * 1024 * 1024) };
    let status = client.max_encoding_message_size(usize::MAX).get(bomb).await.unwrap_err();
    assert_eq!(code_and_reason(&status), (Code::InvalidArgument, "INVALID_ARGUMENT".into()));
}

#[tokio::test]
async fn an_append_with_too_many_messages_is_rejected_by_its_count() {
    let app = App::memory().await;
    let mut client = SessionServiceClient::new(channel(&app).await);
    for (count, listed, omitted) in [(101, 1, None), (100_000, 1, None), (100, 20, Some("180"))] {
        let messages = vec![pb::NewMessage::default(); count];
        let request = pb::AppendRequest { user_id: "a".into(), messages, ..Default::default() };
        let status = client.append(request).await.unwrap_err();
        let details = status.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations.len(), listed, "{count}");
        let info = details.error_info().unwrap();
        assert_eq!(info.metadata.get("violations_omitted").map(String::as_str), omitted, "{count}");
        assert!(status.message().len() + status.details().len() < 12 * 1024);
    }
}

async fn reflect(app: &App, requests: Vec<MessageRequest>) -> Vec<MessageResponse> {
    let request = |message| ServerReflectionRequest { host: "h".into(), message_request: Some(message) };
    let requests: Vec<_> = requests.into_iter().map(request).collect();
    let mut client = ServerReflectionClient::new(channel(app).await);
    let responses = client.server_reflection_info(tokio_stream::iter(requests)).await.unwrap().into_inner();
    responses.map(|response| response.unwrap().message_response.unwrap()).collect().await
}

#[tokio::test]
async fn reflection_describes_the_types_of_error_details() {
    let app = App::memory().await;
    let types = ["google.rpc.ErrorInfo", "google.rpc.BadRequest", "google.rpc.RetryInfo"];
    let requests = types.map(|name| MessageRequest::FileContainingSymbol(name.into())).to_vec();
    for (response, name) in reflect(&app, requests).await.into_iter().zip(types) {
        let MessageResponse::FileDescriptorResponse(files) = response else { panic!("{name}: {response:?}") };
        let file: FileDescriptorProto = prost::Message::decode(&*files.file_descriptor_proto[0]).unwrap();
        let names: Vec<_> =
            file.message_type.iter().map(|m| format!("{}.{}", file.package(), m.name())).collect();
        assert!(names.contains(&name.to_owned()), "{name} in {names:?}");
    }
}

#[tokio::test]
async fn reflection_reports_an_unknown_symbol_and_continues() {
    let app = App::memory().await;
    let unknown = || MessageRequest::FileContainingSymbol("nono.session.v1.Nothing".into());
    let known = MessageRequest::FileContainingSymbol("nono.session.v1.Session".into());
    let file = MessageRequest::FileByFilename("nothing.proto".into());
    let responses = reflect(&app, vec![unknown(), known, file, unknown()]).await;
    assert_eq!(responses.len(), 4);
    for index in [0, 2, 3] {
        let MessageResponse::ErrorResponse(error) = &responses[index] else {
            panic!("{:?}", responses[index])
        };
        assert_eq!(error.error_code, i32::from(Code::NotFound));
    }
    assert!(matches!(responses[1], MessageResponse::FileDescriptorResponse(_)));

    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel(&app).await);
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::FileByFilename("x".into())),
    };
    let response = client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
    let response = response.into_inner().next().await.unwrap().unwrap().message_response.unwrap();
    assert!(matches!(response, v1alpha::server_reflection_response::MessageResponse::ErrorResponse(_)));
}

#[tokio::test]
async fn watching_an_unknown_service_reports_it_and_stays_open() {
    let app = App::memory().await;
    let mut client = HealthClient::new(channel(&app).await);
    let request = HealthCheckRequest { service: "nono.nothing.v1.Nothing".into() };
    let mut watching = client.watch(request.clone()).await.unwrap().into_inner();
    assert_eq!(watching.next().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    let next = tokio::time::timeout(std::time::Duration::from_millis(200), watching.next()).await;
    assert!(next.is_err(), "{next:?}");
    assert_eq!(client.check(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn watching_the_store_reports_changes_only() {
    let app = App::memory().await;
    let mut client = HealthClient::new(channel(&app).await);
    let mut watching =
        client.watch(HealthCheckRequest { service: "store".into() }).await.unwrap().into_inner();
    assert_eq!(watching.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    // The store is checked every second.
    let next = tokio::time::timeout(std::time::Duration::from_millis(2500), watching.next()).await;
    assert!(next.is_err(), "{next:?}");
}
