//! Violations of a request: bounded in number and text, so that a small request cannot cause a large error.

use std::fmt::{self, Display, Write};

/// Maximum number of violations that an error lists.
pub const VIOLATIONS_MAX: usize = 20;
/// Maximum number of bytes of all listed fields and descriptions.
pub const VIOLATIONS_MAX_BYTES: usize = 4096;
/// Maximum length of a field's path in bytes. A path may contain a name that the caller chose.
const FIELD_MAX_BYTES: usize = 128;
/// Maximum length of a description in bytes.
const DESCRIPTION_MAX_BYTES: usize = 512;
/// Key of the number of omitted violations in the metadata of `google.rpc.ErrorInfo`.
pub const OMITTED: &str = "violations_omitted";

/// A field of a request and the rule that it violates. Never contains the field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in JSON names, such as `messages[0].content`.
    pub field: String,
    /// The violated rule.
    pub description: String,
}

/// The violations of one request. Violations beyond the limits are only counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations {
    listed: Vec<Violation>,
    bytes: usize,
    omitted: usize,
}

impl Violations {
    /// Creates a list of one violation.
    pub fn one(field: impl Display, description: impl Display) -> Self {
        let mut violations = Self::default();
        violations.push(field, description);
        violations
    }

    /// Adds a violation. Formats it only if it is going to be listed.
    pub fn push(&mut self, field: impl Display, description: impl Display) {
        if self.listed.len() == VIOLATIONS_MAX || self.omitted > 0 {
            self.omitted += 1;
            return;
        }
        let field = truncated(field, FIELD_MAX_BYTES);
        let description = truncated(description, DESCRIPTION_MAX_BYTES);
        let bytes = self.bytes + field.len() + description.len();
        if bytes > VIOLATIONS_MAX_BYTES {
            self.omitted += 1;
            return;
        }
        self.bytes = bytes;
        self.listed.push(Violation { field, description });
    }

    /// Returns `true` if nothing was violated.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Returns `true` if a violation of `field` is listed.
    pub fn contains(&self, field: &str) -> bool {
        self.listed.iter().any(|violation| violation.field == field)
    }

    /// Returns the listed violations, in the order in which they were found.
    pub fn listed(&self) -> &[Violation] {
        &self.listed
    }

    /// Returns the number of violations that are not listed.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// Sets the number of violations that are not listed, as received in an error.
    pub fn set_omitted(&mut self, omitted: usize) {
        self.omitted = omitted;
    }
}

impl Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Violation { field, description }) in self.listed.iter().enumerate() {
            write!(f, "{}{field}: {description}", if index > 0 { "; " } else { "" })?;
        }
        match self.omitted {
            0 => Ok(()),
            omitted => write!(f, "; and {omitted} more"),
        }
    }
}

/// Formats a value into at most `max` bytes, cut at a character, without ever holding more of it.
fn truncated(value: impl Display, max: usize) -> String {
    struct Bounded {
        text: String,
        max: usize,
    }
    impl Write for Bounded {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            let room = self.max - self.text.len();
            if part.len() <= room {
                self.text.push_str(part);
                return Ok(());
            }
            let end = part.floor_char_boundary(room.saturating_sub('…'.len_utf8()));
            self.text.push_str(&part[..end]);
            if self.text.len() + '…'.len_utf8() <= self.max {
                self.text.push('…');
            }
            Err(fmt::Error)
        }
    }
    let mut bounded = Bounded { text: String::new(), max };
    // An error means that the text was cut.
    let _ = write!(bounded, "{value}");
    bounded.text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_with_many_violations_lists_twenty_and_counts_the_rest() {
        let mut violations = Violations::default();
        for at in 0..400_000 {
            violations.push(format_args!("messages[{at}].role"), "must be user, assistant or system");
        }
        assert_eq!((violations.listed().len(), violations.omitted()), (VIOLATIONS_MAX, 399_980));
        assert!(violations.to_string().ends_with("; and 399980 more"));
    }

    #[test]
    fn the_text_of_all_violations_is_bounded() {
        let mut violations = Violations::default();
        for _ in 0..30 {
            violations.push("é".repeat(1_000_000), "x".repeat(1_000_000));
        }
        let bytes = |v: &Violation| v.field.len() + v.description.len();
        assert!(violations.listed().iter().map(bytes).sum::<usize>() <= VIOLATIONS_MAX_BYTES);
        assert_eq!(violations.listed().len() + violations.omitted(), 30);
        assert!(violations.to_string().len() < VIOLATIONS_MAX_BYTES + 200);
    }

    #[test]
    fn short_text_is_kept_as_it_is() {
        let violations = Violations::one("a", "must be b");
        assert_eq!(violations.to_string(), "a: must be b");
        assert!(violations.contains("a") && !violations.contains("b"));
        for (text, max, expected) in [("éé", 4, "éé"), ("ééé", 5, "é…"), ("aaaaaa", 5, "aa…"), ("éé", 3, "…")]
        {
            assert_eq!(truncated(text, max), expected, "{text} in {max}");
        }
    }
}
