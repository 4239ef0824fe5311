//! Metrics of watchers.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::time::Duration;

/// Metrics of watchers.
#[derive(Clone, Debug)]
pub(crate) struct WatchMetrics {
    watchers: Gauge,
    limit: Gauge,
    rejected: Counter,
    heads: Counter,
    reads: Counter,
    delay: Histogram,
}

impl WatchMetrics {
    /// Registers the metrics.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
        let metrics = Self {
            watchers: Gauge::default(),
            limit: Gauge::default(),
            rejected: Counter::default(),
            heads: Counter::default(),
            reads: Counter::default(),
            delay: Histogram::new(buckets),
        };
        registry.register("nono_watchers", "Streams that watch a session", metrics.watchers.clone());
        registry.register("nono_watchers_limit", "Maximum number of watchers", metrics.limit.clone());
        let help = "Watchers rejected at the limit";
        registry.register("nono_watchers_rejected", help, metrics.rejected.clone());
        let help = "Heads of sessions read to detect changes";
        registry.register("nono_watch_head_reads", help, metrics.heads.clone());
        let help = "Changes of sessions received by watchers";
        registry.register("nono_watch_changes", help, metrics.reads.clone());
        let help = "Time from the append of a message to its event, on the clock of the store";
        registry.register("nono_watch_delay_seconds", help, metrics.delay.clone());
        metrics
    }

    pub(super) fn set_limit(&self, max_watchers: u32) {
        self.limit.set(max_watchers.into());
    }

    pub(super) fn begin(&self) {
        self.watchers.inc();
    }

    pub(super) fn end(&self) {
        self.watchers.dec();
    }

    pub(super) fn rejected(&self) {
        self.rejected.inc();
    }

    pub(super) fn heads_read(&self, heads: usize) {
        self.heads.inc_by(heads as u64);
    }

    pub(super) fn changed(&self) {
        self.reads.inc();
    }

    pub(super) fn message(&self, delay: Duration) {
        self.delay.observe(delay.as_secs_f64());
    }
}
