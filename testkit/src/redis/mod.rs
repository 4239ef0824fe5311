//! Real Redis servers, single and in sets, which are killed with the test.

mod certificates;
mod cluster;
mod connection;
mod process;
mod replica;
mod sentinel;
mod server;
mod wait;

pub use certificates::{Certificates, ClientCertificates};
pub use cluster::RedisCluster;
pub use sentinel::SentinelSet;
pub use server::RedisServer;
