//! JSON that says everything once: an object with a duplicate key is an error, at any depth. Other readers keep the last
//! value of such a key and lose the others without a word.

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Error, Map, Number, Value, map::Entry};
use std::fmt;

/// Byte order mark, which some writers put before JSON.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Parses JSON, nested at most 128 levels deep.
pub(crate) fn parse(json: &[u8]) -> Result<Value, Error> {
    let json = json.strip_prefix(BOM).unwrap_or(json);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = Strict.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Builds a [`Value`] and rejects duplicate keys.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(Strict)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            match object.entry(key) {
                Entry::Occupied(_) => return Err(A::Error::custom("an object has the same key twice")),
                Entry::Vacant(entry) => drop(entry.insert(map.next_value_seed(Strict)?)),
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_as_the_library_reads_it() {
        for json in [
            "null",
            "[true,false,-1,18446744073709551615,0.1,-0.0,1e300,\"\\u00e9\\ud83e\\udd16\"]",
            r#"{"a":{"b":[{}, []]},"c":""}"#,
            " { } ",
        ] {
            assert_eq!(
                parse(json.as_bytes()).unwrap(),
                serde_json::from_str::<Value>(json).unwrap(),
                "{json}"
            );
        }
        assert_eq!(parse(b"\xef\xbb\xbf{}").unwrap(), serde_json::json!({}));
    }

    #[test]
    fn a_key_given_twice_is_an_error_at_any_depth() {
        for json in [r#"{"a":1,"a":1}"#, r#"{"x":[{"y":{"a":1,"b":2,"a":3}}]}"#, r#"{"a":1,"\u0061":2}"#] {
            let error = parse(json.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("an object has the same key twice at line 1"), "{error}");
        }
        assert!(parse(br#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn anything_else_is_an_error() {
        for json in ["", "{", "{}x", "\"\\ud800\"", "[1,]", "1e999", "\u{0}", "\u{feff}\u{feff}{}"] {
            assert!(parse(json.as_bytes()).is_err(), "{json:?}");
        }
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(nested(100).as_bytes()).is_ok());
        assert!(parse(nested(100_000).as_bytes()).is_err());
    }
}
