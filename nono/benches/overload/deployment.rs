//! The programs under load, with their sessions.

use super::{median, process};
use nono_proto::session::v1::{
    AppendRequest, CreateRequest, NewMessage, Role, session_service_client::SessionServiceClient,
};
use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStderr, Command, Stdio},
    time::Instant,
};
use testkit::{RedisServer, bench_program, cpu_seconds};
use tonic::transport::Channel;

/// Number of sessions that are read, and of those that are appended to.
pub(super) const SESSIONS: usize = 1000;
/// Session with a page of a mebibyte.
pub(super) const LARGE: &str = "large";
/// Messages of a session that is read.
const MESSAGES: usize = 20;
/// Share of a core up to which the load generator is not the bottleneck.
const GENERATOR_MAX: f64 = 0.9;
/// Maximum lateness of a call in milliseconds if the load generator is not the bottleneck.
const LATENESS_MAX: f64 = 5.0;

/// Program that receives the calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A session service, over gRPC.
    Service,
    /// A gateway in front of it, over REST.
    Gateway,
}

impl Target {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Gateway => "gateway",
        }
    }
}

/// A program that is killed when this is dropped.
struct Running {
    child: Child,
    /// An open pipe: the program may log, and nothing reads it.
    _log: Lines<BufReader<ChildStderr>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Redis, a service and, if it is the target, a gateway.
pub(super) struct Deployment {
    pub(super) target: Target,
    /// Address of the target.
    pub(super) address: String,
    redis: RedisServer,
    programs: Vec<Running>,
}

/// CPU time at the start of a measurement.
pub(super) struct Before {
    start: Instant,
    cpu_seconds: Vec<f64>,
}

/// CPU time and memory of a measurement.
pub(super) struct Used {
    seconds: f64,
    /// Of the programs, of Redis and of the load generator.
    cpu_seconds: Vec<f64>,
    /// Of the programs.
    peak_mebibytes: Vec<u64>,
}

impl Deployment {
    pub(super) async fn start(target: Target) -> Self {
        let redis = RedisServer::start();
        let (service, grpc) = start("session-service", &["--store", &redis.url()], "grpc");
        fill(&grpc).await;
        let (mut programs, mut address) = (vec![service], grpc);
        if target == Target::Gateway {
            let (gateway, page) = start("gateway", &["--backend", &format!("http://{address}")], "page");
            wait_until_ready(&page).await;
            address = page.trim_start_matches("http://").trim_end_matches('/').to_owned();
            programs.push(gateway);
        }
        process::move_to_generator_core();
        let servers = programs.iter().map(|program| program.child.id()).chain([redis.pid()]);
        servers.for_each(process::move_to_server_cores);
        Self { target, address, redis, programs }
    }

    fn programs(&self) -> impl Iterator<Item = u32> {
        self.programs.iter().map(|program| program.child.id())
    }

    fn cpu_seconds(&self) -> Vec<f64> {
        let pids = self.programs().chain([self.redis.pid(), std::process::id()]);
        pids.map(cpu_seconds).collect()
    }

    /// Begins a measurement.
    pub(super) fn begin(&self) -> Before {
        self.programs().for_each(process::reset_peak);
        Before { start: Instant::now(), cpu_seconds: self.cpu_seconds() }
    }

    /// Ends a measurement.
    pub(super) fn used_since(&self, before: &Before) -> Used {
        let cpu_seconds = self.cpu_seconds();
        let cpu_seconds = cpu_seconds.iter().zip(&before.cpu_seconds).map(|(after, before)| after - before);
        Used {
            seconds: before.start.elapsed().as_secs_f64(),
            cpu_seconds: cpu_seconds.collect(),
            peak_mebibytes: self.programs().map(process::peak_mebibytes).collect(),
        }
    }
}

impl Used {
    /// Returns the median CPU time and the largest memory of measurements of the same programs.
    pub(super) fn of_rounds(rounds: &[&Self]) -> Self {
        let cpu_seconds = |index: usize| median(rounds.iter().map(|used| used.cpu_seconds[index]));
        let peak_mebibytes =
            |index: usize| rounds.iter().map(|used| used.peak_mebibytes[index]).max().unwrap_or_default();
        Self {
            seconds: median(rounds.iter().map(|used| used.seconds)),
            cpu_seconds: (0..rounds[0].cpu_seconds.len()).map(cpu_seconds).collect(),
            peak_mebibytes: (0..rounds[0].peak_mebibytes.len()).map(peak_mebibytes).collect(),
        }
    }

    /// Returns the share of a core that the load generator used.
    fn generator(&self) -> f64 {
        self.cpu_seconds.last().unwrap() / self.seconds
    }

    /// Returns `true` if the load generator was the bottleneck. `lateness` is that of the calls in milliseconds.
    pub(super) fn is_bottleneck(&self, lateness: f64) -> bool {
        self.generator() > GENERATOR_MAX || lateness > LATENESS_MAX
    }

    /// Returns the columns of memory, CPU time and validity. `lateness` is that of the calls in milliseconds.
    pub(super) fn columns(&self, lateness: f64) -> String {
        let memory: Vec<_> = self.peak_mebibytes.iter().map(u64::to_string).collect();
        let cpu: Vec<_> = self.cpu_seconds.iter().map(|seconds| format!("{seconds:.1}")).collect();
        let verdict = if self.is_bottleneck(lateness) {
            "THE BOTTLENECK, not a measurement"
        } else {
            "not the bottleneck"
        };
        format!(
            "{} | {} | {:.0} % of its core, {lateness:.1} ms late: {verdict}",
            memory.join(", "),
            cpu.join(", "),
            100.0 * self.generator()
        )
    }
}

/// Starts a program on free ports and returns an address from its log.
fn start(name: &str, arguments: &[&str], field: &str) -> (Running, String) {
    let listen = if name == "gateway" { "--http-listen" } else { "--grpc-listen" };
    let path = bench_program(env!("CARGO_BIN_EXE_nono"), name);
    let mut command = Command::new(path);
    command.args([listen, "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]).args(arguments);
    // No line for each call: it would have to be read, on the core of the load generator.
    command.env("RUST_LOG", "info,session_service::grpc=warn,gateway::observe=warn");
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let marker = format!("\"{field}\":\"");
    let address = loop {
        let line = lines.next().unwrap().unwrap();
        if let Some((_, rest)) = line.split_once(&marker)
            && line.contains("listening")
        {
            break rest.split('"').next().unwrap().to_owned();
        }
    };
    (Running { child, _log: lines }, address)
}

async fn wait_until_ready(page: &str) {
    let url = format!("{}/health", page.trim_end_matches('/'));
    while !reqwest::get(&url).await.is_ok_and(|response| response.status().is_success()) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Creates the sessions.
async fn fill(grpc: &str) {
    let channel = Channel::from_shared(format!("http://{grpc}")).unwrap().connect().await.unwrap();
    let mut client = SessionServiceClient::new(channel);
    for n in 0..SESSIONS {
        create(&mut client, &n.to_string()).await;
        append(&mut client, &n.to_string(), "hello, this is a message of about fifty characters", MESSAGES)
            .await;
    }
    create(&mut client, LARGE).await;
    for _ in 0..4 {
        append(&mut client, LARGE, &"x".repeat(30_000), 10).await;
    }
}

async fn create(client: &mut SessionServiceClient<Channel>, user_id: &str) {
    client.create(CreateRequest { user_id: user_id.into(), ..Default::default() }).await.unwrap();
}

async fn append(client: &mut SessionServiceClient<Channel>, user_id: &str, content: &str, count: usize) {
    let message = NewMessage { role: Role::User.into(), content: content.into(), ..Default::default() };
    let request =
        AppendRequest { user_id: user_id.into(), messages: vec![message; count], ..Default::default() };
    client.append(request).await.unwrap();
}
