//! Instructions of a call, which Callgrind counts in the programs of this build. Times depend on the load and the speed of the
//! machine, and these counts do not: a call that has become more expensive fails the test.

use crate::app::Program;
use nono_proto::session::v1::{
    AppendRequest, CreateRequest, GetRequest, HistoryRequest, IfExists, NewMessage, Role,
    session_service_client::SessionServiceClient,
};
use std::{fs, future::Future, time::Duration};
use tempfile::TempDir;
use testkit::RedisServer;
use tokio::{
    process::Command,
    time::{sleep, timeout},
};
use tonic::transport::Channel;

/// Instructions of calls in thousands, without optimization. An update of the compiler or of a dependency can change all of
/// them: compare both versions before the figures are replaced.
const SERVICE: [(&str, u64); 4] =
    [("Get", 1258), ("Create", 1370), ("Append", 1419), ("History of 50", 3641)];
const GATEWAY: [(&str, u64); 1] = [("REST Get", 1845)];
const TOLERANCE_PERCENT: u64 = 3;
/// The smallest of some batches counts, because tasks of the program run during a batch.
const BATCHES: usize = 3;
const CALLS: u64 = 30;
const RETRY_INTERVAL: Duration = Duration::from_millis(100);
const START_TIMEOUT: Duration = Duration::from_secs(60);
const USER: &str = "counted";

/// A program under Callgrind.
struct Counted {
    program: Program,
    folder: TempDir,
    dumps: u32,
    figures: Vec<(&'static str, u64)>,
}

impl Counted {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let program = Program::start_counted(&folder.path().join("count"), name, arguments);
        Self { program, folder, dumps: 0, figures: Vec::new() }
    }

    /// Counts the instructions of a call. Receives the number of the call.
    async fn count<Call: Future<Output = ()>>(&mut self, name: &'static str, call: impl Fn(u64) -> Call) {
        call(0).await;
        let mut least = u64::MAX;
        for batch in 0..BATCHES as u64 {
            self.dump().await;
            for number in 1..=CALLS {
                call(batch * CALLS + number).await;
            }
            least = least.min(self.dump().await / CALLS / 1000);
        }
        self.figures.push((name, least));
    }

    /// Returns the instructions since the last dump.
    async fn dump(&mut self) -> u64 {
        let process = self.program.pid().to_string();
        let output = Command::new("callgrind_control").args(["--dump", &process]).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        self.dumps += 1;
        let path = self.folder.path().join(format!("count.{}", self.dumps));
        let text = fs::read_to_string(path).unwrap();
        let total = text.lines().rev().find_map(|line| line.strip_prefix("totals: "));
        total.expect("a dump ends with its totals").trim().parse().unwrap()
    }

    fn assert_figures(&self, expected: &[(&str, u64)]) {
        let close = |(figure, checked_in): (u64, u64)| {
            figure.abs_diff(checked_in) * 100 <= checked_in * TOLERANCE_PERCENT
        };
        let mut pairs =
            self.figures.iter().zip(expected).map(|(figure, checked_in)| (figure.1, checked_in.1));
        assert!(
            pairs.all(close),
            "calls need other numbers of instructions than the checked-in ones: {:?} instead of {expected:?} thousand. \
             If this is intended, replace the figures of this test, and give the reason in the commit",
            self.figures
        );
    }
}

async fn append(client: &SessionServiceClient<Channel>, messages: usize) {
    let message = NewMessage {
        role: Role::User.into(),
        content: "A message of a usual length.".into(),
        ..Default::default()
    };
    let request =
        AppendRequest { user_id: USER.into(), messages: vec![message; messages], ..Default::default() };
    client.clone().append(request).await.unwrap();
}

fn session(user_id: impl Into<String>) -> CreateRequest {
    CreateRequest { user_id: user_id.into(), ..Default::default() }
}

#[tokio::test]
async fn a_call_of_the_service_needs_as_many_instructions_as_checked_in() {
    let redis = RedisServer::start();
    let mut service = Counted::start("session-service", &arguments_of_service(&redis.url()));
    let client = SessionServiceClient::connect(listening(&mut service.program, "grpc").await).await.unwrap();
    create_when_connected(&client).await;
    append(&client, 50).await;

    service
        .count("Get", async |_| {
            client.clone().get(GetRequest { user_id: USER.into() }).await.unwrap();
        })
        .await;
    service
        .count("Create", async |number| {
            client.clone().create(session(format!("created-{number:04}"))).await.unwrap();
        })
        .await;
    service.count("Append", async |_| append(&client, 1).await).await;
    service
        .count("History of 50", async |_| {
            let request = HistoryRequest { user_id: USER.into(), limit: 50, ..Default::default() };
            client.clone().history(request).await.unwrap();
        })
        .await;
    service.assert_figures(&SERVICE);
}

#[tokio::test]
async fn a_request_to_the_gateway_needs_as_many_instructions_as_checked_in() {
    let redis = RedisServer::start();
    let mut service = Program::start("session-service", &arguments_of_service(&redis.url()), &[]);
    let backend = listening(&mut service, "grpc").await;
    let free = ["--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--backend", &backend];
    let mut gateway = Counted::start("gateway", &free);
    let page = listening(&mut gateway.program, "page").await;
    create_when_connected(&SessionServiceClient::connect(backend).await.unwrap()).await;

    let client = reqwest::Client::new();
    gateway
        .count("REST Get", async |_| {
            let response = client.get(format!("{page}/api/session/{USER}")).send().await.unwrap();
            assert_eq!(response.status(), 200);
            response.bytes().await.unwrap();
        })
        .await;
    gateway.assert_figures(&GATEWAY);
}

fn arguments_of_service(store: &str) -> [&str; 6] {
    ["--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store", store]
}

/// Creates the session once the service has reached its store, which under Callgrind can take longer than a call may wait.
async fn create_when_connected(client: &SessionServiceClient<Channel>) {
    let request = CreateRequest { if_exists: IfExists::Return.into(), ..session(USER) };
    let created = async {
        while client.clone().create(request.clone()).await.is_err() {
            sleep(RETRY_INTERVAL).await;
        }
    };
    timeout(START_TIMEOUT, created).await.expect("the store is reached");
}

/// Returns the address of a port in the log line of a start.
async fn listening(program: &mut Program, port: &str) -> String {
    let line: serde_json::Value = serde_json::from_str(&program.wait_for_log("\"listening\"").await).unwrap();
    let address = line[port].as_str().unwrap();
    if address.starts_with("http") { address.to_owned() } else { format!("http://{address}") }
}
