//! Query strings.

use super::check_problem;
use crate::extract::QueryParams;

/// Checks the parameters of a history: accepted ones are given once, known, and numbers of digits. Input: a query string.
pub fn query(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let read = || {
        let mut params = QueryParams::parse(text)?;
        let values = (params.items("limit"), params.seq("before"), params.seq("after"));
        params.finish(values)
    };
    let (limit, before, after) = match read() {
        Err(problem) => return check_problem(&problem),
        Ok(values) => values,
    };
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text).expect("it was read");
    let value = |name: &str| {
        let mut values = pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is given twice");
        value
    };
    assert!(pairs.iter().all(|(name, _)| ["limit", "before", "after"].contains(&name.as_str())));
    for (name, seq) in [("before", before), ("after", after)] {
        let digits = value(name).map(|text| text.trim_start_matches('0'));
        let written = seq.map(|seq| if seq == 0 { String::new() } else { seq.to_string() });
        assert_eq!(digits, written.as_deref(), "{name}");
    }
    let is_negative = value("limit").is_some_and(|text| text.starts_with('-'));
    assert!(limit == 0 || is_negative == (limit < 0), "{limit}");
}
