//! Compiles `proto/` to a descriptor set and to Rust, with protox: no `protoc` to install.

use prost::Message;
use std::{env, error::Error, fs, path::PathBuf};

const FILES: [&str; 3] =
    ["nono/session/v1/session.proto", "nono/chat/v1/chat.proto", "nono/config/v1/config.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells a build script where to write in no other way"
    )]
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("nono.binpb"), descriptors.encode_to_vec())?;
    let codec = "crate::codec::SmallBufferCodec";
    // The types bound what a message takes when it is decoded.
    tonic_prost_build::configure()
        .codec_path(codec)
        .extern_path(".google.protobuf.Struct", "crate::EncodedStruct")
        .extern_path(".nono.session.v1.AppendRequest", "crate::session::v1::AppendRequest")
        .compile_fds(descriptors)?;
    Ok(())
}
