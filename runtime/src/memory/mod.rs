//! Memory of the process: its limit, and the budgets of the data that clients make it keep.
//!
//! Every input is bounded, but not the sum of all inputs. What clients send and do not read is charged to a budget, and
//! rejected beyond it, so that the process stays within its limit and keeps serving others.

mod budget;
mod limit;

pub use budget::{MemoryBudget, Reservation, SMALL_MAX_BYTES};
pub use limit::process_limit;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};
use std::fmt;

/// Name, unit and value of a metric of a budget.
type Metric = (&'static str, &'static str, fn(&MemoryBudget) -> u64);

/// The budgets of a process. Clones share them.
#[derive(Clone, Debug)]
pub struct MemoryBudgets {
    /// Headers of requests that are not complete.
    pub headers: MemoryBudget,
    /// Bodies of requests, until the requests have been handled.
    pub requests: MemoryBudget,
    /// Bodies of responses, until they are sent.
    pub responses: MemoryBudget,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabel {
    class: &'static str,
}

impl MemoryBudgets {
    /// Creates the budgets of a process with this memory limit in bytes.
    ///
    /// All budgets together are half of it. The other half is for the program itself, for copies while data is converted,
    /// for the allocator and for the buffers of the kernel.
    pub fn new(limit: u64) -> Self {
        let share = usize::try_from(limit / 32).unwrap_or(usize::MAX);
        let budget = |class, shares| MemoryBudget::new(class, share.saturating_mul(shares));
        Self {
            headers: budget("headers", 2),
            requests: budget("requests", 7),
            responses: budget("responses", 7),
        }
    }

    /// Registers the metrics of all budgets, starting at zero.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }

    fn all(&self) -> [&MemoryBudget; 3] {
        [&self.headers, &self.requests, &self.responses]
    }
}

/// Budgets that no test reaches.
impl Default for MemoryBudgets {
    fn default() -> Self {
        Self::new(1 << 40)
    }
}

impl Collector for MemoryBudgets {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gauges: [Metric; 2] = [
            ("nono_memory_budget_bytes", "Memory budget by class", |budget| budget.capacity() as u64),
            ("nono_memory_reserved_bytes", "Reserved part of the memory budget by class", |budget| {
                budget.reserved() as u64
            }),
        ];
        for (name, help, value) in gauges {
            let kind = ConstGauge::new(0_i64).metric_type();
            let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
            for budget in self.all() {
                let gauge = ConstGauge::new(i64::try_from(value(budget)).unwrap_or(i64::MAX));
                gauge.encode(metric.encode_family(&ClassLabel { class: budget.class() })?)?;
            }
        }
        let help = "Reservations rejected because the memory budget of the class was used up";
        let kind = ConstCounter::new(0_u64).metric_type();
        let mut metric = encoder.encode_descriptor("nono_memory_rejected", help, None, kind)?;
        for budget in self.all() {
            let counter = ConstCounter::new(budget.rejected());
            counter.encode(metric.encode_family(&ClassLabel { class: budget.class() })?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_budgets_together_are_half_of_the_limit() {
        let budgets = MemoryBudgets::new(256 << 20);
        assert_eq!(budgets.all().map(MemoryBudget::capacity), [16 << 20, 56 << 20, 56 << 20]);
    }

    #[test]
    fn metrics_exist_from_the_start() {
        let (budgets, mut registry) = (MemoryBudgets::new(64 << 20), Registry::default());
        budgets.register(&mut registry);
        let _held = budgets.requests.try_reserve(1000);
        assert!(budgets.headers.try_reserve(1 << 30).is_none());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "nono_memory_budget_bytes{class=\"responses\"} 14680064",
            "nono_memory_reserved_bytes{class=\"headers\"} 0",
            "nono_memory_reserved_bytes{class=\"requests\"} 1000",
            "nono_memory_rejected_total{class=\"headers\"} 1",
            "nono_memory_rejected_total{class=\"responses\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
