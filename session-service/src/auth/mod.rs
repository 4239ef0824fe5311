//! Authentication of callers, and the owners for whom they may act.

mod authenticator;
mod callers;
mod certificates;
mod keys;

pub use authenticator::{Authenticator, Credentials, Rejection};
pub use callers::{Caller, Role};
pub use certificates::Certificates;
pub use keys::Keys;
