//! Every method of the descriptors with credentials that are absent, wrong, or without the right to an owner.

use super::{ADMIN_KEY, Deployment, SERVICE_KEY, UNNAMED_KEY};
use crate::grpc_errors::RawCodec;
use nono_proto::session::v1 as pb;
use prost::{Message, bytes::Bytes};
use prost_types::FileDescriptorSet;
use std::collections::BTreeMap;
use tokio_stream::StreamExt;
use tonic::{Code, Request, Status, client::Grpc, transport::Channel};
use tonic_types::StatusExt;

/// Code of each method for an owner without sessions, called for the session `a` of another owner.
const FOREIGN: [(&str, Code); 13] = [
    ("/nono.chat.v1.ChatService/Cancel", Code::NotFound),
    ("/nono.chat.v1.ChatService/Chat", Code::NotFound),
    ("/nono.chat.v1.ChatService/ListPersonas", Code::Ok),
    ("/nono.config.v1.ConfigService/GetConfig", Code::Ok),
    ("/nono.session.v1.SessionService/Append", Code::NotFound),
    ("/nono.session.v1.SessionService/Create", Code::Ok),
    ("/nono.session.v1.SessionService/Delete", Code::NotFound),
    ("/nono.session.v1.SessionService/Get", Code::NotFound),
    ("/nono.session.v1.SessionService/History", Code::NotFound),
    ("/nono.session.v1.SessionService/List", Code::Ok),
    ("/nono.session.v1.SessionService/Touch", Code::NotFound),
    ("/nono.session.v1.SessionService/Watch", Code::NotFound),
    ("/grpc.health.v1.Health/Check", Code::Ok),
];
/// Methods that need no credential.
const PUBLIC: &str = "/grpc.health.v1.Health/";
const REFLECTION: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// Returns the paths of all methods, with `true` for those that stream.
fn methods() -> BTreeMap<String, bool> {
    let sets = [nono_proto::FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET];
    let files = sets.into_iter().flat_map(|set| FileDescriptorSet::decode(set).unwrap().file);
    let mut methods = BTreeMap::new();
    for file in files {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                methods.insert(path, method.server_streaming());
            }
        }
    }
    methods
}

/// Returns a valid request of a method for the session `a`.
fn request(path: &str) -> Bytes {
    let message =
        || pb::NewMessage { role: pb::Role::User.into(), content: "hello".into(), ..Default::default() };
    let user_id = || "a".to_owned();
    let bytes = match path.rsplit('/').next().unwrap() {
        "Append" => pb::AppendRequest { user_id: user_id(), messages: vec![message()], ..Default::default() }
            .encode_to_vec(),
        "Chat" => nono_proto::chat::v1::ChatRequest {
            user_id: user_id(),
            message: "hello".into(),
            ..Default::default()
        }
        .encode_to_vec(),
        "Create" | "Get" | "History" | "Delete" | "Touch" | "Watch" | "Cancel" => {
            pb::GetRequest { user_id: user_id() }.encode_to_vec()
        }
        _ => Vec::new(),
    };
    bytes.into()
}

async fn channel(deployment: &Deployment) -> Channel {
    Channel::from_shared(format!("http://{}", deployment.grpc)).unwrap().connect().await.unwrap()
}

/// Calls a method with these headers. Returns its code and reason.
async fn call(channel: &Channel, path: &str, headers: &[(&'static str, &str)]) -> (Code, String) {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut call = Request::new(request(path));
    for (name, value) in headers {
        call.metadata_mut().append(*name, value.parse().unwrap());
    }
    let path = path.parse().unwrap();
    let result: Result<(), Status> = async {
        let mut responses = client.server_streaming(call, path, RawCodec).await?.into_inner();
        responses.next().await.transpose()?;
        Ok(())
    }
    .await;
    match result {
        Ok(()) => (Code::Ok, String::new()),
        Err(status) => {
            (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
        }
    }
}

fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

#[tokio::test]
async fn every_method_rejects_absent_and_wrong_credentials() {
    let deployment = Deployment::start().await;
    let channel = channel(&deployment).await;
    let (service, wrong) = (bearer(SERVICE_KEY), bearer("wrong-key-wrong-key-wrong-key-wrong-key"));
    let (truncated, basic) = (bearer(&SERVICE_KEY[1..]), format!("Basic {SERVICE_KEY}"));
    let unauthenticated = (Code::Unauthenticated, "UNAUTHENTICATED".to_owned());
    let denied = (Code::PermissionDenied, "PERMISSION_DENIED".to_owned());
    let invalid = (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned());
    for path in methods().keys().filter(|path| !path.starts_with(PUBLIC)) {
        for (headers, expected) in [
            (&[][..], &unauthenticated),
            (&[("nono-owner", "ann")], &unauthenticated),
            (&[("authorization", wrong.as_str()), ("nono-owner", "ann")], &unauthenticated),
            (&[("authorization", truncated.as_str()), ("nono-owner", "ann")], &unauthenticated),
            (&[("authorization", basic.as_str()), ("nono-owner", "ann")], &unauthenticated),
            (&[("authorization", SERVICE_KEY), ("nono-owner", "ann")], &unauthenticated),
            (
                &[
                    ("authorization", service.as_str()),
                    ("authorization", wrong.as_str()),
                    ("nono-owner", "ann"),
                ],
                &unauthenticated,
            ),
            (&[("authorization", service.as_str())], &denied),
            (&[("authorization", service.as_str()), ("nono-owner", "")], &denied),
            (&[("authorization", service.as_str()), ("nono-owner", "ann"), ("nono-owner", "bob")], &invalid),
        ] {
            assert_eq!(&call(&channel, path, headers).await, expected, "{path} {headers:?}");
        }
    }
    for path in REFLECTION {
        assert_eq!(call(&channel, path, &[]).await, unauthenticated, "{path}");
        assert_ne!(call(&channel, path, &[("authorization", &service)]).await, unauthenticated, "{path}");
    }
    assert_eq!(call(&channel, "/grpc.health.v1.Health/Check", &[]).await.0, Code::Ok);
}

#[tokio::test]
async fn every_method_hides_the_sessions_of_other_owners() {
    let deployment = Deployment::start().await;
    let channel = channel(&deployment).await;
    let service = bearer(SERVICE_KEY);
    let as_owner = |owner: &'static str| [("authorization", service.as_str()), ("nono-owner", owner)];
    let create = "/nono.session.v1.SessionService/Create";
    assert_eq!(call(&channel, create, &as_owner("ann")).await.0, Code::Ok);
    let mut known: Vec<_> = FOREIGN.iter().map(|(path, _)| (*path).to_owned()).collect();
    known.push(format!("{PUBLIC}Watch"));
    let mut all: Vec<_> = methods().into_keys().collect();
    known.sort();
    all.sort();
    assert_eq!(all, known, "each method has a line in the table");
    for ((path, expected), owner) in FOREIGN.into_iter().zip(OWNERS) {
        assert_eq!(call(&channel, path, &as_owner(owner)).await.0, expected, "{path}");
    }
    // The sessions of the empty owner are a further set.
    let get = "/nono.session.v1.SessionService/Get";
    for key in [UNNAMED_KEY, ADMIN_KEY] {
        assert_eq!(call(&channel, get, &[("authorization", &bearer(key))]).await.0, Code::NotFound);
        let headers = [("authorization", &*bearer(key)), ("nono-owner", "ann")];
        assert_eq!(call(&channel, get, &headers).await.0, Code::Ok);
    }
}

/// An owner for each method, which has no session before.
const OWNERS: [&str; 13] =
    ["o1", "o2", "o3", "o4", "o5", "o6", "o7", "o8", "o9", "o10", "o11", "ANN", "ann2"];
