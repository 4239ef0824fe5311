//! Keys together with the tokens that they have verified: a token that is sent again costs a digest, and no verified token
//! outlives the keys.

use super::{
    identity::Identity,
    keys::Keys,
    token::{TokenError, TokenRules},
};
use crate::caller::Owner;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use std::fmt;

/// Maximum number of verified tokens. Others are verified again each time.
const VERIFIED_MAX: usize = 10_000;

/// Keys, and the tokens that they have verified.
pub(crate) struct Snapshot {
    keys: Keys,
    verified: Cache<[u8; 32], Identity>,
}

impl Snapshot {
    pub(super) fn new(keys: Keys) -> Self {
        Self { keys, verified: Cache::new(VERIFIED_MAX) }
    }

    /// Parses a JWKS. The error is half a sentence.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        Keys::parse(json).map(Self::new)
    }

    /// Returns `true` if both have the same keys.
    pub(super) fn has_same_keys(&self, other: &Self) -> bool {
        self.keys.is_same(&other.keys)
    }

    /// Returns the owner of a token. `now` is in seconds since 1970.
    pub(super) fn authenticate(
        &self,
        token: &str,
        rules: &TokenRules,
        now: f64,
    ) -> Result<Owner, TokenError> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(identity) = self.verified.get(&digest).filter(|identity| now < identity.expires_at) {
            return Ok(identity.owner);
        }
        let identity = rules.validate(token, &self.keys, now)?;
        self.verified.insert(digest, identity.clone());
        Ok(identity.owner)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::signature, *};
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use jsonwebtoken::Algorithm;
    use ring::{
        rand::SystemRandom,
        signature::{Ed25519KeyPair, KeyPair},
    };
    use serde_json::json;

    const EXPIRY: u32 = 4_000_000_000;

    fn rules(issuer: &str) -> TokenRules {
        let (audiences, algorithms) = (vec!["nono".into()], vec![Algorithm::EdDSA]);
        TokenRules { issuer: issuer.into(), audiences, algorithms }
    }

    /// Returns a snapshot with a key, and a token that it signed.
    fn signed() -> (Snapshot, String) {
        signature::install();
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk =
            json!({ "kty": "OKP", "crv": "Ed25519", "kid": "a", "x": encode(key.public_key().as_ref()) });
        let claims = json!({ "iss": "https://a", "aud": "nono", "sub": "ann", "exp": EXPIRY });
        let [header, claims] =
            [json!({ "alg": "EdDSA", "kid": "a" }), claims].map(|part| encode(part.to_string().as_bytes()));
        let input = format!("{header}.{claims}");
        let token = format!("{input}.{}", encode(key.sign(input.as_bytes()).as_ref()));
        (Snapshot::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap(), token)
    }

    #[test]
    fn a_verified_token_is_not_verified_again_until_it_expires() {
        let (snapshot, token) = signed();
        let (own, other) = (rules("https://a"), rules("https://b"));
        let before = f64::from(EXPIRY) - 1.0;
        let rejected = Err(TokenError::Invalid("the token is from another issuer"));
        let authenticate = |rules, now| snapshot.authenticate(&token, rules, now).map(|_| ());
        assert_eq!(authenticate(&other, before), rejected);
        assert_eq!(authenticate(&own, before), Ok(()));
        // Other rules would reject the token, if it were verified.
        assert_eq!(authenticate(&other, before), Ok(()));
        assert_eq!(authenticate(&other, f64::from(EXPIRY)), rejected);
        assert!(snapshot.authenticate(&token[1..], &own, before).is_err());
    }

    #[test]
    fn times_have_a_leeway_of_thirty_seconds() {
        let end = f64::from(EXPIRY);
        for (now, expected) in [(end + 29.9, Ok(())), (end + 30.1, Err(TokenError::Expired))] {
            let (snapshot, token) = signed();
            assert_eq!(
                snapshot.authenticate(&token, &rules("https://a"), now).map(|_| ()),
                expected,
                "{now}"
            );
        }
    }

    #[test]
    fn the_number_of_verified_tokens_is_limited() {
        let (snapshot, token) = signed();
        snapshot.authenticate(&token, &rules("https://a"), 0.0).unwrap();
        let digest: [u8; 32] = Sha256::digest(&token).into();
        let identity = snapshot.verified.get(&digest).unwrap();
        for number in 0..2 * VERIFIED_MAX {
            snapshot.verified.insert(Sha256::digest(number.to_string()).into(), identity.clone());
        }
        assert!(snapshot.verified.len() <= VERIFIED_MAX, "{}", snapshot.verified.len());
    }
}
