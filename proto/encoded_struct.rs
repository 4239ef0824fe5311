//! `google.protobuf.Struct` in its encoded form. Decoded, it takes up to 30 times as much memory: a list item without a value
//! has two bytes.

use prost::{
    DecodeError, Message,
    bytes::{Buf, BufMut, Bytes},
    encoding::{self, DecodeContext, WireType},
};
use prost_types::Struct;

/// Maximum size of metadata in its encoded form: a number takes two bytes in JSON, with its comma, and eleven as protobuf.
pub const STRUCT_MAX_BYTES: usize = 6 * crate::limits::METADATA_MAX_BYTES;
/// Number of the field with the entries of a `Struct`.
const FIELDS: u32 = 1;

/// A valid `google.protobuf.Struct` that is not decoded. Of one that is received and too long, only the length is
/// kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EncodedStruct {
    encoded: Vec<u8>,
    len: usize,
}

impl EncodedStruct {
    /// Decodes the `Struct`.
    ///
    /// # Errors
    ///
    /// Returns the length of a `Struct` that is longer than [`STRUCT_MAX_BYTES`].
    pub fn decode_struct(&self) -> Result<Struct, usize> {
        if self.len > STRUCT_MAX_BYTES {
            return Err(self.len);
        }
        Ok(Struct::decode(&*self.encoded).expect("every entry was decoded when it was received"))
    }
}

impl From<Struct> for EncodedStruct {
    fn from(decoded: Struct) -> Self {
        let encoded = decoded.encode_to_vec();
        Self { len: encoded.len(), encoded }
    }
}

impl Message for EncodedStruct {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.encoded);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        if (tag, wire_type) != (FIELDS, WireType::LengthDelimited) {
            return encoding::skip_field(wire_type, tag, buf, context);
        }
        let mut content = Bytes::new();
        encoding::bytes::merge(wire_type, &mut content, buf, context)?;
        self.len = self.len.saturating_add(encoding::bytes::encoded_len(FIELDS, &content));
        if self.len > STRUCT_MAX_BYTES {
            self.encoded = Vec::new();
            return Ok(());
        }
        let start = self.encoded.len();
        encoding::bytes::encode(FIELDS, &content, &mut self.encoded);
        Struct::decode(&self.encoded[start..])?;
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        self.encoded.len()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::{ListValue, Value, value::Kind};

    fn list(values: Vec<Value>) -> Struct {
        let list = Value { kind: Some(Kind::ListValue(ListValue { values })) };
        Struct { fields: [("a".to_owned(), list), ("b".to_owned(), Value::default())].into() }
    }

    #[test]
    fn a_struct_survives_encoding_and_decoding() {
        let zero = Value { kind: Some(Kind::NumberValue(0.0)) };
        for decoded in [Struct::default(), list(Vec::new()), list(vec![zero; 8180])] {
            let sent = decoded.encode_to_vec();
            let received = EncodedStruct::decode(&*sent).unwrap();
            assert_eq!(received, EncodedStruct::from(decoded.clone()));
            assert_eq!(received.decode_struct(), Ok(decoded));
            assert_eq!(received.encode_to_vec(), sent);
        }
    }

    #[test]
    fn only_the_length_of_a_long_struct_is_kept() {
        let long = list(vec![Value::default(); STRUCT_MAX_BYTES]);
        let sent = long.encode_to_vec();
        let received = EncodedStruct::decode(&*sent).unwrap();
        assert_eq!(received.decode_struct(), Err(sent.len()));
        assert_eq!(received.encoded.capacity(), 0);
        assert_eq!(EncodedStruct::from(long).decode_struct(), Err(sent.len()));
    }

    #[test]
    fn a_broken_struct_is_a_decoding_error() {
        for broken in [
            &b"\x0a"[..],
            b"\x0a\x7f",
            b"\x0a\x02\xff\xff",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\xff",
        ] {
            assert!(EncodedStruct::decode(broken).is_err(), "{broken:?}");
        }
        assert_eq!(
            EncodedStruct::decode(&b"\x12\x01x"[..]),
            Ok(EncodedStruct::default()),
            "an unknown field"
        );
    }
}
