//! Admission of calls: the class of each method, and its limits.

use prometheus_client::registry::Registry;
use runtime::{
    admission::{Admission, Class},
    limiter::LimiterSettings,
};
use std::time::Duration;

/// Creates the limits of the service.
pub(super) fn register(registry: &mut Registry) -> Admission {
    Admission::register("nono_admission", limits, registry)
}

/// A page of a mebibyte takes several milliseconds of a core, so more than a few at a time only delay each other.
fn limits(class: Class) -> LimiterSettings {
    match class {
        Class::Point => LimiterSettings {
            min: 256,
            initial: 1024,
            max: 1024,
            target: Duration::from_millis(50),
            queue: 1024,
        },
        Class::Page | Class::List => {
            LimiterSettings { min: 4, initial: 16, max: 64, target: Duration::from_millis(100), queue: 256 }
        }
    }
}

/// Returns the class of a method; `None` if it is always admitted: health, reflection, the configuration, and chats, which
/// have a limit of their own.
pub(super) fn class(service: &str, method: &str) -> Option<Class> {
    match (service, method) {
        // A limit of their own.
        ("nono.session.v1.SessionService", "Watch") => None,
        ("nono.session.v1.SessionService", "History") => Some(Class::Page),
        ("nono.session.v1.SessionService", "List") => Some(Class::List),
        ("nono.session.v1.SessionService", _) => Some(Class::Point),
        _ => None,
    }
}
