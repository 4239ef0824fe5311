//! Cost of calls over a real Redis on this machine, its growth with the amount of data, and the memory of the data.
//!
//! `cargo bench --profile dist --bench store`. Client, service and Redis share the machine, so only the ratios are meaningful.
//! The rounds of compared variants alternate, and the table has their medians.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark is for the person who runs it")]

mod calls;

use session_service::{
    domain::{
        Batch, Content, HistoryPage, HistoryRange, IfExists, Metadata, NewMessage, NewSession, Owner,
        PageSize, PersonaKey, Role, UserId,
    },
    store::{
        ListPage, Policy, SessionStore,
        redis::{RedisSettings, RedisStore, RedisUrl},
    },
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use testkit::RedisServer;
use tokio::task::JoinSet;

/// The allocator of the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(1);
/// Number of times that the pages of little and of much data are compared, spread over half a minute, and of reads of each.
const GROWTH_ROUNDS: usize = 30;
const READS: usize = 200;
/// Time after which Redis shrinks the buffers of a connection without requests: two seconds, which it checks every second.
const IDLE_CONNECTION: Duration = Duration::from_secs(4);
const CONTENT: &str = "hello, this is a message of about fifty characters";

#[tokio::main]
async fn main() {
    calls::table().await;
    replicas().await;
    growth().await;
    memory().await;
}

fn store(url: &str, min_replicas_ack: u8) -> Arc<RedisStore> {
    let mut settings = RedisSettings::from_url(RedisUrl::parse(url).unwrap());
    settings.min_replicas_ack = min_replicas_ack;
    Arc::new(RedisStore::new(&settings, Policy::default()).unwrap())
}

/// Measures the cost of waiting for a replica.
async fn replicas() {
    let redis = RedisServer::start();
    let _replica = RedisServer::start_replica_of(&redis);
    redis.await_replica(1);
    let stores = [store(&redis.url(), 0), store(&redis.url(), 1)];
    let mut figures = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    for round in 0..ROUNDS {
        for (n, store) in stores.iter().enumerate() {
            let (rate, delay) = touches(store.clone(), format!("{round}-{n}")).await;
            figures[n].0.push(rate);
            figures[n].1.push(delay);
        }
    }
    println!("\n| --min-replicas-ack, 64 callers | touches/s | ratio | median ms |\n|---|---|---|---|");
    let mut first = None;
    for (n, (rates, delays)) in figures.iter_mut().enumerate() {
        let rate = median(rates);
        println!("| {n} | {rate:.0} | {:.2} | {:.2} |", rate / *first.get_or_insert(rate), median(delays));
    }
}

async fn touches(store: Arc<RedisStore>, name: String) -> (f64, f64) {
    while store.create(&Owner::open(), &session(&name)).await.is_err() {}
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        let (store, user_id) = (store.clone(), id(&name));
        callers.spawn(async move {
            let mut delays = Vec::new();
            while begun.elapsed() < ROUND {
                let call = Instant::now();
                store.touch(&Owner::open(), &user_id).await.unwrap();
                delays.push(call.elapsed().as_secs_f64() * 1000.0);
            }
            delays
        });
    }
    let mut delays = callers.join_all().await.concat();
    (delays.len() as f64 / begun.elapsed().as_secs_f64(), median(&mut delays))
}

/// Compares pages of 50 items with little and with much data.
async fn growth() {
    println!("\n| page of 50 | of | median ms | ratio |\n|---|---|---|---|");
    let servers = [RedisServer::start(), RedisServer::start()];
    let [few, many] = servers.each_ref().map(|redis| store(&redis.url(), 0));
    make(&few, 0, 1_000).await;
    make(&many, 0, 1_000_000).await;
    let page = ListPage { size: PageSize::try_from(50).unwrap(), after: None };
    let list =
        async |store: &Arc<RedisStore>| store.list(&Owner::open(), &page).await.unwrap().sessions.len();
    for (name, messages) in [("short", 100), ("long", 10_000)] {
        few.create(&Owner::open(), &session(name)).await.unwrap();
        for _ in 0..messages / 100 {
            few.append(&Owner::open(), &id(name), &batch(100), None).await.unwrap();
        }
    }
    let history = async |(name, messages): &(&str, u32)| {
        let page = HistoryPage { range: HistoryRange::Before(messages / 2 + 26), size: page.size };
        few.history(&Owner::open(), &id(name), page).await.unwrap().messages.len()
    };
    let (mut lists, mut histories) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2]);
    for _ in 0..GROWTH_ROUNDS {
        compare([&few, &many], list, &mut lists).await;
        compare([&("short", 100), &("long", 10_000)], history, &mut histories).await;
    }
    print_growth("List", ["1000 sessions", "1 000 000 sessions"], lists);
    print_growth("History, from the middle", ["100 messages", "10 000 messages"], histories);
}

/// Reads the page of both sides alternately. Adds the median of each side to `delays`, in milliseconds.
async fn compare<S>(sides: [&S; 2], read: impl AsyncFn(&S) -> usize, delays: &mut [Vec<f64>; 2]) {
    let mut of_round = [const { Vec::new() }; 2];
    for _ in 0..READS {
        for (side, delays) in sides.iter().zip(&mut of_round) {
            let call = Instant::now();
            assert_eq!(read(side).await, 50);
            delays.push(call.elapsed().as_secs_f64() * 1000.0);
        }
    }
    for (delays, of_round) in delays.iter_mut().zip(&mut of_round) {
        delays.push(median(of_round));
    }
}

/// Prints the medians of the delays of both sides, and of the ratios of the rounds.
fn print_growth(name: &str, sides: [&str; 2], [mut few, mut many]: [Vec<f64>; 2]) {
    let mut ratios: Vec<_> = few.iter().zip(&many).map(|(few, many)| many / few).collect();
    println!("| {name} | {} | {:.2} | 1.00 |", sides[0], median(&mut few));
    println!("| {name} | {} | {:.2} | {:.2} |", sides[1], median(&mut many), median(&mut ratios));
}

async fn make(store: &Arc<RedisStore>, from: usize, to: usize) {
    let mut makers = JoinSet::new();
    for maker in 0..64 {
        let store = store.clone();
        makers.spawn(async move {
            for n in (from + maker..to).step_by(64) {
                store.create(&Owner::open(), &session(&format!("user {n}"))).await.unwrap();
            }
        });
    }
    makers.join_all().await;
}

/// Measures the memory of a session and of a message in Redis.
async fn memory() {
    let redis = RedisServer::start();
    let store = warm_store(&redis).await;
    let (sessions, messages) = (20_000, 50_u32);
    let before = used_memory(&redis).await;
    make(&store, 0, sessions).await;
    let per_session = (used_memory(&redis).await - before) / sessions as f64;
    let before = used_memory(&redis).await;
    for n in 0..1000 {
        for _ in 0..messages / 10 {
            store.append(&Owner::open(), &id(&format!("user {n}")), &batch(10), None).await.unwrap();
        }
    }
    let per_message = (used_memory(&redis).await - before) / f64::from(1000 * messages);
    println!("\n| of Redis | bytes |\n|---|---|");
    println!("| a session with its index entry | {per_session:.0} |");
    println!("| a message beyond its content | {:.0} |", per_message - CONTENT.len() as f64);
    for limit in ["64", "512"] {
        let bytes = with_message(limit).await;
        println!(
            "| a session with a message of 100 characters, hash-max-listpack-value {limit} | {bytes:.0} |"
        );
    }
}

/// Returns the memory of a session with one message, whose preview is longer than 64 bytes. Redis stores a hash as a table once
/// a value has more bytes than the limit.
async fn with_message(limit: &str) -> f64 {
    let redis = RedisServer::start();
    redis.ask(&["CONFIG", "SET", "hash-max-listpack-value", limit]);
    let store = warm_store(&redis).await;
    let (sessions, message) = (2_000, batch_of(&CONTENT.repeat(2), 1));
    let before = used_memory(&redis).await;
    make(&store, 0, sessions).await;
    for n in 0..sessions {
        store.append(&Owner::open(), &id(&format!("user {n}")), &message, None).await.unwrap();
    }
    (used_memory(&redis).await - before) / sessions as f64
}

/// Returns a store that has been used, because Redis takes memory for statistics when a command is called for the first time.
async fn warm_store(redis: &RedisServer) -> Arc<RedisStore> {
    let store = store(&redis.url(), 0);
    while store.create(&Owner::open(), &session("first")).await.is_err() {}
    store.append(&Owner::open(), &id("first"), &batch(1), None).await.unwrap();
    store
}

/// Returns the memory of Redis without the buffers of connections, after it has released those of idle ones.
async fn used_memory(redis: &RedisServer) -> f64 {
    tokio::time::sleep(IDLE_CONNECTION).await;
    let info = redis.ask(&["INFO", "memory"]);
    let [used, of_connections] = ["used_memory:", "mem_clients_normal:"].map(|field| {
        let value = info.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        value.trim().parse::<f64>().unwrap()
    });
    used - of_connections
}

fn session(name: &str) -> NewSession {
    NewSession {
        user_id: id(name),
        persona: PersonaKey::new("default"),
        metadata: Metadata::default(),
        if_exists: IfExists::Return,
        request_id: None,
    }
}

fn id(name: &str) -> UserId {
    UserId::try_from(name).unwrap()
}

fn batch(messages: usize) -> Batch {
    batch_of(CONTENT, messages)
}

fn batch_of(content: &str, messages: usize) -> Batch {
    let content = Content::try_from(content).unwrap();
    let message = NewMessage { role: Role::User, content, metadata: Metadata::default() };
    Batch::try_from(vec![message; messages]).unwrap()
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
