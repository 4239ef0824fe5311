//! A certificate authority, generated for a test.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
#[derive(Clone, Debug)]
pub struct CertificatePair {
    /// The certificate.
    pub cert: String,
    /// The private key.
    pub key: String,
}

impl Authority {
    /// Generates an authority.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, key()).expect("a CA can be created"))
    }

    /// Returns the certificate of the authority, as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Issues a certificate for a server or a client with DNS names, IP addresses and URIs.
    pub fn issue(&self, names: &[&str]) -> CertificatePair {
        self.sign(params(names))
    }

    /// Issues a certificate that is valid until the start of a year.
    pub fn issue_until(&self, year: i32, names: &[&str]) -> CertificatePair {
        let mut params = params(names);
        params.not_after = date_time_ymd(year, 1, 1);
        self.sign(params)
    }

    /// Issues a certificate that is valid for a time from now, in whole seconds.
    pub fn issue_for(&self, validity: Duration, names: &[&str]) -> CertificatePair {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right");
        let mut params = params(names);
        params.not_after = date_time_ymd(1970, 1, 1) + now + validity;
        self.sign(params)
    }

    /// Issues a certificate for a client only.
    pub fn issue_client(&self, names: &[&str]) -> CertificatePair {
        let mut params = params(names);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> CertificatePair {
        let key = key();
        let cert = params.signed_by(&key, &self.0).expect("a CA can sign");
        CertificatePair { cert: cert.pem(), key: key.serialize_pem() }
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let (uris, names): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.contains("://"));
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("the names are valid");
    let uris = uris.iter().map(|uri| SanType::URI((*uri).try_into().expect("a URI is ASCII")));
    params.subject_alt_names.extend(uris);
    params.distinguished_name.push(DnType::CommonName, "Test");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key can be generated")
}
