//! Text whose characters arrive in parts: half a surrogate pair or some bytes of a character at a time.

use serde::{
    Deserializer,
    de::{Error, Visitor},
};
use std::{borrow::Cow, fmt, fmt::Write, str::from_utf8};

/// Reads a line as JSON text. An invalid byte becomes the escape of a lone surrogate (U+DC80 to U+DCFF, as Python's
/// `surrogateescape` does), so that [`TextDecoder`] can join it with its neighbours.
pub(super) fn escape_invalid(line: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = from_utf8(line) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(line.len() + 16);
    for part in line.utf8_chunks() {
        text.push_str(part.valid());
        for byte in part.invalid() {
            write!(text, "\\udc{byte:02x}").expect("a string can be written");
        }
    }
    Cow::Owned(text)
}

/// Parses a JSON string to WTF-8: UTF-8 in which a lone surrogate is allowed.
pub(super) fn wtf8(json: &str) -> Option<Vec<u8>> {
    struct Bytes;
    impl<'de> Visitor<'de> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }
    serde_json::Deserializer::from_str(json).deserialize_bytes(Bytes).ok()
}

/// Joins the parts of one reply. The incomplete end of a part waits for the next part; U+FFFD stands for what never
/// becomes a character.
#[derive(Default)]
pub(super) struct TextDecoder {
    /// The first half of a surrogate pair.
    high: Option<u16>,
    /// UTF-8, of which only the end can be invalid.
    bytes: Vec<u8>,
}

impl TextDecoder {
    /// Returns the text that is complete after this part.
    pub(super) fn push(&mut self, wtf8: &[u8]) -> String {
        let mut rest = wtf8;
        // A surrogate is three bytes in WTF-8, the first of which is ED and the second A0 to BF.
        while let Some(at) = rest.windows(3).position(|bytes| bytes[0] == 0xED && bytes[1] >= 0xA0) {
            self.push_valid(&rest[..at]);
            let (middle, low) = (u16::from(rest[at + 1] & 0x3F), u16::from(rest[at + 2] & 0x3F));
            self.push_surrogate(0xD000 | middle << 6 | low);
            rest = &rest[at + 3..];
        }
        self.push_valid(rest);
        self.take(false)
    }

    /// Returns the rest of the text.
    pub(super) fn finish(&mut self) -> String {
        self.drop_high();
        self.take(true)
    }

    fn push_valid(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.drop_high();
            self.bytes.extend_from_slice(text);
        }
    }

    fn push_surrogate(&mut self, surrogate: u16) {
        match (self.high, surrogate) {
            (Some(high), 0xDC00..) => {
                self.high = None;
                let pair = char::decode_utf16([high, surrogate]).next();
                self.push_char(pair.and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            (None, 0xDC80..=0xDCFF) => self.bytes.push(surrogate.to_le_bytes()[0]),
            (None, 0xDC00..) => self.push_char(char::REPLACEMENT_CHARACTER),
            _ => {
                self.drop_high();
                self.high = Some(surrogate);
            }
        }
    }

    fn drop_high(&mut self) {
        if self.high.take().is_some() {
            self.push_char(char::REPLACEMENT_CHARACTER);
        }
    }

    fn push_char(&mut self, c: char) {
        self.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// Returns the text without an incomplete character at its end, or with U+FFFD for it.
    fn take(&mut self, is_end: bool) -> String {
        let incomplete = self.bytes.utf8_chunks().last().map_or(0, |chunk| {
            let invalid = chunk.invalid();
            let is_incomplete = from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if is_incomplete && !is_end { invalid.len() } else { 0 }
        });
        let rest = self.bytes.split_off(self.bytes.len() - incomplete);
        let bytes = std::mem::replace(&mut self.bytes, rest);
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what each of these JSON strings adds to the text, and the rest.
    fn decode(parts: &[&str]) -> Vec<String> {
        let mut decoder = TextDecoder::default();
        let mut texts: Vec<_> = parts.iter().map(|json| decoder.push(&wtf8(json).unwrap())).collect();
        texts.push(decoder.finish());
        texts
    }

    #[test]
    fn split_surrogate_pairs_are_joined() {
        assert_eq!(decode(&[r#""a\ud83d""#, r#""\ude00b""#]), ["a", "😀b", ""]);
        assert_eq!(decode(&[r#""\ud83d""#, r#""""#, r#""\udc80""#]), ["", "", "💀", ""]);
        assert_eq!(decode(&[r#""\ud83d\ude00""#]), ["😀", ""]);
    }

    #[test]
    fn lone_surrogates_are_replaced() {
        assert_eq!(decode(&[r#""a\ud83d""#]), ["a", "\u{fffd}"]);
        assert_eq!(decode(&[r#""\ud83d""#, r#""b""#]), ["", "\u{fffd}b", ""]);
        assert_eq!(decode(&[r#""\ud83d\ud83d\ude00\ude00""#]), ["\u{fffd}😀\u{fffd}", ""]);
    }

    #[test]
    fn split_characters_are_joined() {
        let emoji = "😀".as_bytes();
        let parts: Vec<_> = emoji.iter().map(|byte| [b"\"", &[*byte][..], b"\""].concat()).collect();
        let parts: Vec<_> = parts.iter().map(|part| escape_invalid(part)).collect();
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        assert_eq!(decode(&parts), ["", "", "", "😀", ""]);
    }

    #[test]
    fn invalid_bytes_are_replaced() {
        let part = |bytes: &[u8]| escape_invalid(&[b"\"", bytes, b"\""].concat()).into_owned();
        assert_eq!(
            decode(&[&part(b"a\xffb"), &part(b"\xc3"), &part(b"c")]),
            ["a\u{fffd}b", "", "\u{fffd}c", ""]
        );
        assert_eq!(decode(&[&part(b"a\xf0\x9f")]), ["a", "\u{fffd}"]);
    }

    #[test]
    fn valid_text_is_unchanged() {
        for text in ["", "schön 🤖 日本", "\u{d7ff}\u{e000}\u{ffff}"] {
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(decode(&[&json]), [text, ""]);
        }
    }
}
