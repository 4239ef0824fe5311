//! The gRPC contract: messages, clients and servers generated from `proto/`, limits and error reasons.
//!
//! The `.proto` files are the reference manual; the generator copies their text.

/// Sessions and their messages: package `nono.session.v1`.
pub mod session {
    /// Version 1.
    #[allow(
        clippy::all,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    pub mod v1 {
        tonic::include_proto!("nono.session.v1");

        pub use crate::append_request::AppendRequest;
    }
}

/// Turns and personas: package `nono.chat.v1`.
pub mod chat {
    /// Version 1.
    #[allow(
        clippy::all,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    pub mod v1 {
        tonic::include_proto!("nono.chat.v1");
    }
}

/// The configuration: package `nono.config.v1`.
pub mod config {
    /// Version 1.
    #[allow(
        clippy::all,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    pub mod v1 {
        tonic::include_proto!("nono.config.v1");
    }
}

mod append_request;
pub mod codec;
mod encoded_struct;
pub mod limits;
#[cfg(feature = "json")]
pub mod metadata;
pub mod reason;
mod violations;

pub use encoded_struct::{EncodedStruct, STRUCT_MAX_BYTES};
pub use violations::{OMITTED, VIOLATIONS_MAX, VIOLATIONS_MAX_BYTES, Violation, Violations};

/// The descriptors of everything above, for gRPC reflection and for tools.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/nono.binpb"));
