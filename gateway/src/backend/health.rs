//! States of an endpoint.

/// Health of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// No connection yet, or none any more.
    Connecting,
    Ready,
    /// Connected; the service reports that it is starting or draining, or reports nothing.
    NotServing,
    /// Connected; calls failed repeatedly.
    Ejected,
}

impl Health {
    /// All states, in the order of metrics.
    pub(super) const ALL: [Self; 4] = [Self::Connecting, Self::Ready, Self::NotServing, Self::Ejected];

    /// Returns the label of the state in metrics.
    pub(super) const fn as_label(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Ready => "ready",
            Self::NotServing => "not_serving",
            Self::Ejected => "ejected",
        }
    }
}
