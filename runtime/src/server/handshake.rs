//! The TLS handshake of a connection. Its caller limits its time.

use super::{
    head::HeadCharge,
    peer::{Peer, PeerCertificate},
    socket::{HandshakeSocket, Socket},
};
use rustls::{ServerConfig, pki_types::CertificateDer};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// A handshake that failed.
pub(super) struct Failure {
    pub(super) error: io::Error,
    /// The socket, on which an alert may be under way.
    pub(super) socket: Socket,
}

impl Failure {
    /// Returns `true` if the client broke the protocol, or the parties found no agreement. Otherwise the connection ended.
    pub(super) fn is_rejection(&self) -> bool {
        self.error.get_ref().is_some_and(|cause| cause.is::<rustls::Error>())
    }
}

/// Runs the handshake. Returns the socket, its client and the charge for the head of the first request.
pub(super) async fn accept(
    stream: TcpStream,
    address: SocketAddr,
    config: Arc<ServerConfig>,
    charge: HeadCharge,
) -> Result<(Socket, Peer, HeadCharge), Failure> {
    let socket = HandshakeSocket { stream, charge: Some(charge) };
    let accepting = TlsAcceptor::from(config).accept(socket).into_fallible();
    let mut stream = match accepting.await {
        Ok(stream) => Box::new(stream),
        Err((error, socket)) => return Err(Failure { error, socket: Socket::Plain(socket.stream) }),
    };
    let (socket, connection) = stream.get_mut();
    let mut charge = socket.charge.take().expect("only this function takes the charge");
    charge.restart();
    let certificate = connection.peer_certificates().and_then(|chain| chain.first());
    let peer = Peer::secure(address, certificate.map(|certificate| names(certificate)));
    Ok((Socket::Tls(stream), peer, charge))
}

/// Returns the names in a certificate. One that is not valid X.509 has none.
fn names(certificate: &CertificateDer<'_>) -> PeerCertificate {
    let mut names = PeerCertificate::default();
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return names };
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return names };
    for name in &extension.value.general_names {
        match name {
            GeneralName::URI(uri) => names.uris.push((*uri).to_owned()),
            GeneralName::DNSName(name) => names.dns_names.push((*name).to_owned()),
            _ => {}
        }
    }
    names
}
