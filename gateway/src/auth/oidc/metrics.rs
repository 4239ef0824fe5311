//! Metrics of the keys of the identity provider.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// Counters of refreshes. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct RefreshMetrics(Family<OutcomeLabels, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// Outcome of a refresh of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefreshOutcome {
    /// Other keys are in use now.
    Changed,
    /// The keys are the same.
    Unchanged,
    /// The keys were not available or not valid, so the previous ones stay in use.
    Failed,
}

impl RefreshOutcome {
    const ALL: [Self; 3] = [Self::Changed, Self::Unchanged, Self::Failed];

    const fn as_label(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
        }
    }
}

impl RefreshMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "nono_oidc_refreshes",
            "Refreshes of the keys of the identity provider by outcome",
            metrics.0.clone(),
        );
        for outcome in RefreshOutcome::ALL {
            drop(metrics.counter(outcome));
        }
        metrics
    }

    pub(super) fn count(&self, outcome: RefreshOutcome) {
        self.counter(outcome).inc();
    }

    fn counter(&self, outcome: RefreshOutcome) -> impl std::ops::Deref<Target = Counter> {
        self.0.get_or_create(&OutcomeLabels { outcome: outcome.as_label() })
    }
}
