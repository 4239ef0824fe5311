//! Reasons why TLS to the session service fails, with the next step for operators.

use rustls::{AlertDescription, CertificateError, Error as RustlsError};
use std::{error::Error, fmt, io};

/// Beginning of the text of an alert. In TLS 1.3 a server rejects a client certificate after the handshake, where the HTTP/2
/// library keeps only the text of the error.
const ALERT: &str = "received fatal alert: ";

/// Reason why TLS failed, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::backend) struct TlsFailure(String);

impl TlsFailure {
    /// Returns the failure of a server without HTTP/2.
    pub(super) fn no_http2() -> Self {
        Self("the server does not offer HTTP/2 over TLS; --backend must be the gRPC port".into())
    }

    /// Returns the failure behind an error of the handshake.
    pub(super) fn of_handshake(error: &io::Error) -> Self {
        match error.get_ref().and_then(|cause| cause.downcast_ref()) {
            Some(cause) => Self::of_rustls(cause),
            None => Self(format!(
                "the connection ended in the TLS handshake; the server may not use TLS ({error})"
            )),
        }
    }

    /// Returns the failure behind an error of a connection or a call, if TLS caused it.
    pub(in crate::backend) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut causes = std::iter::successors(Some(error), |&cause| cause.source());
        causes.find_map(|cause| match cause.downcast_ref::<Self>() {
            Some(failure) => Some(failure.clone()),
            None => {
                let text = cause.to_string();
                let (_, alert) = text.split_once(ALERT)?;
                let alert = alert.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
                Some(Self::of_alert(alert))
            }
        })
    }

    fn of_rustls(error: &RustlsError) -> Self {
        match error {
            RustlsError::InvalidCertificate(error) => Self::of_certificate(error),
            RustlsError::InvalidMessage(_) => {
                Self("the server does not use TLS; use http:// in --backend".into())
            }
            RustlsError::NoApplicationProtocol
            | RustlsError::AlertReceived(AlertDescription::NoApplicationProtocol) => Self::no_http2(),
            RustlsError::AlertReceived(alert) => Self::of_alert(&format!("{alert:?}")),
            RustlsError::PeerIncompatible(_) => {
                Self("the server has no version or cipher of TLS in common with the gateway".into())
            }
            error => Self(format!("the TLS handshake failed: {error}")),
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        let sentence = match error {
            CertificateError::UnknownIssuer => {
                "the certificate was issued by an authority that is not trusted; set --backend-ca to that authority"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the certificate has expired; renew it on the server"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the certificate is not valid yet; check the clocks"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the certificate is not for the host in --backend; issue one with that name"
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                "the certificate is not for servers; issue one with the usage serverAuth"
            }
            error => return Self(format!("the certificate is not accepted: {error}")),
        };
        Self(sentence.into())
    }

    fn of_alert(alert: &str) -> Self {
        Self(match alert {
            "CertificateRequired" => {
                "the server requires a client certificate; set --backend-client-cert".into()
            }
            "BadCertificate"
            | "UnsupportedCertificate"
            | "CertificateRevoked"
            | "CertificateExpired"
            | "CertificateUnknown"
            | "UnknownCA"
            | "AccessDenied"
            | "DecryptError" => {
                format!("the server rejects the client certificate ({alert}); check --backend-client-cert")
            }
            _ => format!("the server ended the TLS connection with the alert {alert}"),
        })
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for TlsFailure {}
