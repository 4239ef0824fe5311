//! Reading a body within its limits.

use crate::error::Problem;
use axum::body::Body;
use http_body_util::BodyExt;
use nono_proto::limits::{HTTP_BODY_MAX_BYTES, HTTP_BODY_MAX_SENT_BYTES};
use std::time::Duration;

/// Timeout for receiving a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a whole body into one buffer.
pub(crate) async fn read_body(body: Body) -> Result<Vec<u8>, Problem> {
    let bytes =
        tokio::time::timeout(BODY_TIMEOUT, collect(body)).await.map_err(|_| Problem::body_timeout())??;
    if bytes.len() > HTTP_BODY_MAX_BYTES && decoded_len(&bytes) > HTTP_BODY_MAX_BYTES {
        return Err(Problem::too_large());
    }
    Ok(bytes)
}

async fn collect(mut body: Body) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::invalid_field("body", "could not be read to its end"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > HTTP_BODY_MAX_SENT_BYTES {
            return Err(Problem::too_large());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// Returns the length of a JSON text in bytes once its escapes are decoded to UTF-8.
fn decoded_len(json: &[u8]) -> usize {
    let (mut len, mut rest) = (0, json);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            len += 1;
            continue;
        }
        let is_unicode = rest.first() == Some(&b'u');
        len += rest.get(1..5).filter(|_| is_unicode).map_or(1, decoded_unit_len);
        rest = rest.get(if is_unicode { 5 } else { 1 }..).unwrap_or_default();
    }
    len
}

/// Returns the length in UTF-8 of a UTF-16 code unit in hexadecimal digits; a pair of surrogates takes four bytes.
fn decoded_unit_len(digits: &[u8]) -> usize {
    let unit = std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match unit.unwrap_or_default() {
        0..0x80 => 1,
        0x80..0x800 | 0xd800..0xe000 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_text_is_as_long_as_the_text_itself() {
        for text in ["abc", "é", "你好", "🤖", "\u{1}\u{7f}", "a\\\"\n\t/"] {
            let plain = serde_json::to_string(text).unwrap();
            let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            assert_eq!(decoded_len(format!("\"{escaped}\"").as_bytes()), text.len() + 2, "{text}");
            assert_eq!(decoded_len(plain.as_bytes()), text.len() + 2, "{text}");
        }
    }

    #[test]
    fn broken_escapes_are_counted_without_panic() {
        for json in ["\\", "\\u", "\\u12", "\\uzzzz", "\\ud83d"] {
            assert!(decoded_len(json.as_bytes()) <= json.len(), "{json}");
        }
    }
}
