//! Conversion of metadata between JSON and `google.protobuf.Struct`.
//!
//! A `Struct` holds every number as a double. Whole numbers within 53 bits become JSON integers again; all other finite
//! doubles, negative zero included, keep their exact value.

use prost_types::{ListValue, Struct, Value as Pb, value::Kind};
use serde_json::{Map, Number, Value as Json};

/// Largest magnitude below which every integer is a double.
const EXACT_MAX: f64 = 9_007_199_254_740_991.0;

/// Converts a JSON object. An integer that a double would round stays beyond the bound that the service enforces.
pub fn to_struct(object: Map<String, Json>) -> Struct {
    Struct { fields: object.into_iter().map(|(key, value)| (key, to_value(value))).collect() }
}

fn to_value(value: Json) -> Pb {
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(values) => {
            Kind::ListValue(ListValue { values: values.into_iter().map(to_value).collect() })
        }
        Json::Object(object) => Kind::StructValue(to_struct(object)),
    };
    Pb { kind: Some(kind) }
}

/// Converts a `Struct`; an absent one becomes the empty object.
pub fn to_json(object: Option<Struct>) -> Map<String, Json> {
    let fields = object.unwrap_or_default().fields;
    fields.into_iter().map(|(key, value)| (key, from_value(value))).collect()
}

fn from_value(value: Pb) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => Json::Bool(value),
        Some(Kind::NumberValue(number)) => from_double(number).map_or(Json::Null, Json::Number),
        Some(Kind::StringValue(text)) => Json::String(text),
        Some(Kind::ListValue(list)) => Json::Array(list.values.into_iter().map(from_value).collect()),
        Some(Kind::StructValue(object)) => Json::Object(to_json(Some(object))),
    }
}

/// Converts a double; `None` if it is not finite.
pub fn from_double(number: f64) -> Option<Number> {
    let is_negative_zero = number == 0.0 && number.is_sign_negative();
    if number.fract() == 0.0 && number.abs() <= EXACT_MAX && !is_negative_zero {
        #[expect(clippy::cast_possible_truncation, reason = "the number is whole and within 53 bits")]
        return Some(Number::from(number as i64));
    }
    Number::from_f64(number)
}

/// Returns the number of levels of nested objects and lists; an empty object has one.
pub fn levels(object: &Map<String, Json>) -> usize {
    fn of(value: &Json) -> usize {
        match value {
            Json::Array(values) => 1 + values.iter().map(of).max().unwrap_or_default(),
            Json::Object(object) => levels(object),
            _ => 0,
        }
    }
    1 + object.values().map(of).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_survives_both_conversions() {
        let json =
            r#"{"a":[],"b":{"c":[{},[1,-2.5,null]]},"max":9007199254740991,"n":42,"t":true,"z":"\u0001"}"#;
        let object: Map<String, Json> = serde_json::from_str(json).unwrap();
        assert_eq!(to_json(Some(to_struct(object.clone()))), object);
        assert_eq!(Json::Object(to_json(Some(to_struct(object)))).to_string(), json);
        assert!(to_json(None).is_empty());
    }

    /// Writes a double as JSON, reads it as a request does, and returns the double that the service receives.
    fn round_trip(number: f64) -> f64 {
        let json = format!(r#"{{"n":{}}}"#, from_double(number).unwrap());
        let object: Map<String, Json> = serde_json::from_str(&json).unwrap();
        match to_struct(object).fields["n"].kind {
            Some(Kind::NumberValue(number)) => number,
            ref other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_finite_double_keeps_its_bits() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let random = std::iter::repeat_with(|| {
            // xorshift64: any bit pattern is a double to try.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            f64::from_bits(random)
        });
        let near_the_bound = (-40..=40)
            .flat_map(|step: i32| [1.0, -1.0].map(|sign| sign * (EXACT_MAX + 1.0 + f64::from(step) / 2.0)));
        let chosen =
            [0.424_519_189_142_513_96, 0.1, -0.0, 5e-324, f64::MIN_POSITIVE, f64::MAX, 1e22, 1e23, 4.35];
        let numbers = chosen.into_iter().chain(near_the_bound).chain(random.take(100_000));
        for number in numbers.filter(|number| number.is_finite()) {
            assert_eq!(round_trip(number).to_bits(), number.to_bits(), "{number:e}");
        }
    }

    #[test]
    fn levels_count_objects_and_lists() {
        for (json, expected) in
            [("{}", 1), (r#"{"a":1}"#, 1), (r#"{"a":{}}"#, 2), (r#"{"a":[[1]],"b":2}"#, 3)]
        {
            assert_eq!(levels(&serde_json::from_str(json).unwrap()), expected, "{json}");
        }
    }
}
