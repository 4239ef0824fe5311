//! Cost of an append and of a turn, compared with an earlier build.

use super::service::{Service, append, chat, connect, create};
use std::path::Path;
use testkit::{RedisServer, bench_program, bench_variable, cpu_seconds};

const ROUNDS: usize = 7;
const APPENDS: usize = 3000;
const TURNS: usize = 40;

/// CPU time in microseconds of the service and of Redis for a call.
type Cost = [f64; 2];

/// Prints the comparison if there is an earlier build. Its rounds alternate with those of this build.
pub(super) async fn compare() {
    let Some(baseline) = bench_variable("NONO_BENCH_BASELINE") else { return };
    let this = bench_program(env!("CARGO_BIN_EXE_nono"), "session-service");
    println!(
        "\n| microseconds | service before | now | ratio | Redis before | now | ratio |\n|---|---|---|---|---|---|---|"
    );
    for name in ["Append", "turn of the demo"] {
        let (mut before, mut now) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            before.push(round(Path::new(&baseline), name).await);
            now.push(round(&this, name).await);
        }
        let [(service_before, service), (redis_before, redis)] =
            [0, 1].map(|n| (median(&before, n), median(&now, n)));
        println!(
            "| {name} | {service_before:.1} | {service:.1} | {:.2} | {redis_before:.1} | {redis:.1} | {:.2} |",
            service / service_before,
            redis / redis_before
        );
    }
}

async fn round(program: &Path, name: &str) -> Cost {
    let redis = RedisServer::start();
    let service = Service::start_program(program, &redis.url(), None);
    let mut client = connect(&service.address).await;
    create(&mut client, "a").await;
    let count = if name == "Append" { APPENDS } else { TURNS };
    let cpu = || [service.cpu_seconds(), cpu_seconds(redis.pid())];
    let before = cpu();
    if name == "Append" {
        for _ in 0..count {
            append(&mut client, "a").await;
        }
    } else {
        let turns = (0..count).map(|n| {
            let (mut client, address) = (client.clone(), service.address.clone());
            async move {
                create(&mut client, &n.to_string()).await;
                chat(address, n.to_string()).await;
            }
        });
        futures_util::future::join_all(turns).await;
    }
    let after = cpu();
    [0, 1].map(|n| (after[n] - before[n]) * 1e6 / count as f64)
}

fn median(costs: &[Cost], n: usize) -> f64 {
    let mut costs: Vec<f64> = costs.iter().map(|cost| cost[n]).collect();
    costs.sort_by(f64::total_cmp);
    costs[costs.len() / 2]
}
