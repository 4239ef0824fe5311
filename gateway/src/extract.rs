//! What a request says, read with everything that is wrong at once, and every refusal in our own form.

use crate::error::{Problem, Violation};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE, request::Parts},
};
use serde_json::{Map, Value};
use std::time::Duration;

/// The longest that a client takes to send a body.
const BODY_MAX_WAIT: Duration = Duration::from_secs(30);

/// The path of creation.
pub(crate) const CREATE: &str = "/api/session/create";

/// The `user_id` of the path, percent-decoded. Whether it is a good one is for the service to say.
pub(crate) struct UserId(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for UserId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // The path of creation hides the session that is called so.
        if parts.uri.path() == CREATE {
            return Ok(Self("create".into()));
        }
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(user_id)) => Ok(Self(user_id)),
            Err(_) => Err(Problem::invalid(vec![Violation {
                field: "user_id".into(),
                description: "must be percent-encoded UTF-8".into(),
            }])),
        }
    }
}

/// A JSON object with named fields, taken out one by one.
pub(crate) struct Fields {
    path: String,
    object: Map<String, Value>,
    violations: Vec<Violation>,
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::not_json());
        }
        let reading = Bytes::from_request(request, state);
        let body = tokio::time::timeout(BODY_MAX_WAIT, reading)
            .await
            .map_err(|_| Problem::slow_body())?
            .map_err(unread)?;
        match serde_json::from_slice(&body) {
            Ok(Value::Object(object)) => Ok(Self::new(String::new(), object)),
            Ok(other) => Err(Problem::invalid_body(format!("must be a JSON object, not {}", kind(&other)))),
            Err(error) => Err(Problem::invalid_body(format!("is not JSON: {error}"))),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = essence.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn unread(rejection: BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::too_large();
    }
    Problem::invalid_body("could not be read to its end")
}

impl Fields {
    fn new(path: String, object: Map<String, Value>) -> Self {
        Self { path, object, violations: Vec::new() }
    }

    /// A string that must be there.
    pub(crate) fn required_text(&mut self, name: &str) -> String {
        if !self.object.contains_key(name) {
            self.refuse(name, "is required");
        }
        self.text(name)
    }

    /// A string that may be there.
    pub(crate) fn text(&mut self, name: &str) -> String {
        self.take(name, "a string", |value| match value {
            Value::String(text) => Ok(text),
            other => Err(other),
        })
        .unwrap_or_default()
    }

    /// An object that may be there.
    pub(crate) fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        self.take(name, "an object", |value| match value {
            Value::Object(object) => Ok(object),
            other => Err(other),
        })
    }

    /// A list of objects that must be there, each read by `read`.
    pub(crate) fn required_list<T>(&mut self, name: &str, read: impl Fn(&mut Self) -> T) -> Vec<T> {
        if !self.object.contains_key(name) {
            self.refuse(name, "is required");
        }
        let values = self.take(name, "a list", |value| match value {
            Value::Array(values) => Ok(values),
            other => Err(other),
        });
        let mut items = Vec::new();
        for (at, value) in values.unwrap_or_default().into_iter().enumerate() {
            let path = format!("{}{name}[{at}]", self.path);
            match value {
                Value::Object(object) => {
                    let mut fields = Self::new(format!("{path}."), object);
                    items.push(read(&mut fields));
                    self.violations.extend(fields.leftovers());
                }
                other => self.violations.push(Violation {
                    field: path,
                    description: format!("must be an object, not {}", kind(&other)),
                }),
            }
        }
        items
    }

    /// One of a few words, that may be there.
    pub(crate) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let is_there = self.object.get(name).is_some_and(|value| !value.is_null());
        let text = self.text(name);
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if is_there && found.is_none() && !self.has_violation(name) {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.refuse(name, format!("must be one of {}", words.join(", ")));
        }
        found
    }

    /// `value`, unless anything was wrong or is left over.
    pub(crate) fn finish<T>(mut self, value: T) -> Result<T, Problem> {
        let violations = self.leftovers();
        if violations.is_empty() { Ok(value) } else { Err(Problem::invalid(violations)) }
    }

    /// A value that may be there; `null` is the same as nothing.
    fn take<T>(&mut self, name: &str, expected: &str, read: impl Fn(Value) -> Result<T, Value>) -> Option<T> {
        match self.object.remove(name)? {
            Value::Null => None,
            value => match read(value) {
                Ok(value) => Some(value),
                Err(other) => {
                    self.refuse(name, format!("must be {expected}, not {}", kind(&other)));
                    None
                }
            },
        }
    }

    fn refuse(&mut self, name: &str, description: impl Into<String>) {
        let field = format!("{}{name}", self.path);
        self.violations.push(Violation { field, description: description.into() });
    }

    fn has_violation(&self, name: &str) -> bool {
        let field = format!("{}{name}", self.path);
        self.violations.iter().any(|violation| violation.field == field)
    }

    /// What was wrong, and a violation for each field that nobody asked for.
    fn leftovers(&mut self) -> Vec<Violation> {
        for name in std::mem::take(&mut self.object).into_iter().map(|(name, _)| name) {
            self.refuse(&name, "is not a known field");
        }
        std::mem::take(&mut self.violations)
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

/// The parameters behind the question mark, taken out one by one.
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    violations: Vec<Violation>,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::from_str(query).map_err(|error| {
            Problem::invalid(vec![Violation { field: "query".into(), description: error.to_string() }])
        })?;
        Ok(Self { pairs, violations: Vec::new() })
    }
}

impl Parameters {
    /// Text that may be there.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let (mut found, others): (Vec<_>, _) =
            std::mem::take(&mut self.pairs).into_iter().partition(|(n, _)| n == name);
        self.pairs = others;
        if found.len() > 1 {
            self.refuse(name, "must be given once");
        }
        found.pop().map(|(_, value)| value)
    }

    /// A number of items that may be there; numbers beyond what fits are clamped, as the service does with large ones.
    pub(crate) fn items(&mut self, name: &str) -> i32 {
        let number: i64 = self.number(name).unwrap_or_default();
        i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX })
    }

    /// A seq that may be there.
    pub(crate) fn seq(&mut self, name: &str) -> Option<u32> {
        self.number(name)
    }

    /// One of these words, which may be absent.
    pub(crate) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.refuse(name, format!("must be one of {}", words.join(", ")));
        }
        found
    }

    fn number<T: std::str::FromStr>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        text.parse()
            .map_err(|_| self.refuse(name, format!("must be a whole number in range, not {text:?}")))
            .ok()
    }

    /// `value`, unless anything was wrong or is left over.
    pub(crate) fn finish<T>(mut self, value: T) -> Result<T, Problem> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            self.refuse(&name, "is not a known parameter");
        }
        if self.violations.is_empty() { Ok(value) } else { Err(Problem::invalid(self.violations)) }
    }

    fn refuse(&mut self, name: &str, description: impl Into<String>) {
        self.violations.push(Violation { field: name.to_owned(), description: description.into() });
    }
}
