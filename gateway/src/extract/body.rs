//! Reading a body within its limits.

use super::expansion::parsed_bytes;
use crate::{error::Problem, request_memory::RequestMemory};
use axum::body::{Body, HttpBody};
use http_body_util::BodyExt;
use nono_proto::limits::{HTTP_BODY_MAX_BYTES, HTTP_BODY_MAX_SENT_BYTES};
use runtime::memory::SMALL_MAX_BYTES;
use std::time::Duration;

/// Timeout for receiving a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// First capacity of the buffer of a body without an announced length.
const BUFFER_MIN_BYTES: usize = 4096;

/// Reads a whole body into one buffer, which is charged to the memory of the request.
pub(crate) async fn read_body(body: Body) -> Result<Vec<u8>, Problem> {
    let bytes =
        tokio::time::timeout(BODY_TIMEOUT, collect(body)).await.map_err(|_| Problem::body_timeout())??;
    if bytes.len() > HTTP_BODY_MAX_BYTES && decoded_len(&bytes) > HTTP_BODY_MAX_BYTES {
        return Err(Problem::too_large());
    }
    Ok(bytes)
}

/// Charges the memory that a body takes once it is parsed.
pub(crate) fn charge_parsed(body: &[u8]) -> Result<(), Problem> {
    RequestMemory::charge(parsed_bytes(body))
}

async fn collect(mut body: Body) -> Result<Vec<u8>, Problem> {
    let announced = body.size_hint().exact().and_then(|len| usize::try_from(len).ok());
    let mut buffer = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::invalid_field("body", "could not be read to its end"))?;
        let Ok(data) = frame.into_data() else { continue };
        let needed = buffer.len() + data.len();
        if needed > HTTP_BODY_MAX_SENT_BYTES {
            return Err(Problem::too_large());
        }
        if needed > buffer.capacity() {
            let capacity = grown(buffer.capacity(), needed, announced);
            RequestMemory::charge(capacity - buffer.capacity())?;
            buffer.reserve_exact(capacity - buffer.len());
        }
        buffer.extend_from_slice(&data);
    }
    Ok(buffer)
}

/// Returns the next capacity of a buffer: at least what is needed, and no more than what was announced. An announced length
/// alone reserves nothing, because its sender may never send the rest. Once a body turns out to be large, its buffer is
/// allocated as a whole, without copies of parts.
fn grown(capacity: usize, needed: usize, announced: Option<usize>) -> usize {
    let doubled = (2 * capacity).max(BUFFER_MIN_BYTES);
    let Some(announced) = announced else { return doubled.max(needed) };
    let step = if needed > SMALL_MAX_BYTES { doubled.max(HTTP_BODY_MAX_BYTES) } else { doubled };
    step.min(announced).max(needed)
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
    fn a_buffer_grows_up_to_the_announced_length() {
        assert_eq!(grown(0, 10, None), BUFFER_MIN_BYTES);
        assert_eq!(grown(0, 10, Some(20)), 20);
        assert_eq!(grown(8192, 8193, Some(1_000_000)), 16_384);
        assert_eq!(grown(8192, 8193, Some(9000)), 9000);
        assert_eq!(grown(8192, 50_000, None), 50_000);
        assert_eq!(grown(65_536, 65_537, Some(1_000_000)), 1_000_000);
        assert_eq!(grown(65_536, 65_537, Some(5_000_000)), HTTP_BODY_MAX_BYTES);
    }

    #[test]
    fn broken_escapes_are_counted_without_panic() {
        for json in ["\\", "\\u", "\\u12", "\\uzzzz", "\\ud83d"] {
            assert!(decoded_len(json.as_bytes()) <= json.len(), "{json}");
        }
    }
}
