//! Certificates, keys and certificate authorities, parsed from PEM. Errors are sentences that name the setting and no content.

use super::provider;
use rustls::{
    Error, InconsistentKeys, RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    sign::{CertifiedKey, SingleCertAndKey},
};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Names of the settings of a certificate and its key.
#[derive(Clone, Copy, Debug)]
pub struct PairNames {
    /// Setting of the certificate.
    pub cert: &'static str,
    /// Setting of the key.
    pub key: &'static str,
}

/// A certificate with its chain and its key.
#[derive(Clone, Debug)]
pub struct Identity {
    certified_key: Arc<CertifiedKey>,
    /// End of the certificate's validity, in Unix seconds.
    pub not_after: i64,
}

impl Identity {
    /// Parses a certificate with its chain, and its key. Fails if they do not belong together or the certificate has expired.
    pub fn parse(names: PairNames, cert: &[u8], key: &[u8]) -> Result<Self, String> {
        let PairNames { cert: cert_name, key: key_name } = names;
        let chain = certificates(cert_name, cert)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => {
                format!("{key_name}: the file contains no private key in PEM, or an encrypted one")
            }
            _ => format!("{key_name}: the file is not valid PEM"),
        })?;
        let not_after = not_after(&chain[0]).ok_or_else(|| invalid(cert_name))?;
        let certified_key = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                format!("{key_name}: the key does not belong to the certificate in {cert_name}")
            }
            Error::InvalidCertificate(_) => invalid(cert_name),
            _ => format!("{key_name}: the private key cannot be used; use an RSA, ECDSA or Ed25519 key"),
        })?;
        if not_after < now() {
            return Err(format!("{cert_name}: the certificate has expired; provide a renewed one"));
        }
        Ok(Self { certified_key: Arc::new(certified_key), not_after })
    }

    /// Returns the resolver that offers this certificate to every peer.
    pub fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(self.certified_key.clone()))
    }
}

/// Parses certificate authorities. Fails if there is none.
pub fn authorities(setting: &str, pem: &[u8]) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(setting, pem)? {
        roots.add(certificate).map_err(|_| invalid(setting))?;
    }
    Ok(Arc::new(roots))
}

/// Parses the certificates of a file, of which there is at least one.
fn certificates(setting: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|_| format!("{setting}: the file is not valid PEM"))?;
    if certificates.is_empty() {
        return Err(format!("{setting}: the file contains no certificate in PEM"));
    }
    Ok(certificates)
}

fn invalid(setting: &str) -> String {
    format!("{setting}: the certificate is not valid X.509")
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
