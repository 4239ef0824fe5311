//! Cost of calls in the released program, relative to a health check, which does nothing; and with a store that takes no time,
//! which is the lower bound for any store.

use nono_proto::session::v1::{
    AppendRequest, CreateRequest, GetRequest, HistoryRequest, IfExists, NewMessage, Role,
    session_service_client::SessionServiceClient,
};
use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};
use testkit::{RedisServer, bench_program, cpu_seconds};
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const CONNECTIONS: usize = 8;
const STREAMS: usize = 16;
const CALLERS: usize = CONNECTIONS * STREAMS;
/// Number of sessions to append to in rotation, because one has at most 10 000 messages.
const APPENDED: usize = 4000;
/// Number of programs that are started over Redis for each call with a target. Their ratios differ by a tenth. Other calls have one
/// program, and so has the store in memory.
const ROUNDS: usize = 16;
/// Number of times that a call takes turns with health checks of the same program. The speed of a machine that is shared with
/// others changes within seconds, so turns are short.
const TURNS: usize = 10;
const TURN: Duration = Duration::from_millis(100);
/// Timeout for the start of the program.
const START_MAX: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Health,
    Get,
    CreateNew,
    CreateAgain,
    History,
    Append,
}

impl Call {
    /// Number of rounds over Redis.
    fn rounds(self) -> usize {
        match self {
            Self::Health | Self::CreateAgain => 1,
            Self::Get | Self::CreateNew | Self::History | Self::Append => ROUNDS,
        }
    }
}

const CALLS: [(&str, Call); 6] = [
    ("Health/Check", Call::Health),
    ("Get", Call::Get),
    ("Create", Call::CreateNew),
    ("Create, live already", Call::CreateAgain),
    ("History, 50 messages", Call::History),
    ("Append, one message", Call::Append),
];

/// A program and its log, which are removed when this is dropped.
struct Running(Child, PathBuf);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = std::fs::remove_file(&self.1);
    }
}

pub(super) async fn table() {
    let redis = RedisServer::start();
    let (mut over_redis, mut over_memory) = ([Sums::default(); CALLS.len()], [Sums::default(); CALLS.len()]);
    for number in 0..ROUNDS {
        for (((_, call), over_redis), over_memory) in CALLS.iter().zip(&mut over_redis).zip(&mut over_memory)
        {
            if number < call.rounds() {
                measure(&redis, &redis.url(), *call, over_redis).await;
            }
            if number == 0 {
                measure(&redis, "memory:", *call, over_memory).await;
            }
        }
    }
    println!(
        "| {CONNECTIONS} connections of {STREAMS} streams | calls/s | ratio | without Redis | us: service | Redis | load |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (((name, _), sums), without) in CALLS.iter().zip(&over_redis).zip(&over_memory) {
        let (rate, ratio, without) = (sums.calls.rate(), sums.ratio(), without.ratio());
        let [service, redis, load] = sums.used.map(|used| used / sums.calls.number);
        println!(
            "| {name} | {rate:.0} | {ratio:.2} | {without:.2} | {service:.1} | {redis:.1} | {load:.1} |"
        );
    }
}

/// Makes calls, in turn with health checks, to a new program with an empty store.
async fn measure(redis: &RedisServer, store: &str, call: Call, sums: &mut Sums) {
    redis.ask(&["FLUSHALL"]);
    let (service, address) = start(store);
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(Channel::from_shared(address.clone()).unwrap().connect().await.unwrap());
    }
    make(&channels[0], if call == Call::Append { APPENDED } else { CALLERS }).await;
    let pids = [service.0.id(), redis.pid(), std::process::id()];
    // Connections and caches get ready.
    load(&channels, call).await;
    for _ in 0..TURNS {
        sums.checks.add(&load(&channels, Call::Health).await);
        let before = used(pids);
        sums.calls.add(&load(&channels, call).await);
        for ((sum, before), after) in sums.used.iter_mut().zip(before).zip(used(pids)) {
            *sum += after - before;
        }
    }
}

/// All turns of a call and of its health checks.
#[derive(Clone, Copy, Default)]
struct Sums {
    checks: Load,
    calls: Load,
    /// CPU time in microseconds of service, Redis and load generator.
    used: [f64; 3],
}

impl Sums {
    fn ratio(&self) -> f64 {
        self.calls.rate() / self.checks.rate()
    }
}

/// Calls that were made, and their duration.
#[derive(Clone, Copy, Default)]
struct Load {
    number: f64,
    took: Duration,
}

impl Load {
    fn add(&mut self, other: &Self) {
        self.number += other.number;
        self.took += other.took;
    }

    fn rate(&self) -> f64 {
        self.number / self.took.as_secs_f64()
    }
}

/// Starts the program on free ports with default settings and its log in a file.
fn start(store: &str) -> (Running, String) {
    let log = std::env::temp_dir().join(format!("nono-bench-{}.log", std::process::id()));
    let child = Command::new(bench_program(env!("CARGO_BIN_EXE_session-service"), "session-service"))
        .args(["--store", store, "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .env_remove("RUST_LOG")
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let (running, begun) = (Running(child, log), Instant::now());
    while begun.elapsed() < START_MAX {
        let lines = std::fs::read_to_string(&running.1).unwrap();
        if let Some((_, rest)) = lines.split_once("\"grpc\":\"")
            && let Some((address, _)) = rest.split_once('"')
        {
            return (running, format!("http://{address}"));
        }
    }
    panic!("the program does not start");
}

/// Creates sessions named 0, 1 and so on. Those that are read have 50 messages.
async fn make(channel: &Channel, sessions: usize) {
    let mut client = SessionServiceClient::new(channel.clone());
    for n in 0..sessions {
        let create = CreateRequest { user_id: n.to_string(), ..CreateRequest::default() };
        client.create(create).await.unwrap();
        if n < CALLERS {
            let messages = vec![said(); 50];
            client
                .append(AppendRequest { user_id: n.to_string(), messages, ..AppendRequest::default() })
                .await
                .unwrap();
        }
    }
}

/// Makes calls for [`TURN`].
async fn load(channels: &[Channel], call: Call) -> Load {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for (n, channel) in (0..CALLERS).zip(channels.iter().cycle().cloned()) {
        callers.spawn(async move {
            let mut count = 0_usize;
            while begun.elapsed() < TURN {
                ask(&channel, call, n, NEXT.fetch_add(1, Ordering::Relaxed)).await;
                count += 1;
            }
            count
        });
    }
    let calls: usize = callers.join_all().await.into_iter().sum();
    Load { number: calls as f64, took: begun.elapsed() }
}

/// Makes one call: of the caller `own` for its own session, or for a new one with the unique number `next`.
async fn ask(channel: &Channel, call: Call, own: usize, next: usize) {
    let mut sessions = SessionServiceClient::new(channel.clone());
    let user_id = own.to_string();
    match call {
        Call::Health => {
            let mut health = HealthClient::new(channel.clone());
            health.check(HealthCheckRequest::default()).await.map(drop)
        }
        Call::Get => sessions.get(GetRequest { user_id }).await.map(drop),
        Call::CreateNew => {
            let user_id = format!("new {next}");
            sessions.create(CreateRequest { user_id, ..CreateRequest::default() }).await.map(drop)
        }
        Call::CreateAgain => {
            let if_exists = IfExists::Return.into();
            sessions.create(CreateRequest { user_id, if_exists, ..CreateRequest::default() }).await.map(drop)
        }
        Call::History => {
            let history = HistoryRequest { user_id, limit: 50, ..HistoryRequest::default() };
            sessions.history(history).await.map(drop)
        }
        Call::Append => {
            let (user_id, messages) = ((next % APPENDED).to_string(), vec![said()]);
            let append = AppendRequest { user_id, messages, request_id: next.to_string() };
            sessions.append(append).await.map(drop)
        }
    }
    .unwrap();
}

fn said() -> NewMessage {
    let content = "hello, this is a message of about fifty characters".into();
    NewMessage { role: Role::User.into(), content, metadata: None }
}

/// Returns the CPU time of each process in microseconds.
fn used<const N: usize>(pids: [u32; N]) -> [f64; N] {
    pids.map(|pid| cpu_seconds(pid) * 1e6)
}
