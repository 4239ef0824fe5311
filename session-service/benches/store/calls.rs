//! Cost of calls in the released program, relative to a health check, which does nothing; and with a store that takes no time,
//! which is the lower bound for any store.

use super::median;
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
/// Maximum number of programs that are started for each call over Redis, and number of those with a store in memory.
const ROUNDS_MAX: usize = 12;
const ROUNDS_IN_MEMORY: usize = 3;
/// Number of times that a call is compared with the health checks of the same program before and after: the speed of a machine
/// changes within seconds.
const SLICES: usize = 4;
const SLICE: Duration = Duration::from_millis(250);
/// Rate of health checks, of the fastest of the run, from which the machine is at its usual speed. Others share it, and slow it
/// down by almost a half for some seconds. Slices next to slower health checks are left out.
const QUIET: f64 = 0.75;
/// Number of slices without which there is no figure.
const SLICES_MIN: usize = 5;
/// Number of slices of each call from which no further round is needed.
const SLICES_ENOUGH: usize = 8;
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
    let mut over_redis: [Vec<Slice>; CALLS.len()] = Default::default();
    let mut over_memory: [Vec<Slice>; CALLS.len()] = Default::default();
    for _ in 0..ROUNDS_IN_MEMORY {
        round(&redis, &redis.url(), &mut over_redis).await;
        round(&redis, "memory:", &mut over_memory).await;
    }
    let has_enough = |slices: &Vec<Slice>| slices.len() >= SLICES_ENOUGH;
    let mut rounds = ROUNDS_IN_MEMORY;
    while rounds < ROUNDS_MAX && !quiet(&over_redis).iter().all(has_enough) {
        round(&redis, &redis.url(), &mut over_redis).await;
        rounds += 1;
    }
    let (over_redis, over_memory) = (quiet(&over_redis), quiet(&over_memory));
    let slices = rounds * SLICES;
    println!(
        "| {CONNECTIONS} connections of {STREAMS} streams | calls/s | ratio | without Redis | us: service | Redis | load | of {slices} slices |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (((name, _), slices), without) in CALLS.iter().zip(&over_redis).zip(&over_memory) {
        let (rate, ratio) = (figure(slices, |slice| slice.rate), figure(slices, Slice::ratio));
        let without = figure(without, Slice::ratio);
        let [service, redis, load] = [0, 1, 2].map(|process| figure(slices, |slice| slice.costs[process]));
        let kept = slices.len();
        println!(
            "| {name} | {rate:.0} | {ratio:.2} | {without:.2} | {service:.1} | {redis:.1} | {load:.1} | {kept} |"
        );
    }
}

/// Returns the slices of each call in which the machine was at its usual speed.
fn quiet(figures: &[Vec<Slice>; CALLS.len()]) -> [Vec<Slice>; CALLS.len()] {
    let fastest = figures.iter().flatten().flat_map(|slice| slice.checks).fold(0.0, f64::max);
    let is_quiet = |slice: &&Slice| slice.checks.iter().all(|rate| *rate >= QUIET * fastest);
    figures.each_ref().map(|slices| slices.iter().filter(is_quiet).copied().collect())
}

/// Returns the median of a figure, or no number if there are too few slices.
fn figure(slices: &[Slice], of: impl Fn(&Slice) -> f64) -> f64 {
    if slices.len() < SLICES_MIN { f64::NAN } else { median(&mut slices.iter().map(of).collect::<Vec<_>>()) }
}

/// Runs each call, in turn with health checks, against a new program with an empty store.
async fn round(redis: &RedisServer, store: &str, figures: &mut [Vec<Slice>]) {
    for ((_, call), slices) in CALLS.iter().zip(figures) {
        redis.ask(&["FLUSHALL"]);
        let (service, address) = start(store);
        let mut channels = Vec::new();
        for _ in 0..CONNECTIONS {
            channels.push(Channel::from_shared(address.clone()).unwrap().connect().await.unwrap());
        }
        make(&channels[0], if *call == Call::Append { APPENDED } else { CALLERS }).await;
        let pids = [service.0.id(), redis.pid(), std::process::id()];
        let mut checks = load(&channels, Call::Health).await.rate();
        for _ in 0..SLICES {
            let before = used(pids);
            let calls = load(&channels, *call).await;
            let (before, after) = (before.into_iter(), used(pids).into_iter());
            let costs = before.zip(after).map(|(before, after)| (after - before) / calls.number);
            let costs = costs.collect::<Vec<_>>().try_into().unwrap();
            let next = load(&channels, Call::Health).await.rate();
            slices.push(Slice { checks: [checks, next], rate: calls.rate(), costs });
            checks = next;
        }
    }
}

/// Calls for [`SLICE`], between two slices of health checks.
#[derive(Clone, Copy)]
struct Slice {
    /// Rates of the health checks before and after.
    checks: [f64; 2],
    rate: f64,
    /// CPU time in microseconds per call of service, Redis and load generator.
    costs: [f64; 3],
}

impl Slice {
    fn ratio(&self) -> f64 {
        let [before, after] = self.checks;
        self.rate / f64::midpoint(before, after)
    }
}

/// Calls that were made, and their duration.
struct Load {
    number: f64,
    took: Duration,
}

impl Load {
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

/// Makes calls for [`SLICE`].
async fn load(channels: &[Channel], call: Call) -> Load {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for (n, channel) in (0..CALLERS).zip(channels.iter().cycle().cloned()) {
        callers.spawn(async move {
            let mut count = 0_usize;
            while begun.elapsed() < SLICE {
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
