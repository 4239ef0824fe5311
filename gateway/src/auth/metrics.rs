//! Metrics of rejected requests. Neither owners nor addresses are named in them.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

pub(super) const NO_CREDENTIAL: &str = "no_credential";
pub(super) const INVALID_CREDENTIAL: &str = "invalid_credential";
pub(super) const EXPIRED_CREDENTIAL: &str = "expired_credential";
pub(super) const OWNER: &str = "owner";
pub(super) const ADDRESS: &str = "address";

/// Counters of rejected requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessMetrics {
    rejected: Family<ReasonLabels, Counter>,
    rate_limited: Family<ByLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLabels {
    by: &'static str,
}

impl AccessMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "nono_http_auth_rejected",
            "Requests that were rejected because of their credential",
            metrics.rejected.clone(),
        );
        registry.register(
            "nono_http_rate_limited",
            "Requests that were rejected by a rate limit, by its kind of key",
            metrics.rate_limited.clone(),
        );
        for reason in [NO_CREDENTIAL, INVALID_CREDENTIAL, EXPIRED_CREDENTIAL] {
            drop(metrics.rejected.get_or_create(&ReasonLabels { reason }));
        }
        for by in [OWNER, ADDRESS] {
            drop(metrics.rate_limited.get_or_create(&ByLabels { by }));
        }
        metrics
    }

    pub(super) fn reject(&self, reason: &'static str) {
        self.rejected.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(super) fn limit(&self, by: &'static str) {
        self.rate_limited.get_or_create(&ByLabels { by }).inc();
    }
}
