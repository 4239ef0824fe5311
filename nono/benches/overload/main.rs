//! Overload: throughput and latency of a service, alone and behind a gateway, at up to four times their peak, and with up to
//! 2000 readers of large pages.
//!
//! `cargo build --profile dist && cargo bench --profile dist --bench overload`, on Linux. Calls start at times that are fixed
//! in advance, however long others take. The load generator runs on the last core, and Redis and the programs on all others. The loads
//! alternate, each directly after a measurement of the peak, because the speed of a machine that is shared with others changes within
//! seconds. A row is the round with the median part of the peak of those in which the generator was not the bottleneck. If it was in all
//! of them, the last column says so, and the row is no measurement.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints its results")]

mod deployment;
mod load;
mod mix;
mod process;
mod readers;
mod wire;

use deployment::{Deployment, Target, Used};
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
/// Loads as multiples of the peak.
const FACTORS: [f64; 3] = [1.0, 2.0, 4.0];
/// Number of times that each load is offered.
const ROUNDS: usize = 3;
/// Duration of a load.
const DURATION: Duration = Duration::from_secs(4);

/// A load, and what it used.
struct Round {
    /// Peak before it, in calls per second.
    peak: f64,
    outcome: Outcome,
    used: Used,
}

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
    let highest = highest_rate(&load).await;
    let mut rounds = FACTORS.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (factor, rounds) in FACTORS.iter().zip(&mut rounds) {
            let peak = accepted(&load, highest).await;
            let before = deployment.begin();
            let outcome = load.offer(peak * factor, DURATION).await;
            rounds.push(Round { peak, outcome, used: deployment.used_since(&before) });
        }
    }
    for (factor, rounds) in FACTORS.iter().zip(rounds) {
        print_row(target, *factor, &median(rounds));
    }
}

/// Returns the round with the median part of the peak of those that are measurements, if there are any.
fn median(rounds: Vec<Round>) -> Round {
    let (bottleneck, mut rounds): (Vec<_>, Vec<_>) = rounds.into_iter().partition(Round::is_bottleneck);
    if rounds.is_empty() {
        rounds = bottleneck;
    }
    rounds.sort_by(|one, other| one.part_of_peak().total_cmp(&other.part_of_peak()));
    let middle = rounds.len() / 2;
    rounds.swap_remove(middle)
}

impl Round {
    fn part_of_peak(&self) -> f64 {
        self.outcome.accepted.len() as f64 / DURATION.as_secs_f64() / self.peak
    }

    /// 99th percentile of the time from which a call was due until it was sent, in milliseconds.
    fn lateness(&self) -> f64 {
        percentile(&self.outcome.lateness, 99)
    }

    /// Returns `true` if the load generator was the bottleneck.
    fn is_bottleneck(&self) -> bool {
        self.used.is_bottleneck(self.lateness())
    }
}

/// Raises the rate until calls are rejected. Returns the most accepted calls per second of a step.
async fn highest_rate(load: &Load) -> f64 {
    let (mut rate, mut highest, mut steps_above) = (FIRST_RATE, 0.0_f64, 0);
    while steps_above < 2 {
        let accepted = accepted(load, rate).await;
        highest = highest.max(accepted);
        steps_above = if accepted < rate * ACCEPTED_MIN { steps_above + 1 } else { 0 };
        rate *= STEP;
    }
    highest
}

/// Offers calls for a step. Returns the number of accepted calls per second.
async fn accepted(load: &Load, rate: f64) -> f64 {
    load.offer(rate, STEP_DURATION).await.accepted.len() as f64 / STEP_DURATION.as_secs_f64()
}

fn print_row(target: Target, factor: f64, round: &Round) {
    let Round { peak, outcome, used } = round;
    let seconds = DURATION.as_secs_f64();
    let rate = |count: usize| count as f64 / seconds;
    let accepted = rate(outcome.accepted.len());
    let delay = 100.0 * outcome.with_delay as f64 / outcome.rejected.len().max(1) as f64;
    println!(
        "| {} | {factor:.0}x | {:.0} | {accepted:.0} | {:.2} | {:.1} | {:.1} | {:.0} | {:.1} | {delay:.0} % | {:.1} | {:.0} | {} |",
        target.name(),
        peak * factor,
        round.part_of_peak(),
        percentile(&outcome.accepted, 50),
        percentile(&outcome.accepted, 99),
        rate(outcome.rejected.len()),
        percentile(&outcome.rejected, 99),
        rate(outcome.failed),
        rate(outcome.unsent),
        used.columns(round.lateness()),
    );
}

/// Returns a percentile in milliseconds of durations in microseconds.
fn percentile(micros: &[u32], percent: usize) -> f64 {
    let mut sorted = micros.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len().max(1) - 1) * percent / 100).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
}
