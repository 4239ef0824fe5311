//! Schemas of the OpenAPI document for values that have rules of their own.
//!
//! JSON Schema counts characters where the limits count bytes, and cannot limit the depth or the size of metadata. The
//! descriptions say so.

use nono_proto::limits::{METADATA_MAX_NUMBER, REQUEST_ID_MAX_BYTES, USER_ID_MAX_BYTES};
use std::borrow::Cow;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, Ref, RefOr,
        schema::{AdditionalProperties, ArrayBuilder, OneOfBuilder, Schema, Type},
    },
};

/// Text without control characters, and without white space at either end.
const TRIMMED: &str = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$";
/// Text without control characters.
const PLAIN: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";

macro_rules! component {
    ($(#[$doc:meta])* $name:ident = $component:literal: $schema:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                $component.into()
            }
        }
    };
}

component! {
    /// Schema of a session's name.
    UserId = "UserId":
        typed(Type::String)
            .min_length(Some(1))
            .max_length(Some(USER_ID_MAX_BYTES))
            .pattern(Some(TRIMMED))
            .description(Some(
                "Name of a session: 1 to 128 bytes of UTF-8, no control characters, no white space at either end.",
            ))
            .examples(["John Doe"])
}

component! {
    /// Schema of an idempotency key.
    RequestId = "RequestId":
        typed(Type::String)
            .min_length(Some(1))
            .max_length(Some(REQUEST_ID_MAX_BYTES))
            .pattern(Some(PLAIN))
            .description(Some(
                "Idempotency key: 1 to 128 bytes of UTF-8, no control characters. Choose a new one, such as a UUID, \
                 per request, and keep it for every retry of that request.",
            ))
}

component! {
    /// Schema of the size of a page.
    PageSize = "PageSize":
        typed(Type::Integer)
            .minimum(Some(0))
            .description(Some("Maximum number of items: 100 if absent or 0. Larger numbers than 1000 are clamped to it."))
}

component! {
    /// Schema of the format of an export.
    ExportFormat = "ExportFormat":
        typed(Type::String).enum_values(Some(["markdown", "json"])).description(Some("Format of an export."))
}

component! {
    /// Schema of a position in a history.
    Seq = "Seq":
        typed(Type::Integer).minimum(Some(0)).maximum(Some(u32::MAX)).description(Some("Position of a message."))
}

component! {
    /// Schema of metadata.
    Metadata = "Metadata":
        object().description(Some("Any JSON object of at most 16 KiB and 16 levels."))
}

component! {
    /// Schema of a value in metadata.
    MetadataValue = "MetadataValue":
        OneOfBuilder::new()
            .item(typed(Type::Null))
            .item(typed(Type::Boolean))
            .item(
                typed(Type::Number)
                    .minimum(Some(-METADATA_MAX_NUMBER))
                    .maximum(Some(METADATA_MAX_NUMBER))
                    .description(Some("A larger number would be rounded: send it as a string.")),
            )
            .item(typed(Type::String))
            .item(ArrayBuilder::new().items(value()))
            .item(object())
            .description(Some("Any JSON value."))
}

fn value() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name("MetadataValue"))
}

fn object() -> ObjectBuilder {
    typed(Type::Object).additional_properties(Some(AdditionalProperties::RefOr(value())))
}

fn typed(schema_type: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(schema_type)
}
