//! Typed access to the parts of a request. Every violation of a request is reported at once.

mod body;
mod expansion;
mod fields;
mod path;
mod query;

pub(crate) use body::{charge_parsed, read_body};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use expansion::parsed_bytes;
pub(crate) use fields::JsonFields;
pub(crate) use path::{CREATE, UserId};
pub(crate) use query::QueryParams;
