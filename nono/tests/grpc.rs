//! gRPC for callers without our generated code: error details, deadlines, health, reflection.

use crate::{
    app::{App, demo, service},
    outages::faulty,
};
use nono_proto::session::v1::{self as pb, ErrorReason, session_service_client::SessionServiceClient};
use prost::Message;
use prost_types::{FileDescriptorProto, value::Kind};
use session_service::store::{Policy, memory::MemoryStore};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use testkit::RedisServer;
use tokio_stream::StreamExt;
use tonic::{Code, Request, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::{v1, v1alpha};
use tonic_types::StatusExt;

async fn channel(app: &App) -> Channel {
    Channel::from_shared(app.grpc.clone()).unwrap().connect().await.unwrap()
}

async fn sessions(app: &App) -> SessionServiceClient<Channel> {
    SessionServiceClient::new(channel(app).await)
}

fn create(user_id: &str) -> pb::CreateRequest {
    pb::CreateRequest { user_id: user_id.into(), ..Default::default() }
}

#[tokio::test]
async fn errors_carry_their_reason_and_every_violation() {
    let app = App::memory().await;
    let mut client = sessions(&app).await;
    let error = client
        .create(pb::CreateRequest {
            user_id: String::new(),
            persona: "pirate".into(),
            if_exists: 9,
            ..Default::default()
        })
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    let details = error.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("INVALID_ARGUMENT", "nono"));
    let violations = &details.bad_request().unwrap().field_violations;
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["user_id", "persona", "if_exists"]);

    client.create(create("a")).await.unwrap();
    let exists = client.create(create("a")).await.unwrap_err();
    assert_eq!(exists.code(), Code::AlreadyExists);
    assert_eq!(exists.get_details_error_info().unwrap().reason, "SESSION_EXISTS");
    let missing = client.get(pb::GetRequest { user_id: "unknown".into() }).await.unwrap_err();
    assert_eq!(missing.get_details_error_info().unwrap().reason, "SESSION_NOT_FOUND");
    let both = pb::HistoryRequest { user_id: "a".into(), before_seq: Some(1), after_seq: Some(0), limit: -1 };
    let both = client.history(both).await.unwrap_err().get_error_details();
    let fields: Vec<_> =
        both.bad_request().unwrap().field_violations.iter().map(|v| v.field.clone()).collect();
    assert_eq!(fields, ["limit", "before_seq", "after_seq"]);
}

#[tokio::test]
async fn numbers_that_a_double_cannot_represent_are_rejected() {
    let app = App::memory().await;
    let mut client = sessions(&app).await;
    for number in [9_007_199_254_740_992.0, f64::NAN, f64::INFINITY] {
        let value = prost_types::Value { kind: Some(Kind::NumberValue(number)) };
        let metadata = prost_types::Struct { fields: [("n".to_owned(), value)].into() };
        let request = pb::CreateRequest { metadata: Some(metadata.into()), ..create("a") };
        assert_eq!(client.create(request).await.unwrap_err().code(), Code::InvalidArgument, "{number}");
    }
}

#[tokio::test]
async fn an_unreachable_store_returns_unavailable_with_a_retry_delay() {
    let mut redis = RedisServer::start();
    let store = session_service::store::redis::RedisStore::from_url(&redis.url(), Policy::default()).unwrap();
    let app = App::with_store(Arc::new(store)).await;
    redis.kill();
    let error = sessions(&app).await.create(create("a")).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    let details = error.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "STORE_UNAVAILABLE");
    assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_beyond_the_callers_deadline_returns_deadline_exceeded() {
    let app = faulty().await;
    let mut request = Request::new(pb::GetRequest { user_id: "a".into() });
    // The server ends the call a tenth earlier: 100 ms before the client's library would report CANCELLED.
    request.metadata_mut().insert("grpc-timeout", "1S".parse().unwrap());
    let begun = Instant::now();
    let late = sessions(&app).await.get(request).await.unwrap_err();
    // The server's own limit is five seconds.
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(late.code(), Code::DeadlineExceeded);
    assert_eq!(late.get_details_error_info().unwrap().reason, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn request_id_and_trace_id_are_in_the_response_metadata() {
    let app = App::memory().await;
    let mut request = Request::new(pb::ListRequest::default());
    request.metadata_mut().insert("x-request-id", "mine".parse().unwrap());
    let response = sessions(&app).await.list(request).await.unwrap();
    assert_eq!(response.metadata().get("x-request-id").unwrap(), "mine");
    assert_eq!(response.metadata().get("x-trace-id").unwrap().len(), 32);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_serving_from_the_first_contact_with_the_store_until_the_drain() {
    let (address, _service, lifecycle) = service(Arc::new(MemoryStore::new(Policy::default())), demo()).await;
    let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    let mut client = HealthClient::new(channel);
    let mut watching = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    lifecycle.ready().await;
    for name in ["", "nono.session.v1.SessionService", "nono.chat.v1.ChatService", "store", "model"] {
        let mut watching =
            client.watch(HealthCheckRequest { service: name.into() }).await.unwrap().into_inner();
        while watching.next().await.unwrap().unwrap().status() != ServingStatus::Serving {}
    }
    let unknown = client.check(HealthCheckRequest { service: "unknown".into() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    lifecycle.stop(Duration::from_millis(300)).await;
    let mut last = ServingStatus::Unknown;
    let end = loop {
        match watching.next().await {
            Some(Ok(response)) => last = response.status(),
            Some(Err(status)) => break status,
            None => panic!("the stream ends with a status"),
        }
    };
    assert_eq!(last, ServingStatus::NotServing);
    assert_eq!(end.code(), Code::Unavailable, "a stream does not delay the drain");
}

#[tokio::test]
async fn a_service_without_its_store_listens_and_is_not_serving() {
    let mut redis = RedisServer::absent();
    let store = session_service::store::redis::RedisStore::from_url(&redis.url(), Policy::default()).unwrap();
    let (address, _service, lifecycle) = service(Arc::new(store), demo()).await;
    let mut client = HealthClient::new(Channel::from_shared(address).unwrap().connect().await.unwrap());
    let status = async |client: &mut HealthClient<Channel>| {
        client.check(HealthCheckRequest::default()).await.unwrap().into_inner().status()
    };
    assert_eq!(status(&mut client).await, ServingStatus::NotServing);
    assert!(!lifecycle.is_ready());
    redis.restart();
    tokio::time::timeout(Duration::from_secs(5), lifecycle.ready()).await.unwrap();
    let begun = Instant::now();
    while status(&mut client).await != ServingStatus::Serving {
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

const SERVICES: [&str; 4] = [
    "grpc.health.v1.Health",
    "nono.chat.v1.ChatService",
    "nono.config.v1.ConfigService",
    "nono.session.v1.SessionService",
];

#[tokio::test]
async fn both_reflection_versions_list_every_service() {
    let app = App::memory().await;
    let channel = channel(&app).await;
    macro_rules! listed {
        ($version:ident) => {{
            use $version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
            };
            let ask = ServerReflectionRequest {
                host: String::new(),
                message_request: Some(MessageRequest::ListServices(String::new())),
            };
            let mut client = ServerReflectionClient::new(channel.clone());
            let mut responses =
                client.server_reflection_info(tokio_stream::once(ask)).await.unwrap().into_inner();
            let response = responses.next().await.unwrap().unwrap().message_response.unwrap();
            let MessageResponse::ListServicesResponse(list) = response else { panic!("{response:?}") };
            list.service.into_iter().map(|service| service.name).collect::<BTreeSet<_>>()
        }};
    }
    for listed in [listed!(v1), listed!(v1alpha)] {
        for service in SERVICES {
            assert!(listed.contains(service), "{service} in {listed:?}");
        }
    }
}

#[tokio::test]
async fn reflection_returns_the_descriptors_of_the_contract() {
    let app = App::memory().await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel(&app).await);
    let ask = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::FileContainingSymbol(
            "nono.session.v1.SessionService".into(),
        )),
    };
    let mut responses = client.server_reflection_info(tokio_stream::once(ask)).await.unwrap().into_inner();
    let response = responses.next().await.unwrap().unwrap().message_response.unwrap();
    let v1::server_reflection_response::MessageResponse::FileDescriptorResponse(files) = response else {
        panic!("{response:?}")
    };
    let file = FileDescriptorProto::decode(files.file_descriptor_proto[0].as_slice()).unwrap();
    let methods: Vec<_> = file.service[0].method.iter().map(|method| method.name().to_owned()).collect();
    assert_eq!(methods, ["Create", "Get", "List", "History", "Append", "Touch", "Delete", "Watch"]);
}

#[test]
fn every_reason_is_documented_in_the_contract() {
    let ours = [
        nono_proto::reason::INVALID_ARGUMENT,
        nono_proto::reason::SESSION_NOT_FOUND,
        nono_proto::reason::SESSION_EXISTS,
        nono_proto::reason::TURN_IN_PROGRESS,
        nono_proto::reason::SESSION_FULL,
        nono_proto::reason::TOO_MANY_SESSIONS,
        nono_proto::reason::OVERLOADED,
        nono_proto::reason::RATE_LIMITED,
        nono_proto::reason::UNAUTHENTICATED,
        nono_proto::reason::PERMISSION_DENIED,
        nono_proto::reason::STORE_UNAVAILABLE,
        nono_proto::reason::MODEL_UNAVAILABLE,
        nono_proto::reason::DEADLINE_EXCEEDED,
        nono_proto::reason::INTERNAL,
        nono_proto::reason::UNIMPLEMENTED,
        nono_proto::reason::TURN_CANCELLED,
        nono_proto::reason::SERVICE_UNAVAILABLE,
    ];
    let documented: Vec<_> = (1..).map_while(|number| ErrorReason::try_from(number).ok()).collect();
    let documented: Vec<_> =
        documented.iter().map(|reason| reason.as_str_name().trim_start_matches("ERROR_REASON_")).collect();
    assert_eq!(documented, ours);
}
