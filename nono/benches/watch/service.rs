//! Services as processes, and their calls.

use nono_proto::{
    chat::v1::{ChatRequest, chat_service_client::ChatServiceClient},
    session::v1::{
        AppendRequest, CreateRequest, NewMessage, Role, WatchRequest, WatchResponse,
        session_service_client::SessionServiceClient,
    },
};
use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};
use testkit::{bench_program, cpu_seconds};
use tonic::{Streaming, transport::Channel};

pub(super) type Client = SessionServiceClient<Channel>;

/// A service that is killed when this is dropped.
pub(super) struct Service {
    pub(super) address: String,
    child: Child,
    /// An open pipe: the program may log, and nothing reads it.
    _log: Lines<BufReader<ChildStderr>>,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    /// Starts the service of this build.
    pub(super) fn start(store: &str, model: Option<&str>) -> Self {
        Self::start_program(&bench_program(env!("CARGO_BIN_EXE_nono"), "session-service"), store, model)
    }

    pub(super) fn start_program(path: &Path, store: &str, model: Option<&str>) -> Self {
        let mut command = Command::new(path);
        command.args(["--store", store, "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        if let Some(model) = model {
            command.args(["--model-url", model]);
        }
        command.env("RUST_LOG", "info,session_service::grpc=warn,session_service::turn=warn");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = log.next().unwrap().unwrap();
            if let Some((_, rest)) = line.split_once("\"grpc\":\"") {
                break format!("http://{}", rest.split('"').next().unwrap());
            }
        };
        Self { address, child, _log: log }
    }

    pub(super) fn cpu_seconds(&self) -> f64 {
        cpu_seconds(self.child.id())
    }

    pub(super) fn resident_kibibytes(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

pub(super) async fn connect(address: &str) -> Client {
    SessionServiceClient::new(Channel::from_shared(address.to_owned()).unwrap().connect().await.unwrap())
}

pub(super) async fn create(client: &mut Client, user_id: &str) {
    client.create(CreateRequest { user_id: user_id.into(), ..Default::default() }).await.unwrap();
}

pub(super) async fn append(client: &mut Client, user_id: &str) {
    let content = "hello, this is a message of about fifty characters".into();
    let message = NewMessage { role: Role::User.into(), content, metadata: None };
    let request = AppendRequest { user_id: user_id.into(), messages: vec![message], ..Default::default() };
    client.append(request).await.unwrap();
}

/// Watches a session. Returns after the snapshot.
pub(super) async fn watch(client: &mut Client, user_id: &str) -> Streaming<WatchResponse> {
    let request = WatchRequest { user_id: user_id.into(), cursor: String::new() };
    let mut stream = client.watch(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    stream
}

/// Sends a message and reads the reply to its end, or until the service is killed.
pub(super) async fn chat(address: String, user_id: String) {
    let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    let request = ChatRequest { user_id, message: "hello".into(), ..Default::default() };
    let mut stream = ChatServiceClient::new(channel).chat(request).await.unwrap().into_inner();
    while let Ok(Some(_)) = stream.message().await {}
}
