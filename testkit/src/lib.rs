//! What the tests need from the world: a Redis of their own, a scripted model, and a proxy that counts and cuts. For
//! tests only: it panics where a test could not go on.

mod model;
mod proxy;
mod redis;
mod stopwatch;

pub use model::{Behaviour, ModelServer, micros, sent_at};
pub use proxy::Proxy;
pub use redis::{Certificates, ClientCertificates, RedisCluster, RedisServer, SentinelSet};
pub use stopwatch::Stopwatch;
