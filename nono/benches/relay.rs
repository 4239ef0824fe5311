//! The cost of relaying a reply, compared with calling the model directly: delay and throughput of the pieces.
//!
//! `cargo build --profile dist && cargo bench --profile dist --bench relay`. The model and the clients are in this process. The
//! programs are builds of the same profile in separate processes. Direct and relayed rounds are interleaved; the table has their medians.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints its results")]

use serde_json::json;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};
use testkit::{Behaviour, ModelServer, bench_program, micros, sent_at};
use tokio::task::JoinSet;

const ROUNDS: usize = 3;
/// Streams, pieces per stream, milliseconds between pieces, and rounds: realistic rates, at most 2000 pieces per second. A single stream
/// has one first piece in a round.
const PACED: [(usize, usize, u64, usize); 3] =
    [(1, 20, 10, 15), (100, 30, 50, ROUNDS), (1000, 6, 500, ROUNDS)];
/// Streams and pieces per stream, without pauses.
const UNPACED: [(usize, usize); 3] = [(1, 1500), (100, 300), (1000, 60)];

/// A server under test.
struct Target {
    name: &'static str,
    base: String,
    is_model: bool,
}

/// Results of one round, in microseconds and seconds.
struct Round {
    first: Vec<u64>,
    every: Vec<u64>,
    seconds: f64,
}

/// A program that is killed when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::main]
async fn main() {
    let model = ModelServer::start().await;
    let url = model.url();
    let of_model = ["--model-url", &url, "--model", "clock", "--store", "memory:"];
    let (_service, grpc) = start("session-service", &of_model, "grpc");
    let (_gateway, apart) = start("gateway", &["--backend", &format!("http://{grpc}")], "page");
    let (_nono, together) =
        start("nono", &[&of_model[..], &["--grpc-listen", "127.0.0.1:0"]].concat(), "http");
    let targets = [
        Target { name: "the model", base: url.clone(), is_model: true },
        Target { name: "gateway and session-service", base: apart, is_model: false },
        Target { name: "nono", base: format!("http://{together}"), is_model: false },
    ];
    println!(
        "| streams | pieces/s asked for | through | first piece, median ms | a piece, median ms | p99 ms |"
    );
    println!("|---|---|---|---|---|---|");
    for (streams, pieces, pause, count) in PACED {
        let rounds = rounds(&model, &targets, streams, pieces, Duration::from_millis(pause), count).await;
        for (target, mut rounds) in targets.iter().zip(rounds) {
            let mut median = |figure: fn(&mut Round) -> u64| {
                let mut figures: Vec<_> = rounds.iter_mut().map(figure).collect();
                millis(percentile(&mut figures, 50))
            };
            println!(
                "| {streams} | {} | {} | {:.2} | {:.2} | {:.2} |",
                streams * 1000 / usize::try_from(pause).unwrap(),
                target.name,
                median(|round| percentile(&mut round.first, 50)),
                median(|round| percentile(&mut round.every, 50)),
                median(|round| percentile(&mut round.every, 99)),
            );
        }
    }
    println!("\n| streams | through | pieces/s | ratio |\n|---|---|---|---|");
    for (streams, pieces) in UNPACED {
        let rounds = rounds(&model, &targets, streams, pieces, Duration::ZERO, ROUNDS).await;
        let mut direct = None;
        for (target, rounds) in targets.iter().zip(rounds) {
            let mut rates: Vec<_> =
                rounds.iter().map(|round| round.every.len() as f64 / round.seconds).collect();
            rates.sort_by(f64::total_cmp);
            let rate = rates[rates.len() / 2];
            let ratio = rate / *direct.get_or_insert(rate);
            println!("| {streams} | {} | {rate:.0} | {ratio:.2} |", target.name);
        }
    }
}

async fn rounds(
    model: &ModelServer,
    targets: &[Target; 3],
    streams: usize,
    pieces: usize,
    pause: Duration,
    count: usize,
) -> [Vec<Round>; 3] {
    let mut rounds = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..=count {
        for (target, rounds) in targets.iter().zip(&mut rounds) {
            for _ in 0..streams {
                model.script(Behaviour::Clock { pieces, pause });
            }
            let measured = measure(target, streams, pieces, pause).await;
            // The first round is a warm-up.
            if round > 0 {
                rounds.push(measured);
            }
        }
    }
    rounds
}

async fn measure(target: &Target, streams: usize, pieces: usize, pause: Duration) -> Round {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let client = reqwest::Client::new();
    let mut requests = Vec::new();
    for _ in 0..streams {
        if target.is_model {
            let request = client.post(format!("{}/chat/completions", target.base));
            requests.push(request.json(&json!({ "messages": [] })));
            continue;
        }
        let user_id = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        let create = client.post(format!("{}/api/session/create", target.base));
        create.json(&json!({ "user_id": user_id })).send().await.unwrap().error_for_status().unwrap();
        let chat = client.post(format!("{}/api/session/{user_id}/chat", target.base));
        requests.push(chat.header("accept", "text/event-stream").json(&json!({ "message": "hi" })));
    }
    let begun = Instant::now();
    let mut reading = JoinSet::new();
    for (n, request) in requests.into_iter().enumerate() {
        // Clients do not all start at the same time.
        let offset = pause * u32::try_from(n).unwrap() / u32::try_from(streams).unwrap();
        reading.spawn(async move {
            tokio::time::sleep(offset).await;
            read(request).await
        });
    }
    let mut round = Round { first: Vec::new(), every: Vec::new(), seconds: 0.0 };
    for delays in reading.join_all().await {
        assert_eq!(delays.len(), pieces, "every piece arrives");
        round.first.push(delays[0]);
        round.every.extend(delays);
    }
    round.seconds = begun.elapsed().as_secs_f64();
    round
}

/// Reads a stream to its end and returns the delay of each piece.
async fn read(request: reqwest::RequestBuilder) -> Vec<u64> {
    let mut response = request.send().await.unwrap().error_for_status().unwrap();
    let (mut delays, mut text) = (Vec::new(), String::new());
    while let Some(chunk) = response.chunk().await.unwrap() {
        let now = micros();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        // A piece is parsed once its line is complete. The last event repeats the whole reply.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let events: String = text.drain(..whole).collect();
        let pieces = events.split("event: done").next().unwrap();
        delays.extend(sent_at(pieces).map(|sent| now.saturating_sub(sent)));
        if pieces.len() < events.len() {
            break;
        }
    }
    delays
}

/// Starts a program on free ports and returns an address from its log.
fn start(name: &str, arguments: &[&str], field: &str) -> (Running, String) {
    let path = bench_program(env!("CARGO_BIN_EXE_nono"), name);
    let mut command = Command::new(path);
    if name != "session-service" {
        command.args(["--http-listen", "127.0.0.1:0"]);
    } else {
        command.args(["--grpc-listen", "127.0.0.1:0"]);
    }
    command.args(["--admin-listen", "127.0.0.1:0"]).args(arguments);
    command.env("RUST_LOG", "warn,nono=debug,gateway=info,session_service=info");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
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
    // The log is read continuously, because a full pipe would block the program.
    std::thread::spawn(move || lines.for_each(drop));
    (Running(child), address)
}

fn percentile(figures: &mut [u64], percent: usize) -> u64 {
    figures.sort_unstable();
    figures[(figures.len() - 1) * percent / 100]
}

fn millis(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() * 1000.0
}
