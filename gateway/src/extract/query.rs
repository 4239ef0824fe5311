//! Query parameters, read one by one.

use crate::error::Problem;
use axum::{extract::FromRequestParts, http::request::Parts};
use nono_proto::Violations;

/// The query parameters of a request that are not read yet.
pub(crate) struct QueryParams {
    pairs: Vec<(String, String)>,
    violations: Violations,
}

impl<S: Send + Sync> FromRequestParts<S> for QueryParams {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl QueryParams {
    /// Parses a query string.
    pub(crate) fn parse(query: &str) -> Result<Self, Problem> {
        let pairs = serde_urlencoded::from_str(query)
            .map_err(|_| Problem::invalid_field("query", "must be percent-encoded UTF-8"))?;
        Ok(Self { pairs, violations: Violations::default() })
    }

    /// Reads an optional string.
    pub(crate) fn string(&mut self, name: &str) -> Option<String> {
        let (mut found, others): (Vec<_>, _) =
            std::mem::take(&mut self.pairs).into_iter().partition(|(n, _)| n == name);
        self.pairs = others;
        if found.len() > 1 {
            self.violations.push(name, "must be given once");
        }
        found.pop().map(|(_, value)| value)
    }

    /// Reads an optional number of items. A number that does not fit is clamped, as the service clamps large ones.
    pub(crate) fn items(&mut self, name: &str) -> i32 {
        let Some(text) = self.string(name) else { return 0 };
        let (is_negative, digits) = text.strip_prefix('-').map_or((false, &*text), |digits| (true, digits));
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            self.violations.push(name, "must be a whole number");
        }
        text.parse().unwrap_or(if is_negative { i32::MIN } else { i32::MAX })
    }

    /// Reads an optional `seq`.
    pub(crate) fn seq(&mut self, name: &str) -> Option<u32> {
        self.number(name)
    }

    /// Reads an optional parameter that has one of the given values.
    pub(crate) fn one_of<T: Copy>(&mut self, name: &str, values: &[(&str, T)]) -> Option<T> {
        let text = self.string(name)?;
        let found = values.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = values.iter().map(|(word, _)| *word).collect();
            self.violations.push(name, format_args!("must be one of {}", words.join(", ")));
        }
        found
    }

    fn number<T: std::str::FromStr>(&mut self, name: &str) -> Option<T> {
        let text = self.string(name)?;
        // The parser would accept a plus sign.
        let number = text.parse().ok().filter(|_| !text.starts_with('+'));
        if number.is_none() {
            self.violations.push(name, "must be a whole number in range");
        }
        number
    }

    /// Returns `value` unless there was a violation or an unknown parameter is left.
    pub(crate) fn finish<T>(mut self, value: T) -> Result<T, Problem> {
        for (name, _) in self.pairs {
            self.violations.push(name, "is not a known parameter");
        }
        if self.violations.is_empty() { Ok(value) } else { Err(Problem::invalid(self.violations)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits() {
        let seq = |query: &str| {
            let mut params = QueryParams::parse(query)?;
            let seq = params.seq("before");
            params.finish(seq)
        };
        for (query, expected) in [
            ("", None),
            ("before=0", Some(0)),
            ("before=007", Some(7)),
            ("before=4294967295", Some(u32::MAX)),
        ] {
            assert_eq!(seq(query).ok(), Some(expected), "{query}");
        }
        for query in
            ["before=", "before=%2B5", "before=-1", "before=+5", "before=4294967296", "before=1&before=1"]
        {
            assert!(seq(query).is_err(), "{query}");
        }
    }
}
