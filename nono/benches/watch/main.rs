//! Watchers: the delay of an event, the cost of many watchers and of running turns, and the memory of a watcher.
//!
//! `cargo build --profile dist && cargo bench --profile dist --bench watch`, on Linux. Two services run over one Redis.
//! Sessions are changed through the first one; its own watchers are woken, and those of the second one find out by reading.
//! With the path of an earlier build of the service in NONO_BENCH_BASELINE, the cost of an append and of a turn is compared
//! with it. NONO_BENCH_WATCHERS selects one number of watchers.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints its results")]

mod service;
mod writes;

use nono_proto::session::v1::{WatchResponse, watch_response::Event};
use service::{Client, Service, append, chat, connect, create};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use testkit::{Behaviour, ModelServer, RedisServer, bench_variable, cpu_seconds};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use tonic::Streaming;

/// The allocator of the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Numbers of watchers, each of its own session.
const WATCHERS: [usize; 3] = [1, 1000, 10_000];
/// Streams of a connection, below the limit of the service.
const STREAMS: usize = 150;
/// Appends of which the delay is measured.
const APPENDS: usize = 300;
/// Interval between appends. Each is to another session, if there are enough.
const APPEND_INTERVAL: Duration = Duration::from_millis(20);
/// Timeout for the event of an append.
const EVENT_TIMEOUT: Duration = Duration::from_secs(10);
/// Duration of a measurement of CPU time.
const MEASURED: Duration = Duration::from_secs(15);
/// Time after which a session without a change is read less often.
const INACTIVE: Duration = Duration::from_secs(62);
/// Number of running turns.
const TURNS: usize = 1000;

/// A session, and the time of an event of it.
type SeenAt = (usize, Instant);

#[tokio::main]
async fn main() {
    println!(
        "| watchers | of | median ms | p99 ms | KiB a watcher | service, % of a core | Redis, % of a core |"
    );
    println!("|---|---|---|---|---|---|---|");
    let only: Option<usize> = bench_variable("NONO_BENCH_WATCHERS").map(|count| count.parse().unwrap());
    for count in WATCHERS.into_iter().filter(|count| only.is_none_or(|only| only == *count)) {
        watchers(count).await;
    }
    println!("\n| {TURNS} running turns | service, % of a core | other service | Redis |\n|---|---|---|---|");
    for watched in [false, true] {
        turns(watched).await;
    }
    writes::compare().await;
}

/// Watchers of sessions, and what was measured before they are idle.
struct Watchers {
    name: &'static str,
    /// Part of the row of the table.
    figures: String,
    redis: RedisServer,
    services: [Service; 2],
    /// Number of the service that is watched. The first one changes sessions.
    watched: usize,
    _streams: JoinSet<()>,
}

impl Watchers {
    /// Measures the memory of watchers and the delays of their events.
    async fn start(name: &'static str, watched: usize, count: usize) -> Self {
        let redis = RedisServer::start();
        let services = [Service::start(&redis.url(), None), Service::start(&redis.url(), None)];
        let mut writer = connect(&services[0].address).await;
        for n in 0..count {
            create(&mut writer, &n.to_string()).await;
        }
        let before = services[watched].resident_kibibytes();
        let (sender, mut events) = mpsc::channel(APPENDS);
        let streams = watch(&services[watched].address, count, &sender).await;
        let memory = (services[watched].resident_kibibytes() - before) / count as f64;
        let mut delays = delays(&mut writer, count, &mut events).await;
        delays.sort_by(f64::total_cmp);
        let (median, p99) = (delays[APPENDS / 2], delays[APPENDS * 99 / 100]);
        let figures = format!("{median:.1} | {p99:.1} | {memory:.1}");
        Self { name, figures, redis, services, watched, _streams: streams }
    }

    fn cpu_seconds(&self) -> [f64; 2] {
        [self.services[self.watched].cpu_seconds(), cpu_seconds(self.redis.pid())]
    }
}

/// Measures delays and costs of idle watchers in the service that changes sessions, and in another one. Each has a Redis of its
/// own, so that both are idle at the same time.
async fn watchers(count: usize) {
    let all = [
        Watchers::start("the same service", 0, count).await,
        Watchers::start("another service", 1, count).await,
    ];
    tokio::time::sleep(INACTIVE).await;
    let before = all.each_ref().map(Watchers::cpu_seconds);
    tokio::time::sleep(MEASURED).await;
    for (watchers, before) in all.iter().zip(before) {
        let [before, after] = [before, watchers.cpu_seconds()];
        let [service, redis] = [0, 1].map(|n| 100.0 * (after[n] - before[n]) / MEASURED.as_secs_f64());
        let Watchers { name, figures, .. } = watchers;
        println!("| {count} | {name} | {figures} | {service:.1} | {redis:.1} |");
    }
}

/// Appends to `count` sessions in turn. Returns the milliseconds from each append to its event.
async fn delays(writer: &mut Client, count: usize, events: &mut mpsc::Receiver<SeenAt>) -> Vec<f64> {
    let mut begun = vec![VecDeque::new(); count];
    let mut ticks = tokio::time::interval(APPEND_INTERVAL);
    for n in (0..APPENDS).map(|n| n * 7 % count) {
        ticks.tick().await;
        begun[n].push_back(Instant::now());
        append(writer, &n.to_string()).await;
    }
    let mut delays = Vec::new();
    for _ in 0..APPENDS {
        let (n, at) = timeout(EVENT_TIMEOUT, events.recv()).await.expect("an event in time").unwrap();
        // The events of a session come in the order of its appends.
        let start = begun[n].pop_front().unwrap();
        delays.push(at.duration_since(start).as_secs_f64() * 1000.0);
    }
    delays
}

/// Watches sessions 0 to `count`. Each message is reported with the time of its event.
async fn watch(address: &str, count: usize, sender: &mpsc::Sender<SeenAt>) -> JoinSet<()> {
    let mut watching = JoinSet::new();
    let (ready, mut begun) = mpsc::channel(1);
    for first in (0..count).step_by(STREAMS) {
        let client = connect(address).await;
        for n in first..count.min(first + STREAMS) {
            watching.spawn(follow(client.clone(), n, sender.clone(), ready.clone()));
        }
        for _ in first..count.min(first + STREAMS) {
            begun.recv().await.unwrap();
        }
    }
    watching
}

async fn follow(mut client: Client, n: usize, sender: mpsc::Sender<SeenAt>, ready: mpsc::Sender<()>) {
    let mut stream: Streaming<WatchResponse> = service::watch(&mut client, &n.to_string()).await;
    ready.send(()).await.unwrap();
    while let Ok(Some(response)) = stream.message().await {
        if let Some(Event::Message(_)) = response.event {
            let _ = sender.try_send((n, Instant::now()));
        }
    }
}

/// Measures the cost of running turns, with and without watchers in another service.
async fn turns(watched: bool) {
    let (redis, model) = (RedisServer::start(), Arc::new(ModelServer::start().await));
    let url = model.url();
    let services = [Service::start(&redis.url(), Some(&url)), Service::start(&redis.url(), None)];
    let mut client = connect(&services[0].address).await;
    for n in 0..TURNS {
        create(&mut client, &n.to_string()).await;
        model.script(Behaviour::Slow {
            pieces: vec!["some words ".into(); 2000],
            pause: Duration::from_millis(100),
        });
    }
    let (sender, _events) = mpsc::channel(APPENDS);
    let _watching = match watched {
        true => Some(watch(&services[1].address, TURNS, &sender).await),
        false => None,
    };
    let mut chats = JoinSet::new();
    for first in (0..TURNS).step_by(STREAMS) {
        for n in first..TURNS.min(first + STREAMS) {
            chats.spawn(chat(services[0].address.clone(), n.to_string()));
        }
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let cpu = || {
        let [first, second] = services.each_ref().map(Service::cpu_seconds);
        [first, second, cpu_seconds(redis.pid())]
    };
    let before = cpu();
    tokio::time::sleep(MEASURED).await;
    let share: Vec<_> = cpu().into_iter().zip(before).map(|(after, before)| after - before).collect();
    let share = |n: usize| 100.0 * share[n] / MEASURED.as_secs_f64();
    let name = if watched { "watched through another service" } else { "not watched" };
    println!("| {name} | {:.1} | {:.1} | {:.1} |", share(0), share(1), share(2));
}
