//! Admission of calls by class, so that overload rejects some calls at once instead of delaying all of them.
//!
//! Each class has an adaptive limit. Point reads and writes come before pages of history, and these before lists: while
//! calls of one class are slow, the limits of the classes after it decrease, too.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{counter::Counter, family::Family, gauge::ConstGauge},
    registry::Registry,
};
use runtime::limiter::{Limiter, LimiterSettings, Permit, Rejected};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Time for which a call counts as in progress while its response is sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// Class of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// One session or one write.
    Point,
    /// A page of messages, up to a mebibyte.
    Page,
    /// A page of sessions.
    List,
}

impl Class {
    const ALL: [Self; 3] = [Self::Point, Self::Page, Self::List];

    /// Returns the class of a method; `None` if it is always admitted: health, reflection, the configuration, and chats,
    /// which have a limit of their own.
    pub(super) fn of(service: &str, method: &str) -> Option<Self> {
        match (service, method) {
            ("nono.session.v1.SessionService", "History") => Some(Self::Page),
            ("nono.session.v1.SessionService", "List") => Some(Self::List),
            ("nono.session.v1.SessionService", _) => Some(Self::Point),
            _ => None,
        }
    }

    const fn as_label(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Page => "page",
            Self::List => "list",
        }
    }

    /// A page of a mebibyte takes several milliseconds of a core, so more than a few at a time only delay each other.
    const fn settings(self) -> LimiterSettings {
        const fn settings(min: usize, initial: usize, max: usize, target_millis: u64) -> LimiterSettings {
            LimiterSettings { min, initial, max, target: Duration::from_millis(target_millis) }
        }
        match self {
            Self::Point => settings(32, 1024, 1024, 50),
            Self::Page | Self::List => settings(4, 16, 64, 100),
        }
    }
}

/// The limits of all classes. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Admission(Arc<Limits>);

#[derive(Debug)]
struct Limits {
    limiters: [Limiter; 3],
    rejected: Family<RejectedLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabel {
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RejectedLabels {
    class: &'static str,
    reason: &'static str,
}

/// An admitted call.
pub(super) struct Admitted {
    admission: Admission,
    class: Class,
    permit: Permit,
}

impl Admission {
    /// Registers the metrics, starting at zero.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let limiters = Class::ALL.map(|class| Limiter::new(class.settings()));
        let admission = Self(Arc::new(Limits { limiters, rejected: Family::default() }));
        for class in Class::ALL {
            for rejected in [Rejected::Limit, Rejected::Deadline] {
                drop(admission.0.rejected.get_or_create(&labels(class, rejected)));
            }
        }
        let help = "Calls rejected because of overload, by class and reason";
        registry.register("nono_admission_rejected", help, admission.0.rejected.clone());
        registry.register_collector(Box::new(admission.clone()));
        admission
    }

    /// Admits a call that must end within `timeout`; `None` if it must be rejected.
    pub(super) fn admit(&self, class: Class, timeout: Option<Duration>) -> Option<Admitted> {
        match self.0.limiters[class as usize].admit(timeout) {
            Ok(permit) => Some(Admitted { admission: self.clone(), class, permit }),
            Err(rejected) => {
                self.0.rejected.get_or_create(&labels(class, rejected)).inc();
                None
            }
        }
    }
}

fn labels(class: Class, rejected: Rejected) -> RejectedLabels {
    let reason = match rejected {
        Rejected::Limit => "limit",
        Rejected::Deadline => "deadline",
    };
    RejectedLabels { class: class.as_label(), reason }
}

impl Admitted {
    /// Records the latency of the call, which depends on the load.
    pub(super) fn record_latency(&mut self) {
        if self.permit.record_latency() {
            let less_important = &self.admission.0.limiters[self.class as usize + 1..];
            less_important.iter().for_each(Limiter::yield_to_others);
        }
    }

    /// Counts the call as in progress until its response is sent, which is most of the work of a large one, but only for a
    /// while: a client that reads slowly must not keep others out.
    pub(super) fn hold_until_sent(self) -> DropGuard {
        let sent = CancellationToken::new();
        let guard = sent.clone().drop_guard();
        if self.class != Class::Point {
            tokio::spawn(async move {
                // The response is sent, or the time is over.
                let _ = timeout(SEND_TIMEOUT, sent.cancelled()).await;
                drop(self.permit);
            });
        }
        guard
    }
}

impl Collector for Admission {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut encode = |name: &str, help: &str, value: fn(&Limiter) -> usize| {
            let kind = ConstGauge::new(0_i64).metric_type();
            let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
            Class::ALL.into_iter().zip(&self.0.limiters).try_for_each(|(class, limiter)| {
                let gauge = ConstGauge::new(i64::try_from(value(limiter)).unwrap_or(i64::MAX));
                gauge.encode(metric.encode_family(&ClassLabel { class: class.as_label() })?)
            })
        };
        encode("nono_admission_limit", "Current limit of concurrent calls by class", Limiter::limit)?;
        encode("nono_admission_in_flight", "Admitted calls in progress by class", Limiter::in_flight)
    }
}
