//! Metrics of certificates.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Side of a connection on which a certificate is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The ports of this program.
    Server,
    /// Connections to the session service.
    Backend,
}

impl Side {
    const fn as_label(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Backend => "backend",
        }
    }
}

/// Metrics of certificates. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct TlsMetrics {
    reloads: Family<ReloadLabels, Counter>,
    not_after: Family<SideLabel, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    side: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SideLabel {
    side: &'static str,
}

impl TlsMetrics {
    /// Registers the metrics. They have no values without TLS.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Changed certificates, keys and authorities by outcome";
        registry.register("nono_tls_reloads", help, self.reloads.clone());
        let help = "End of the validity of the certificate in use, in Unix seconds";
        registry.register("nono_tls_certificate_not_after_timestamp_seconds", help, self.not_after.clone());
    }

    /// Starts the counters of a side at zero, and sets the end of its certificate's validity if it has one.
    pub fn start(&self, side: Side, not_after: Option<i64>) {
        for outcome in ["reloaded", "rejected"] {
            drop(self.reloads.get_or_create(&ReloadLabels { side: side.as_label(), outcome }));
        }
        self.set_not_after(side, not_after);
    }

    /// Counts a change of the files.
    pub fn reloaded(&self, side: Side, is_used: bool) {
        let outcome = if is_used { "reloaded" } else { "rejected" };
        self.reloads.get_or_create(&ReloadLabels { side: side.as_label(), outcome }).inc();
    }

    /// Sets the end of the validity of the certificate in use.
    pub fn set_not_after(&self, side: Side, not_after: Option<i64>) {
        if let Some(not_after) = not_after {
            self.not_after.get_or_create(&SideLabel { side: side.as_label() }).set(not_after);
        }
    }
}
