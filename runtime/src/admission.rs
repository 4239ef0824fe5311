//! Admission of calls by class, so that overload rejects some calls at once instead of delaying all of them.
//!
//! Each class has an adaptive limit. Point reads and writes come before pages of history, and these before lists: while
//! calls of one class are slow, the limits of the classes after it decrease, too.

use crate::limiter::{Limiter, LimiterSettings, Permit, Rejected};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{counter::Counter, family::Family, gauge::ConstGauge},
    registry::Registry,
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Time for which a call counts as in progress while its response is sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// Class of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// One session or one write.
    Point,
    /// A page of messages, up to a mebibyte.
    Page,
    /// A page of sessions.
    List,
}

impl Class {
    const ALL: [Self; 3] = [Self::Point, Self::Page, Self::List];

    const fn as_label(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Page => "page",
            Self::List => "list",
        }
    }
}

/// The limits of all classes. Clones share them.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Limits>);

#[derive(Debug)]
struct Limits {
    /// Prefix of the metrics.
    name: &'static str,
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
#[derive(Debug)]
pub struct Admitted {
    admission: Admission,
    class: Class,
    permit: Permit,
}

impl Admission {
    /// Creates the limits of each class, and registers their metrics, whose names begin with `name`.
    pub fn register(
        name: &'static str,
        settings: impl Fn(Class) -> LimiterSettings,
        registry: &mut Registry,
    ) -> Self {
        let limiters = Class::ALL.map(|class| Limiter::new(settings(class)));
        let admission = Self(Arc::new(Limits { name, limiters, rejected: Family::default() }));
        for class in Class::ALL {
            for rejected in [Rejected::Limit, Rejected::Deadline] {
                drop(admission.0.rejected.get_or_create(&labels(class, rejected)));
            }
        }
        let help = "Calls rejected because of overload, by class and reason";
        registry.register(format!("{name}_rejected"), help, admission.0.rejected.clone());
        registry.register_collector(Box::new(admission.clone()));
        admission
    }

    /// Admits a call that must end within `timeout`; `None` if it must be rejected.
    pub async fn admit(&self, class: Class, timeout: Option<Duration>) -> Option<Admitted> {
        match self.0.limiters[class as usize].admit(timeout).await {
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
    pub fn record_latency(&mut self) {
        if self.permit.record_latency() {
            let less_important = &self.admission.0.limiters[self.class as usize + 1..];
            less_important.iter().for_each(Limiter::yield_to_others);
        }
    }

    /// Counts the call as in progress until its response is sent, which is most of the work of a large one, but only for a
    /// while: a client that reads slowly must not keep others out.
    /// Dropping the guard ends the call. A call on one session ends now.
    pub fn hold_until_sent(self) -> Option<DropGuard> {
        if self.class == Class::Point {
            return None;
        }
        let sent = CancellationToken::new();
        let guard = sent.clone().drop_guard();
        tokio::spawn(async move {
            // The response is sent, or the time is over.
            let _ = timeout(SEND_TIMEOUT, sent.cancelled()).await;
            drop(self.permit);
        });
        Some(guard)
    }
}

impl Collector for Admission {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut encode = |name: &str, help: &str, value: fn(&Limiter) -> usize| {
            let kind = ConstGauge::new(0_i64).metric_type();
            let name = format!("{}_{name}", self.0.name);
            let mut metric = encoder.encode_descriptor(&name, help, None, kind)?;
            Class::ALL.into_iter().zip(&self.0.limiters).try_for_each(|(class, limiter)| {
                let gauge = ConstGauge::new(i64::try_from(value(limiter)).unwrap_or(i64::MAX));
                gauge.encode(metric.encode_family(&ClassLabel { class: class.as_label() })?)
            })
        };
        encode("limit", "Current limit of concurrent calls by class", Limiter::limit)?;
        encode("in_flight", "Admitted calls in progress by class", Limiter::in_flight)
    }
}
