//! Conversion of metadata between `Struct` and stored JSON text. Integers stay integers.

use crate::domain::{
    Metadata,
    limits::{METADATA_MAX_BYTES, METADATA_MAX_LEVELS, METADATA_MAX_NUMBER},
};
use nono_proto::{
    EncodedStruct,
    metadata::{from_double, to_struct},
};
use prost_types::{Struct, Value as Pb, value::Kind};
use serde_json::{Map, Number, Value as Json};

/// Parses the metadata of a request; an absent one is the empty object.
pub(super) fn parse(metadata: Option<EncodedStruct>) -> Result<Metadata, String> {
    let Some(encoded) = metadata else {
        return Ok(Metadata::default());
    };
    let object = encoded.decode_struct().map_err(|len| {
        format!(
            "must be at most {METADATA_MAX_BYTES} bytes as JSON; it has {len} as protobuf, which is too much"
        )
    })?;
    Metadata::try_from(Json::Object(parse_object(object, METADATA_MAX_LEVELS)?).to_string())
}

fn parse_object(object: Struct, levels: usize) -> Result<Map<String, Json>, String> {
    let levels = descend(levels)?;
    object.fields.into_iter().map(|(key, value)| Ok((key, parse_value(value, levels)?))).collect()
}

fn parse_value(value: Pb, levels: usize) -> Result<Json, String> {
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => Json::Bool(value),
        Some(Kind::StringValue(text)) => Json::String(text),
        Some(Kind::NumberValue(number)) => Json::Number(parse_number(number)?),
        Some(Kind::StructValue(object)) => Json::Object(parse_object(object, levels)?),
        Some(Kind::ListValue(list)) => {
            let levels = descend(levels)?;
            Json::Array(list.values.into_iter().map(|v| parse_value(v, levels)).collect::<Result<_, _>>()?)
        }
    })
}

fn descend(levels: usize) -> Result<usize, String> {
    levels.checked_sub(1).ok_or_else(|| format!("must be at most {METADATA_MAX_LEVELS} levels deep"))
}

fn parse_number(number: f64) -> Result<Number, String> {
    if !number.is_finite() {
        return Err("must not contain numbers that are not finite".into());
    }
    #[expect(clippy::cast_precision_loss, reason = "it is the largest integer that is exact")]
    if number.abs() > METADATA_MAX_NUMBER as f64 {
        return Err(format!("must not contain numbers beyond +-{METADATA_MAX_NUMBER}; send them as strings"));
    }
    from_double(number).ok_or_else(|| "must not contain numbers that are not finite".into())
}

/// Renders stored metadata for a response.
///
/// # Errors
///
/// Fails if stored metadata is corrupt. The error does not quote it, unlike the parser's own.
pub(super) fn render(metadata: &Metadata) -> Result<EncodedStruct, String> {
    if metadata.is_empty() {
        return Ok(EncodedStruct::default());
    }
    let object = serde_json::from_str(metadata.as_json()).map_err(|error| {
        format!("stored metadata is corrupt: {:?} error at column {}", error.classify(), error.column())
    })?;
    Ok(to_struct(object).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_json(json: &str) -> Result<Metadata, String> {
        parse(Some(render(&Metadata::stored(json)).unwrap()))
    }

    fn nested(levels: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
    }

    #[test]
    fn parse_returns_the_rendered_metadata() {
        for json in [
            "{}",
            r#"{"a":[],"b":{},"c":[{}],"d":[[1,2.5,-3],null,true,"x"],"e":9007199254740991,"f":-9007199254740991}"#,
            r#"{"":"empty key","0.1":0.1,"exact":0.42451918914251396,"small":1e-300,"zero":-0.0}"#,
        ] {
            assert_eq!(parse_json(json).unwrap().as_json(), json);
        }
    }

    #[test]
    fn errors_do_not_quote_corrupt_metadata() {
        for json in [r#""canary""#, r#"["canary"]"#, "canary", r#"{"canary":"#] {
            let error = render(&Metadata::stored(json)).unwrap_err();
            assert!(
                error.starts_with("stored metadata is corrupt: ") && !error.contains("canary"),
                "{error}"
            );
        }
    }

    #[test]
    fn numbers_that_would_be_rounded_are_rejected() {
        for number in [9_007_199_254_740_992.0, -9_007_199_254_740_992.0, 1e300, f64::INFINITY, f64::NAN] {
            assert!(parse_number(number).is_err(), "{number}");
        }
    }

    #[test]
    fn metadata_is_at_most_sixteen_levels_deep() {
        assert!(parse_json(&nested(16)).is_ok());
        assert!(parse_json(&nested(17)).unwrap_err().contains("16 levels"));
        assert!(parse_json(&format!(r#"{{"a":{}1{}}}"#, "[".repeat(15), "]".repeat(15))).is_ok());
        assert!(parse_json(&format!(r#"{{"a":{}1{}}}"#, "[".repeat(16), "]".repeat(16))).is_err());
    }

    #[test]
    fn metadata_is_at_most_sixteen_kibibytes() {
        let of = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
        assert!(parse_json(&of(16 * 1024)).is_ok());
        assert!(parse_json(&of(16 * 1024 + 1)).is_err());
    }
}
