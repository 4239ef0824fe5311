//! Overload: throughput and latency of a service, alone and behind a gateway, at up to four times their peak, and with up to
//! 2000 readers of large pages.
//!
//! `cargo build --profile dist && cargo bench --profile dist --bench overload`, on Linux. Calls start at times that are fixed
//! in advance, however long others take. The load generator runs on the last core, and Redis and the programs on all others. A row counts as a
//! measurement only if the generator was not the bottleneck, which its last column says.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints its results")]

mod deployment;
mod load;
mod mix;
mod process;
mod readers;
mod wire;

use deployment::{Deployment, Target};
use load::{Load, Outcome};
use std::time::Duration;

/// The allocator of the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Columns of the tables. Memory is that of the service and the gateway, CPU time that of both, Redis and the generator.
const OVERLOAD_COLUMNS: &str = "| through | load | offered/s | accepted/s | of the peak | p50 ms | p99 ms | rejected/s \
                                | p99 ms | with a delay | failed/s | not sent/s | peak MiB | CPU s | generator |";
const READERS_COLUMNS: &str = "| through | readers | pages/s | rejected/s | failed/s | p99 ms of a Get | peak MiB \
                               | CPU s | generator |";

/// Rate of the first step in the search for the peak, in calls per second.
const FIRST_RATE: f64 = 500.0;
/// Factor between the rates of two steps.
const STEP: f64 = 1.25;
/// Duration of a step.
const STEP_DURATION: Duration = Duration::from_millis(1500);
/// Share of accepted calls below which a rate is above the peak.
const ACCEPTED_MIN: f64 = 0.9;
/// Duration of the load at a multiple of the peak.
const DURATION: Duration = Duration::from_secs(6);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("{OVERLOAD_COLUMNS}");
    println!("{}", "|---".repeat(15) + "|");
    for target in [Target::Service, Target::Gateway] {
        overload(target).await;
    }
    println!("\n{READERS_COLUMNS}");
    println!("{}", "|---".repeat(9) + "|");
    for target in [Target::Service, Target::Gateway] {
        readers::table(target).await;
    }
}

/// Measures the peak of a target, and offers multiples of it.
async fn overload(target: Target) {
    let deployment = Deployment::start(target).await;
    let load = Load::new(&deployment).await;
    let peak = peak(&load).await;
    for factor in [1.0, 2.0, 4.0] {
        let before = deployment.begin();
        let outcome = load.offer(peak * factor, DURATION).await;
        print_row(&deployment, factor, peak, &outcome, &deployment.used_since(&before));
    }
}

/// Raises the rate until calls are rejected. Returns the highest rate of accepted calls.
async fn peak(load: &Load) -> f64 {
    let (mut rate, mut peak, mut steps_above) = (FIRST_RATE, 0.0_f64, 0);
    while steps_above < 2 {
        let outcome = load.offer(rate, STEP_DURATION).await;
        let accepted = outcome.accepted.len() as f64 / STEP_DURATION.as_secs_f64();
        peak = peak.max(accepted);
        steps_above = if accepted < rate * ACCEPTED_MIN { steps_above + 1 } else { 0 };
        rate *= STEP;
    }
    peak
}

fn print_row(deployment: &Deployment, factor: f64, peak: f64, outcome: &Outcome, used: &deployment::Used) {
    let seconds = DURATION.as_secs_f64();
    let rate = |count: usize| count as f64 / seconds;
    let accepted = rate(outcome.accepted.len());
    let delay = 100.0 * outcome.with_delay as f64 / outcome.rejected.len().max(1) as f64;
    println!(
        "| {} | {factor:.0}x | {:.0} | {accepted:.0} | {:.2} | {:.1} | {:.1} | {:.0} | {:.1} | {delay:.0} % | {:.1} | {:.0} | {} |",
        deployment.target.name(),
        peak * factor,
        accepted / peak,
        percentile(&outcome.accepted, 50),
        percentile(&outcome.accepted, 99),
        rate(outcome.rejected.len()),
        percentile(&outcome.rejected, 99),
        rate(outcome.failed),
        rate(outcome.unsent),
        used.columns(percentile(&outcome.lateness, 99)),
    );
}

/// Returns a percentile in milliseconds of durations in microseconds.
fn percentile(micros: &[u32], percent: usize) -> f64 {
    let mut sorted = micros.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len().max(1) - 1) * percent / 100).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
}
