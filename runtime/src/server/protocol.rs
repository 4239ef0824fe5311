//! The protocols of the ports.

/// Protocols served on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1 and HTTP/2 with prior knowledge, for clients and proxies.
    Http,
    /// HTTP/2 only. Clients may share one connection between many of their own.
    Grpc,
    /// HTTP/1 with one request per connection, so that idle connections cannot use the port up.
    Admin,
}
