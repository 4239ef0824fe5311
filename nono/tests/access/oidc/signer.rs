//! Keys of an identity provider, and tokens that they sign.

use super::rsa_key::RSA_KEY;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256, RsaKeyPair,
    },
};
use serde_json::{Value, json};

/// Beginning of a public key in the form of X.509 with an RSA key of 2048 bits (RFC 3279).
const RSA_SPKI_PREFIX: [u8; 24] = [
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
    0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
];
/// Length of the header of RSAPublicKey and of its modulus, and of the modulus of 2048 bits.
const RSA_MODULUS_OFFSET: usize = 9;
const RSA_MODULUS_BYTES: usize = 256;

/// A private key with an id.
pub struct Signer {
    id: String,
    key: Key,
}

enum Key {
    Rsa(RsaKeyPair),
    Curve(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
}

impl Signer {
    /// Returns the RSA key of the tests.
    pub fn rsa(id: &str) -> Self {
        let key = RsaKeyPair::from_der(&STANDARD.decode(RSA_KEY).unwrap()).unwrap();
        Self { id: id.to_owned(), key: Key::Rsa(key) }
    }

    /// Generates a key on the curve P-256.
    pub fn curve(id: &str) -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Self { id: id.to_owned(), key: Key::Curve(key) }
    }

    /// Generates an Ed25519 key.
    pub fn edwards(id: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { id: id.to_owned(), key: Key::Edwards(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap()) }
    }

    /// Returns the public key.
    pub fn jwk(&self) -> Value {
        let id = &self.id;
        match &self.key {
            Key::Rsa(_) => {
                json!({ "kty": "RSA", "kid": id, "use": "sig", "n": encode(self.modulus()), "e": "AQAB" })
            }
            Key::Curve(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "kid": id, "crv": "P-256", "x": encode(x), "y": encode(y) })
            }
            Key::Edwards(key) => {
                json!({ "kty": "OKP", "kid": id, "crv": "Ed25519", "x": encode(key.public_key()) })
            }
        }
    }

    /// Returns the modulus of the RSA key.
    pub fn modulus(&self) -> &[u8] {
        &self.rsa_public_key()[RSA_MODULUS_OFFSET..][..RSA_MODULUS_BYTES]
    }

    /// Returns the public key as PEM, as identity providers publish it.
    pub fn pem(&self) -> String {
        let der = [&RSA_SPKI_PREFIX[..], self.rsa_public_key()].concat();
        let base64 = STANDARD.encode(der);
        let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    fn rsa_public_key(&self) -> &[u8] {
        let Key::Rsa(key) = &self.key else { panic!("{} is no RSA key", self.id) };
        key.public_key().as_ref()
    }

    /// Signs a token with the usual header.
    pub fn sign(&self, claims: &Value) -> String {
        let algorithm = match self.key {
            Key::Rsa(_) => "RS256",
            Key::Curve(_) => "ES256",
            Key::Edwards(_) => "EdDSA",
        };
        self.sign_with(&json!({ "alg": algorithm, "kid": self.id }), claims)
    }

    /// Signs a token with any header.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let random = SystemRandom::new();
        let input = input(header, claims);
        let signature = match &self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                let is_pss = header["alg"] == "PS256";
                let encoding: &dyn ring::signature::RsaEncoding =
                    if is_pss { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                key.sign(encoding, &random, input.as_bytes(), &mut signature).unwrap();
                signature
            }
            Key::Curve(key) => key.sign(&random, input.as_bytes()).unwrap().as_ref().to_vec(),
            Key::Edwards(key) => key.sign(input.as_bytes()).as_ref().to_vec(),
        };
        format!("{input}.{}", encode(signature))
    }
}

/// Signs a token with a secret.
pub fn sign_hs256(id: &str, secret: &[u8], claims: &Value) -> String {
    let input = input(&json!({ "alg": "HS256", "kid": id }), claims);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", encode(signature))
}

/// Returns a token without a signature.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.", input(header, claims))
}

fn input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
