//! Admission of calls by class, so that a gateway without a free core rejects some at once instead of delaying all.

use prometheus_client::registry::Registry;
use runtime::{
    admission::{Admission, Class},
    limiter::LimiterSettings,
};
use std::time::Duration;

/// Creates the limits of the gateway. They are wider than those of the service, which usually rejects first.
pub(super) fn register(registry: &mut Registry) -> Admission {
    Admission::register("nono_backend_admission", limits, registry)
}

fn limits(class: Class) -> LimiterSettings {
    match class {
        Class::Point => LimiterSettings {
            min: 256,
            initial: 2048,
            max: 2048,
            target: Duration::from_millis(100),
            queue: 2048,
        },
        Class::Page | Class::List => LimiterSettings {
            min: 16,
            initial: 128,
            max: 128,
            target: Duration::from_millis(200),
            queue: 512,
        },
    }
}

/// Returns the class of a method; `None` if it is always admitted: the configuration, and chats, watchers
/// and cancellations, which the service limits.
pub(super) fn class(method: &str) -> Option<Class> {
    match method {
        "History" => Some(Class::Page),
        "List" => Some(Class::List),
        "Create" | "Get" | "Append" | "Touch" | "Delete" => Some(Class::Point),
        _ => None,
    }
}
