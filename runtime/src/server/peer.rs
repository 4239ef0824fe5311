//! The client of a connection, which handlers find in the extensions of each request.

use http::Extensions;
use std::{net::SocketAddr, sync::Arc};

/// Address from which a request arrived. Every request of every port has it. Behind a proxy it is the address of the proxy.
/// An IPv4 address is never mapped to IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// Marker of a request that arrived over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secure;

/// Names in the verified certificate of a client. Requests on a connection with a client certificate have it as
/// `Arc<PeerCertificate>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerCertificate {
    /// URIs, such as a SPIFFE id.
    pub uris: Vec<String>,
    /// DNS names, as written in the certificate.
    pub dns_names: Vec<String>,
}

/// The client of a connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    address: PeerAddress,
    is_secure: bool,
    certificate: Option<Arc<PeerCertificate>>,
}

impl Peer {
    /// Creates the client of a connection without TLS.
    pub(super) fn plain(address: SocketAddr) -> Self {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        Self { address: PeerAddress(address), is_secure: false, certificate: None }
    }

    /// Creates the client of a connection with TLS.
    pub(super) fn secure(address: SocketAddr, certificate: Option<PeerCertificate>) -> Self {
        Self { is_secure: true, certificate: certificate.map(Arc::new), ..Self::plain(address) }
    }

    /// Adds what is known about the client to the extensions of a request.
    pub(super) fn describe(&self, extensions: &mut Extensions) {
        extensions.insert(self.address);
        if self.is_secure {
            extensions.insert(Secure);
        }
        if let Some(certificate) = &self.certificate {
            extensions.insert(certificate.clone());
        }
    }
}
