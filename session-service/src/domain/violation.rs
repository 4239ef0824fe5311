//! What is wrong with a field of a request.

use std::fmt;

/// One thing that is wrong with one field, in words for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    field: String,
    description: String,
}

impl Violation {
    /// Says that `field` (a path such as `messages[0].content`) is wrong as described.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }

    /// The path of the field, in JSON names.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong and what would be right.
    pub fn description(&self) -> &str {
        &self.description
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.description)
    }
}
