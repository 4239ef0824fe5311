//! Public keys of the identity provider (RFC 7517).

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

/// Keys that can verify tokens.
#[derive(Debug)]
pub(super) struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    jwk: Jwk,
    decoding: DecodingKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// Reason why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// No key has the id. The provider may have created one since.
    UnknownId,
    /// The key with the id is for other algorithms, or a token without an id could be of several keys.
    Unsuitable,
}

impl Keys {
    /// Parses a JWKS. Keys of an unknown kind, for another use, or for symmetric algorithms are left out. The error is half a
    /// sentence without the content.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        let document: Document =
            serde_json::from_slice(json).map_err(|_| "it is not a JSON Web Key Set with the list `keys`")?;
        let keys: Vec<_> = document.keys.into_iter().filter_map(Key::parse).collect();
        if keys.is_empty() {
            Err("it has no public key that can verify tokens".into())
        } else {
            Ok(Self(keys))
        }
    }

    /// Returns the key for a token with this id and algorithm. A token without an id is accepted if there is only one key.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&DecodingKey, NoKey> {
        let Some(id) = id else {
            let only = self.0.first().filter(|key| self.0.len() == 1 && key.fits(algorithm));
            return only.map(|key| &key.decoding).ok_or(NoKey::Unsuitable);
        };
        let mut same_id = self.0.iter().filter(|key| key.jwk.common.key_id.as_deref() == Some(id)).peekable();
        if same_id.peek().is_none() {
            return Err(NoKey::UnknownId);
        }
        same_id.find(|key| key.fits(algorithm)).map(|key| &key.decoding).ok_or(NoKey::Unsuitable)
    }

    /// Returns `true` if both sets have the same keys in the same order.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.0.iter().map(|key| &key.jwk).eq(other.0.iter().map(|key| &key.jwk))
    }
}

impl Key {
    fn parse(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let is_for_signatures =
            jwk.common.public_key_use.as_ref().is_none_or(|r#use| *r#use == PublicKeyUse::Signature);
        let operations = jwk.common.key_operations.as_ref();
        let can_verify = operations.is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if !is_for_signatures || !can_verify || algorithms(&jwk).is_empty() {
            return None;
        }
        let decoding = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { jwk, decoding })
    }

    /// Returns `true` if the key is of the type that the algorithm needs and is not restricted to another algorithm.
    fn fits(&self, algorithm: Algorithm) -> bool {
        let restriction = self.jwk.common.key_algorithm;
        algorithms(&self.jwk).contains(&algorithm)
            && restriction.is_none_or(|only| only == KeyAlgorithm::from(algorithm))
    }
}

/// Returns the algorithms of a type of key. A symmetric key has none, so that no public document can contain a secret that is
/// accepted.
fn algorithms(jwk: &Jwk) -> &'static [Algorithm] {
    match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => &[],
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const COORDINATE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn keys(keys: &[Value]) -> Result<Keys, String> {
        Keys::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    fn rsa(id: &str) -> Value {
        json!({ "kty": "RSA", "kid": id, "n": "AQAB", "e": "AQAB" })
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    #[test]
    fn a_key_is_found_by_id_and_type() {
        let curve = json!({ "kty": "EC", "kid": "curve", "crv": "P-256", "x": COORDINATE, "y": COORDINATE });
        let edwards = json!({ "kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": COORDINATE });
        let restricted = with(rsa("ps"), "alg", json!("PS256"));
        let keys = keys(&[rsa("rsa"), curve, edwards, restricted]).unwrap();
        let find = |id, algorithm| keys.find(Some(id), algorithm).map(|_| ());
        for (id, algorithm) in [
            ("rsa", Algorithm::RS256),
            ("rsa", Algorithm::PS512),
            ("curve", Algorithm::ES256),
            ("ed", Algorithm::EdDSA),
            ("ps", Algorithm::PS256),
        ] {
            assert_eq!(find(id, algorithm), Ok(()), "{id} {algorithm:?}");
        }
        for (id, algorithm) in [
            ("rsa", Algorithm::HS256),
            ("rsa", Algorithm::ES256),
            ("curve", Algorithm::ES384),
            ("curve", Algorithm::HS256),
            ("ed", Algorithm::ES256),
            ("ps", Algorithm::RS256),
        ] {
            assert_eq!(find(id, algorithm), Err(NoKey::Unsuitable), "{id} {algorithm:?}");
        }
        assert_eq!(find("other", Algorithm::RS256), Err(NoKey::UnknownId));
        assert_eq!(keys.find(None, Algorithm::RS256).map(|_| ()), Err(NoKey::Unsuitable));
    }

    #[test]
    fn a_token_without_id_is_of_the_only_key() {
        let keys = keys(&[rsa("rsa")]).unwrap();
        assert!(keys.find(None, Algorithm::RS256).is_ok());
        assert_eq!(keys.find(None, Algorithm::ES256).map(|_| ()), Err(NoKey::Unsuitable));
    }

    #[test]
    fn keys_that_verify_no_token_are_left_out() {
        let no_key = "it has no public key that can verify tokens";
        for key in [
            json!({ "kty": "oct", "kid": "a", "k": COORDINATE, "alg": "HS256" }),
            json!({ "kty": "future", "kid": "a" }),
            json!({ "kty": "RSA", "kid": "a" }),
            json!("a"),
            with(rsa("a"), "use", json!("enc")),
            with(rsa("a"), "key_ops", json!(["encrypt"])),
            with(rsa("a"), "n", json!("not base64!")),
        ] {
            assert_eq!(keys(std::slice::from_ref(&key)).unwrap_err(), no_key, "{key}");
            assert!(keys(&[key, rsa("b")]).unwrap().find(Some("b"), Algorithm::RS256).is_ok());
        }
        for text in ["", "{}", "[]", "{\"keys\": 1}", "<html>"] {
            assert!(
                Keys::parse(text.as_bytes()).unwrap_err().starts_with("it is not a JSON Web Key Set"),
                "{text}"
            );
        }
    }

    #[test]
    fn sets_are_compared_by_their_keys() {
        let (one, two) = (keys(&[rsa("a")]).unwrap(), keys(&[rsa("a"), rsa("b")]).unwrap());
        assert!(one.is_same(&keys(&[rsa("a"), json!("ignored")]).unwrap()));
        assert!(!one.is_same(&two));
    }
}
