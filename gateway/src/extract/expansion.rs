//! Estimate of the memory that parsed JSON takes.

use serde_json::Value;
use std::mem::size_of;

/// Size of an item of a list: a value, in a vector that is up to twice as large as its content.
const LIST_ITEM_BYTES: usize = 2 * size_of::<Value>();
/// Size of an entry of an object: a name and a value, in nodes of a tree that are at least half full.
const ENTRY_BYTES: usize = 2 * (size_of::<String>() + size_of::<Value>());
/// Size of a list: a vector has room for at least four items.
const LIST_BYTES: usize = 4 * size_of::<Value>();
/// Size of an object: a node of a tree has room for eleven entries.
const OBJECT_BYTES: usize = 11 * (size_of::<String>() + size_of::<Value>()) + 16;
/// Number of levels of which the kind is known, as many as the parser allows. Deeper JSON is not parsed.
const LEVELS: u32 = 128;

/// Returns an upper bound for the memory that a JSON text takes once it is parsed: its length and the values in it. The text
/// need not be valid.
pub(crate) fn parsed_bytes(json: &[u8]) -> usize {
    let (mut bytes, mut level, mut objects) = (json.len(), 0_u32, 0_u128);
    let mut rest = json.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => skip_string(&mut rest),
            b',' if level > 0 && objects >> (level - 1) & 1 == 1 => bytes += ENTRY_BYTES,
            b',' => bytes += LIST_ITEM_BYTES,
            b'{' | b'[' if level == LEVELS => break,
            b'{' => {
                bytes += OBJECT_BYTES;
                objects |= 1 << level;
                level += 1;
            }
            b'[' => {
                bytes += LIST_BYTES;
                objects &= !(1 << level);
                level += 1;
            }
            b'}' | b']' => level = level.saturating_sub(1),
            _ => {}
        }
    }
    bytes
}

/// Moves behind the end of a string.
fn skip_string(rest: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(rest.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_by_the_kind_of_their_parent() {
        for (json, expected) in [
            ("", 0),
            ("1", 0),
            (r#""[{,\",""#, 0),
            ("[1,2,3]", LIST_BYTES + 2 * LIST_ITEM_BYTES),
            (r#"{"a":[1,2],"b,{[":0}"#, OBJECT_BYTES + LIST_BYTES + LIST_ITEM_BYTES + ENTRY_BYTES),
            ("[{},[],{}]", 2 * LIST_BYTES + 2 * OBJECT_BYTES + 2 * LIST_ITEM_BYTES),
        ] {
            assert_eq!(parsed_bytes(json.as_bytes()), json.len() + expected, "{json}");
        }
    }

    #[test]
    fn broken_and_deep_texts_are_counted_without_panic() {
        for json in ["\"\\", "]]}},", "[,{", &"[{".repeat(1000)] {
            assert!(parsed_bytes(json.as_bytes()) >= json.len());
        }
    }

    #[test]
    fn a_long_text_is_little_more_than_its_length() {
        let text = format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, "x,[{".repeat(8000));
        assert!(parsed_bytes(text.as_bytes()) < text.len() + 2000);
    }
}
