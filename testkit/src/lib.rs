//! Servers for tests: real Redis servers, a scripted model and a fault-injecting proxy. For tests only: it panics where a
//! test cannot continue.

mod authority;
mod bench;
mod cpu;
mod model;
mod ports;
mod proxy;
mod redis;
mod stopwatch;

pub use authority::{Authority, CertificatePair};
pub use bench::{bench_program, bench_variable};
pub use cpu::cpu_seconds;
pub use model::{Behaviour, ModelServer, micros, sent_at};
pub use ports::Port;
pub use proxy::Proxy;
pub use redis::{Certificates, ClientCertificates, RedisCluster, RedisServer, SentinelSet};
pub use stopwatch::Stopwatch;
