//! What the tests need from the world: a Redis of their own, and a proxy that counts and cuts. For tests only: it
//! panics where a test could not go on.

mod proxy;
mod redis;

pub use proxy::Proxy;
pub use redis::RedisServer;
