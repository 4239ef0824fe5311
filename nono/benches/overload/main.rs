//! Overload: throughput and latency of a service, alone and behind a gateway, at up to four times their peak, and with up to
//! 2000 readers of large pages.
//!
//! `cargo build --profile dist && cargo bench --profile dist --bench overload`, on Linux. Calls start at times that are fixed
//! in advance, however long others take. The load generator runs on the last core, and Redis and the programs on all others. The loads
//! alternate, and the peak is measured before and after each of them, because the speed of a machine that is shared with others changes
//! within seconds: a load is compared with the mean of both. A row has the medians of the rounds in which the generator was not the
//! bottleneck, the largest memory, and the means of the calls that failed or were not sent. If the generator was the bottleneck in all
//! rounds, the last column says so, and the row is no measurement. Rates count the calls that ended before the load did.
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
const FIRST_RATE: f64 = 1000.0;
/// Factor between the rates of two steps.
const STEP: f64 = 1.25;
/// Duration of a step.
const STEP_DURATION: Duration = Duration::from_secs(1);
/// Share of accepted calls below which a rate is above the peak.
const ACCEPTED_MIN: f64 = 0.9;
/// Loads as multiples of the peak.
const FACTORS: [f64; 3] = [1.0, 2.0, 4.0];
/// Number of times that each load is offered.
const ROUNDS: usize = 5;
/// Duration of a load.
const DURATION: Duration = Duration::from_secs(2);

/// A load, and what it used.
struct Round {
    /// Offered calls per second.
    offered: f64,
    /// Mean of the peaks before and after it, in calls per second.
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
    let mut rounds = FACTORS.map(|_| Vec::new());
    let mut rate = FIRST_RATE;
    let mut before = peak(&load, &mut rate).await;
    for _ in 0..ROUNDS {
        for (factor, rounds) in FACTORS.iter().zip(&mut rounds) {
            let (offered, begin) = (before * factor, deployment.begin());
            let outcome = load.offer(offered, DURATION).await;
            let used = deployment.used_since(&begin);
            let after = peak(&load, &mut rate).await;
            rounds.push(Round { offered, peak: f64::midpoint(before, after), outcome, used });
            before = after;
        }
    }
    for (factor, rounds) in FACTORS.iter().zip(rounds) {
        print_row(target, *factor, &measurements(rounds));
    }
}

/// Returns the rounds in which the load generator was not the bottleneck, or all rounds if it always was.
fn measurements(rounds: Vec<Round>) -> Vec<Round> {
    let (bottleneck, measurements): (Vec<_>, Vec<_>) = rounds.into_iter().partition(Round::is_bottleneck);
    if measurements.is_empty() { bottleneck } else { measurements }
}

impl Round {
    fn accepted(&self) -> f64 {
        per_second(self.outcome.accepted_in_time, DURATION)
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

/// Raises the rate until it is above the peak. Returns the peak, which is the most accepted calls per second of a step.
async fn peak(load: &Load, rate: &mut f64) -> f64 {
    let mut highest = 0.0_f64;
    loop {
        let step = load.offer(*rate, STEP_DURATION).await;
        let accepted = per_second(step.accepted_in_time, STEP_DURATION);
        highest = highest.max(accepted);
        if accepted < *rate * ACCEPTED_MIN {
            return highest;
        }
        *rate *= STEP;
    }
}

fn print_row(target: Target, factor: f64, rounds: &[Round]) {
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure));
    let total =
        |count: fn(&Outcome) -> usize| rounds.iter().map(|round| count(&round.outcome)).sum::<usize>();
    let mean = |count| per_second(total(count), DURATION) / rounds.len() as f64;
    let rejected = total(|outcome| outcome.rejected.len()).max(1) as f64;
    let used: Vec<_> = rounds.iter().map(|round| &round.used).collect();
    println!(
        "| {} | {factor:.0}x | {:.0} | {:.0} | {:.2} | {:.1} | {:.1} | {:.0} | {:.1} | {:.0} % | {:.1} | {:.0} | {} |",
        target.name(),
        of(|round| round.offered),
        of(Round::accepted),
        of(|round| round.accepted() / round.peak),
        of(|round| percentile(&round.outcome.accepted, 50)),
        of(|round| percentile(&round.outcome.accepted, 99)),
        of(|round| per_second(round.outcome.rejected_in_time, DURATION)),
        of(|round| percentile(&round.outcome.rejected, 99)),
        100.0 * total(|outcome| outcome.with_delay) as f64 / rejected,
        mean(|outcome| outcome.failed),
        mean(|outcome| outcome.unsent),
        Used::of_rounds(&used).columns(of(Round::lateness)),
    );
}

fn per_second(calls: usize, duration: Duration) -> f64 {
    calls as f64 / duration.as_secs_f64()
}

/// Returns the median of numbers, which is the mean of two for an even count.
fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

/// Returns a percentile in milliseconds of durations in microseconds.
fn percentile(micros: &[u32], percent: usize) -> f64 {
    let mut sorted = micros.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len().max(1) - 1) * percent / 100).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
}
