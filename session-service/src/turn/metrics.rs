//! Metrics of turns.

use super::events::{CANCELLED, ORPHANED};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::time::Duration;

/// Outcomes of turns besides errors of store and model.
const OUTCOMES: [&str; 7] =
    ["answered", "replayed", "attached", CANCELLED, ORPHANED, "stopped", "turn_in_progress"];
/// Outcomes of turns that failed because of the model.
const MODEL_OUTCOMES: [&str; 8] = [
    "unreachable",
    "unauthorized",
    "rate_limited",
    "failed",
    "timeout",
    "truncated",
    "invalid_response",
    "empty",
];

/// Metrics of turns.
#[derive(Clone, Debug)]
pub(crate) struct TurnMetrics {
    turns: Family<Outcome, Counter>,
    first_delta: Histogram,
    running: Gauge,
    limit: Gauge,
    rejected: Family<Rejection, Counter>,
    cancellations: Family<Outcome, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Rejection {
    reason: &'static str,
}

/// Outcomes of requests to cancel a turn.
const CANCELLATIONS: [&str; 2] = [CANCELLED, "not_running"];

/// Reasons to reject a turn: the maximum number of running turns of the process, and that of the owner.
const REJECTIONS: [&str; 2] = ["overloaded", "owner_overloaded"];

impl TurnMetrics {
    /// Registers the metrics. The known outcomes start at zero.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let buckets = [0.002, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
        let metrics = Self {
            turns: Family::default(),
            first_delta: Histogram::new(buckets),
            running: Gauge::default(),
            limit: Gauge::default(),
            rejected: Family::default(),
            cancellations: Family::default(),
        };
        for outcome in CANCELLATIONS {
            drop(metrics.cancellations.get_or_create(&Outcome { outcome }));
        }
        for reason in REJECTIONS {
            drop(metrics.rejected.get_or_create(&Rejection { reason }));
        }
        for outcome in OUTCOMES.into_iter().chain(MODEL_OUTCOMES) {
            drop(metrics.turns.get_or_create(&Outcome { outcome }));
        }
        let help = "Time from the request to the model to the first delta";
        registry.register("nono_chat_turns", "Finished turns by outcome", metrics.turns.clone());
        registry.register("nono_chat_first_delta_seconds", help, metrics.first_delta.clone());
        registry.register("nono_chat_turns_running", "Turns in progress", metrics.running.clone());
        let help = "Maximum number of turns in progress";
        registry.register("nono_chat_turns_limit", help, metrics.limit.clone());
        let help = "Turns rejected before anything was stored, by reason";
        registry.register("nono_chat_turns_rejected", help, metrics.rejected.clone());
        let help = "Requests to cancel a turn by outcome";
        registry.register("nono_chat_cancellations", help, metrics.cancellations.clone());
        metrics
    }

    /// Counts a request to cancel a turn.
    pub(super) fn cancel(&self, cancelled: bool) {
        let outcome = CANCELLATIONS[usize::from(!cancelled)];
        self.cancellations.get_or_create(&Outcome { outcome }).inc();
    }

    pub(super) fn set_limit(&self, max_turns: u32) {
        self.limit.set(max_turns.into());
    }

    pub(super) fn begin(&self) {
        self.running.inc();
    }

    pub(super) fn first_delta(&self, after: Duration) {
        self.first_delta.observe(after.as_secs_f64());
    }

    pub(super) fn end(&self, outcome: &'static str) {
        self.running.dec();
        self.count(outcome);
    }

    /// Counts a turn that ended without running.
    pub(super) fn count(&self, outcome: &'static str) {
        self.turns.get_or_create(&Outcome { outcome }).inc();
    }

    /// Counts a turn that was rejected at the limit.
    pub(super) fn reject(&self, reason: &'static str) {
        self.rejected.get_or_create(&Rejection { reason }).inc();
    }
}
