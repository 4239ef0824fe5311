//! `nono.session.v1.AppendRequest`, written by hand so that it bounds the number of messages: an empty message has two bytes.

use crate::session::v1::NewMessage;
use prost::{
    DecodeError, Message,
    bytes::{Buf, BufMut},
    encoding::{DecodeContext, WireType, message, skip_field, string},
};

/// Maximum number of messages that are decoded; further ones are skipped. More than an append may contain, so that its number
/// can be reported.
const DECODED_MESSAGES_MAX: usize = 10_000;

/// Request of Append.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppendRequest {
    /// Required; as in CreateRequest.
    pub user_id: String,
    /// 1 to 100 messages, 1 MiB together (content and metadata).
    pub messages: Vec<NewMessage>,
    /// Idempotency key: optional, 1 to 128 bytes, no control characters.
    pub request_id: String,
}

impl Message for AppendRequest {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        if !self.user_id.is_empty() {
            string::encode(1, &self.user_id, buf);
        }
        for item in &self.messages {
            message::encode(2, item, buf);
        }
        if !self.request_id.is_empty() {
            string::encode(3, &self.request_id, buf);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => string::merge(wire_type, &mut self.user_id, buf, context),
            2 if self.messages.len() < DECODED_MESSAGES_MAX => {
                message::merge_repeated(wire_type, &mut self.messages, buf, context)
            }
            3 => string::merge(wire_type, &mut self.request_id, buf, context),
            _ => skip_field(wire_type, tag, buf, context),
        }
    }

    fn encoded_len(&self) -> usize {
        let text = |tag, text: &String| if text.is_empty() { 0 } else { string::encoded_len(tag, text) };
        text(1, &self.user_id) + message::encoded_len_repeated(2, &self.messages) + text(3, &self.request_id)
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::{FileDescriptorSet, field_descriptor_proto::Type};

    #[test]
    fn a_request_survives_encoding_and_decoding() {
        let messages = vec![NewMessage { content: "hi".into(), ..NewMessage::default() }; 3];
        let request = AppendRequest { user_id: "a".into(), messages, request_id: "r".into() };
        let encoded = request.encode_to_vec();
        assert_eq!(encoded, b"\x0a\x01a\x12\x04\x12\x02hi\x12\x04\x12\x02hi\x12\x04\x12\x02hi\x1a\x01r");
        assert_eq!(AppendRequest::decode(&*encoded), Ok(request));
        assert_eq!(AppendRequest::default().encoded_len(), 0);
    }

    #[test]
    fn the_number_of_decoded_messages_is_bounded() {
        let encoded = b"\x12\x00".repeat(DECODED_MESSAGES_MAX + 100);
        assert_eq!(AppendRequest::decode(&*encoded).unwrap().messages.len(), DECODED_MESSAGES_MAX);
    }

    #[test]
    fn the_fields_are_those_of_the_contract() {
        let files = FileDescriptorSet::decode(crate::FILE_DESCRIPTOR_SET).unwrap().file;
        let mut messages = files
            .iter()
            .filter(|file| file.package() == "nono.session.v1")
            .flat_map(|file| &file.message_type);
        let append = messages.find(|message| message.name() == "AppendRequest").unwrap();
        let fields: Vec<_> =
            append.field.iter().map(|field| (field.number(), field.name(), field.r#type())).collect();
        let expected =
            [(1, "user_id", Type::String), (2, "messages", Type::Message), (3, "request_id", Type::String)];
        assert_eq!(fields, expected);
    }
}
