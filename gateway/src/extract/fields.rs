//! A JSON object in a body, read field by field.

use super::body::{charge_parsed, read_body};
use crate::{error::Problem, header_list, strict_json};
use axum::{
    body::HttpBody,
    extract::{FromRequest, OptionalFromRequest, Request},
    http::{HeaderMap, header::CONTENT_TYPE},
};
use nono_proto::{EncodedStruct, Violations, limits::METADATA_MAX_LEVELS, metadata};
use serde_json::{Map, Value};

/// The fields of a JSON object that are not read yet.
#[derive(Default)]
pub(crate) struct JsonFields {
    path: String,
    object: Map<String, Value>,
    violations: Violations,
}

impl<S: Send + Sync> FromRequest<S> for JsonFields {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::not_json());
        }
        let body = read_body(request.into_body()).await?;
        charge_parsed(&body)?;
        Self::parse(&body)
    }
}

/// Reads the fields of a body that may be absent.
impl<S: Send + Sync> OptionalFromRequest<S> for JsonFields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.body().is_end_stream() {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

/// Returns `true` if the content type is JSON in UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let types: Vec<_> = headers.get_all(CONTENT_TYPE).iter().collect();
    let [value] = types[..] else { return false };
    let Some(item) = value.to_str().ok().and_then(header_list::single) else { return false };
    let is_json = item.is("application/json")
        || (item.name.starts_with("application/") && item.name.ends_with("+json"));
    is_json && item.param("charset").is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"))
}

impl JsonFields {
    /// Parses a body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Problem> {
        match strict_json::parse(body) {
            Ok(Value::Object(object)) => {
                Ok(Self { path: String::new(), object, violations: Violations::default() })
            }
            Ok(other) => Err(Problem::invalid_field(
                "body",
                format_args!("must be a JSON object, not {}", kind(&other)),
            )),
            Err(error) => Err(Problem::invalid_field("body", format_args!("is not valid JSON: {error}"))),
        }
    }

    /// Reads a required string.
    pub(crate) fn required_string(&mut self, name: &str) -> String {
        self.require(name);
        self.string(name)
    }

    /// Reads an optional string; an absent one is empty.
    pub(crate) fn string(&mut self, name: &str) -> String {
        self.optional_string(name).unwrap_or_default()
    }

    /// Reads an optional `request_id`. The empty string is a mistake of the caller, whose retries would not be safe.
    pub(crate) fn request_id(&mut self) -> String {
        let request_id = self.optional_string("request_id");
        if request_id.as_deref() == Some("") {
            self.reject("request_id", "must not be empty; leave it out for a request without one");
        }
        request_id.unwrap_or_default()
    }

    fn optional_string(&mut self, name: &str) -> Option<String> {
        self.take(name, "a string", |value| match value {
            Value::String(text) => Ok(text),
            other => Err(other),
        })
    }

    /// Reads optional metadata.
    pub(crate) fn metadata(&mut self, name: &str) -> Option<EncodedStruct> {
        let object = self.take(name, "an object", |value| match value {
            Value::Object(object) => Ok(object),
            other => Err(other),
        })?;
        // A deeper one cannot be carried to the service: protobuf limits the depth of messages.
        if metadata::levels(&object) > METADATA_MAX_LEVELS {
            self.reject(name, format_args!("must be at most {METADATA_MAX_LEVELS} levels deep"));
            return None;
        }
        Some(metadata::to_struct(object).into())
    }

    /// Reads a required list of at most `max` objects, each read by `read`.
    pub(crate) fn required_list<T>(
        &mut self,
        name: &str,
        max: usize,
        read: impl Fn(&mut Self) -> T,
    ) -> Vec<T> {
        self.require(name);
        let values = self.take(name, "a list", |value| match value {
            Value::Array(values) => Ok(values),
            other => Err(other),
        });
        let values = values.unwrap_or_default();
        if values.len() > max {
            let count = values.len();
            self.reject(name, format_args!("must contain between 1 and {max} items (got {count})"));
            return Vec::new();
        }
        let mut items = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            let path = format!("{}{name}[{index}]", self.path);
            match value {
                Value::Object(object) => {
                    let violations = std::mem::take(&mut self.violations);
                    let mut fields = Self { path: format!("{path}."), object, violations };
                    items.push(read(&mut fields));
                    fields.reject_unknown();
                    self.violations = fields.violations;
                }
                other => self.violations.push(path, format_args!("must be an object, not {}", kind(&other))),
            }
        }
        items
    }

    /// Reads an optional field that has one of the given values.
    pub(crate) fn one_of<T: Copy>(&mut self, name: &str, values: &[(&str, T)]) -> Option<T> {
        let text = self.optional_string(name)?;
        let found = values.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = values.iter().map(|(word, _)| *word).collect();
            self.reject(name, format_args!("must be one of {}", words.join(", ")));
        }
        found
    }

    /// Returns `value` unless there was a violation or an unknown field is left.
    pub(crate) fn finish<T>(mut self, value: T) -> Result<T, Problem> {
        self.reject_unknown();
        if self.violations.is_empty() { Ok(value) } else { Err(Problem::invalid(self.violations)) }
    }

    fn require(&mut self, name: &str) {
        if !self.object.contains_key(name) {
            self.reject(name, "is required");
        }
    }

    /// Removes an optional field; `null` counts as absent.
    fn take<T>(&mut self, name: &str, expected: &str, read: impl Fn(Value) -> Result<T, Value>) -> Option<T> {
        match self.object.remove(name)? {
            Value::Null => None,
            value => match read(value) {
                Ok(value) => Some(value),
                Err(other) => {
                    self.reject(name, format_args!("must be {expected}, not {}", kind(&other)));
                    None
                }
            },
        }
    }

    fn reject(&mut self, name: &str, description: impl std::fmt::Display) {
        self.violations.push(format_args!("{}{name}", self.path), description);
    }

    fn reject_unknown(&mut self) {
        for (name, _) in std::mem::take(&mut self.object) {
            self.reject(&name, "is not a known field");
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
