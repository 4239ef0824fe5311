//! The contract: the generated messages, clients and servers of `proto/`, and nothing of ours around them.
//!
//! The reference manual is the text of the `.proto` files; it is repeated here by the generator.

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

pub mod limits;
#[cfg(feature = "json")]
pub mod metadata;
pub mod reason;
mod violations;

pub use violations::{OMITTED, VIOLATIONS_MAX, VIOLATIONS_MAX_BYTES, Violation, Violations};

/// The descriptors of everything above, for gRPC reflection and for tools.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/nono.binpb"));
