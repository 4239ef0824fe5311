//! Metadata between JSON and `Struct`: integers come back as integers. The service knows what is too much of it.

use prost_types::{ListValue, Struct, Value as Pb, value::Kind};
use serde_json::{Map, Number, Value as Json};

/// A JSON object as a `Struct`. An integer that a double would round stays beyond the bound that the service refuses.
pub(crate) fn to_struct(object: Map<String, Json>) -> Struct {
    Struct { fields: object.into_iter().map(|(key, value)| (key, to_pb(value))).collect() }
}

fn to_pb(value: Json) -> Pb {
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(values) => Kind::ListValue(ListValue { values: values.into_iter().map(to_pb).collect() }),
        Json::Object(object) => Kind::StructValue(to_struct(object)),
    };
    Pb { kind: Some(kind) }
}

/// A `Struct` as a JSON object; none is the empty object.
pub(crate) fn to_json(object: Option<Struct>) -> Map<String, Json> {
    let fields = object.unwrap_or_default().fields;
    fields.into_iter().map(|(key, value)| (key, from_pb(value))).collect()
}

fn from_pb(value: Pb) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => Json::Bool(value),
        Some(Kind::NumberValue(number)) => from_double(number),
        Some(Kind::StringValue(text)) => Json::String(text),
        Some(Kind::ListValue(list)) => Json::Array(list.values.into_iter().map(from_pb).collect()),
        Some(Kind::StructValue(object)) => Json::Object(to_json(Some(object))),
    }
}

fn from_double(number: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_991.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 53 bits")]
        return Json::Number(Number::from(number as i64));
    }
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_comes_back_as_it_was_sent() {
        let json =
            r#"{"a":[],"b":{"c":[{},[1,-2.5,null]]},"max":9007199254740991,"n":42,"t":true,"z":"\u0001"}"#;
        let object: Map<String, Json> = serde_json::from_str(json).unwrap();
        assert_eq!(to_json(Some(to_struct(object.clone()))), object);
        assert_eq!(Json::Object(to_json(Some(to_struct(object)))).to_string(), json);
        assert!(to_json(None).is_empty());
    }
}
