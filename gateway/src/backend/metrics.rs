//! Metrics of the client of the session service, with the names of grpc-prometheus where it has some.

use super::health::Health;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::time::Duration;
use tonic::Code;

/// Methods that the gateway calls.
const METHODS: [&str; 12] = [
    "Create",
    "Get",
    "List",
    "History",
    "Append",
    "Touch",
    "Delete",
    "Watch",
    "Chat",
    "Cancel",
    "ListPersonas",
    "GetConfig",
];
/// Reasons for sending a call again.
const RETRY_REASONS: [&str; 3] = ["unsent", "unanswered", "slow"];
/// Outcomes of DNS lookups.
const LOOKUP_OUTCOMES: [&str; 4] = ["found", "empty", "failed", "timeout"];

/// Metrics of the client of the session service. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct BackendMetrics {
    started: Family<MethodLabels, Counter>,
    handled: Family<CodeLabels, Counter>,
    seconds: Family<MethodLabels, Histogram, fn() -> Histogram>,
    endpoints: Family<StateLabels, Gauge>,
    ejections: Counter,
    retries: Family<ReasonLabels, Counter>,
    lookups: Family<OutcomeLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    grpc_method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    grpc_method: &'static str,
    grpc_code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl BackendMetrics {
    /// Registers the metrics. The known label sets start at zero.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            started: Family::default(),
            handled: Family::default(),
            seconds: Family::new_with_constructor(runtime::metrics::call_duration_histogram),
            endpoints: Family::default(),
            ejections: Counter::default(),
            retries: Family::default(),
            lookups: Family::default(),
        };
        for grpc_method in METHODS {
            drop(metrics.started.get_or_create(&MethodLabels { grpc_method }));
            drop(metrics.seconds.get_or_create(&MethodLabels { grpc_method }));
            for number in 0..=16 {
                let grpc_code = code_name(Code::from_i32(number));
                drop(metrics.handled.get_or_create(&CodeLabels { grpc_method, grpc_code }));
            }
        }
        for health in Health::ALL {
            metrics.endpoints(health).set(0);
        }
        for reason in RETRY_REASONS {
            drop(metrics.retries.get_or_create(&ReasonLabels { reason }));
        }
        for outcome in LOOKUP_OUTCOMES {
            drop(metrics.lookups.get_or_create(&OutcomeLabels { outcome }));
        }
        registry.register(
            "grpc_client_started",
            "Started calls of the session service",
            metrics.started.clone(),
        );
        registry.register("grpc_client_handled", "Finished calls by code", metrics.handled.clone());
        registry.register(
            "grpc_client_handling_seconds",
            "Duration of calls, with retries",
            metrics.seconds.clone(),
        );
        let help = "Endpoints of the session service by state";
        registry.register("nono_backend_endpoints", help, metrics.endpoints.clone());
        let help = "Ejections of endpoints after failed calls";
        registry.register("nono_backend_ejections", help, metrics.ejections.clone());
        registry.register("nono_backend_retries", "Repeated calls by reason", metrics.retries.clone());
        registry.register("nono_backend_lookups", "DNS lookups by outcome", metrics.lookups.clone());
        metrics
    }

    fn endpoints(&self, health: Health) -> Gauge {
        self.endpoints.get_or_create_owned(&StateLabels { state: health.as_label() })
    }

    pub(super) fn call_started(&self, grpc_method: &'static str) {
        self.started.get_or_create(&MethodLabels { grpc_method }).inc();
    }

    pub(super) fn call_ended(&self, grpc_method: &'static str, code: Code, took: Duration) {
        self.handled.get_or_create(&CodeLabels { grpc_method, grpc_code: code_name(code) }).inc();
        self.seconds.get_or_create(&MethodLabels { grpc_method }).observe(took.as_secs_f64());
    }

    pub(super) fn endpoint_added(&self, health: Health) {
        self.endpoints(health).inc();
    }

    pub(super) fn endpoint_changed(&self, previous: Health, health: Health) {
        self.endpoints(previous).dec();
        self.endpoints(health).inc();
    }

    pub(super) fn endpoint_removed(&self, health: Health) {
        self.endpoints(health).dec();
    }

    pub(super) fn ejected(&self) {
        self.ejections.inc();
    }

    pub(super) fn retried(&self, reason: &'static str) {
        self.retries.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(super) fn lookup(&self, outcome: &'static str) {
        self.lookups.get_or_create(&OutcomeLabels { outcome }).inc();
    }
}

/// Returns the name of a code as grpc-prometheus spells it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}
