//! Validation of stored metadata, so that one corrupt record never fails a page of others.

use crate::domain::{
    Metadata,
    limits::{METADATA_MAX_BYTES, METADATA_MAX_LEVELS},
};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Returns stored metadata, after checking that it is an object within the limits. The error does not quote it.
pub(crate) fn stored(json: &str) -> Result<Metadata, String> {
    let metadata = Metadata::stored(json);
    if metadata.is_empty() {
        return Ok(metadata);
    }
    if json.len() > METADATA_MAX_BYTES {
        return Err(format!("metadata has over {METADATA_MAX_BYTES} bytes"));
    }
    if !(json.starts_with('{') && json.ends_with('}')) {
        return Err("metadata is not a JSON object".into());
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let checked = Checked { levels: METADATA_MAX_LEVELS }.deserialize(&mut deserializer);
    match checked.and_then(|()| deserializer.end()) {
        Ok(()) => Ok(metadata),
        Err(error) if error.is_data() => Err(format!("metadata has over {METADATA_MAX_LEVELS} levels")),
        Err(_) => Err("metadata is not a JSON object".into()),
    }
}

/// A JSON value with at most this many levels of objects and arrays. Unlike `IgnoredAny` it validates strings, numbers
/// and depth.
#[derive(Clone, Copy)]
struct Checked {
    levels: usize,
}

impl Checked {
    fn descend<E: Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1).ok_or_else(|| E::custom("too deep"))?;
        Ok(Self { levels })
    }
}

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let inner = self.descend()?;
        while elements.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let inner = self.descend()?;
        while entries.next_key_seed(inner)?.is_some() {
            entries.next_value_seed(inner)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
    }

    #[test]
    fn valid_metadata_are_returned_unchanged() {
        for json in ["{}", r#"{"a":[],"b":[{"c":-1.5e3,"d":null}],"e":"\ud83e\udd16","f":true}"#, &nested(16)]
        {
            assert_eq!(stored(json).unwrap().as_json(), json);
        }
    }

    #[test]
    fn invalid_metadata_are_rejected_without_being_quoted() {
        let large = format!(r#"{{"secret":"{}"}}"#, "x".repeat(METADATA_MAX_BYTES));
        for json in [
            "",
            "secret",
            "null",
            "42",
            "[]",
            r#""secret""#,
            "{secret}",
            r#"{"secret""#,
            r#"{"secret":1}}"#,
            r#"{"secret":1} {}"#,
            r#"{"secret":1e999}"#,
            r#"{"secret":"\ud800"}"#,
            r#"{"secret\ud800":1}"#,
            r#"{"secret":01}"#,
            "{\"secret\":\"\n\"}",
            &nested(17),
            &format!(r#"{{"a":{}{}}}"#, "[".repeat(16), "]".repeat(16)),
            &nested(100_000),
            &large,
        ] {
            let error = stored(json).unwrap_err();
            assert!(error.starts_with("metadata ") && !error.contains("secret"), "{error}");
        }
    }
}
