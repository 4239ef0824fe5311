//! Validation of tokens (RFC 7519, RFC 8725).

use super::{
    identity::{Identity, subject_owner},
    keys::{Keys, NoKey},
};
use jsonwebtoken::{
    Algorithm, Header, Validation, decode, decode_header,
    errors::{Error, ErrorKind},
};
use serde::Deserialize;

/// Maximum length of a token.
pub(super) const TOKEN_MAX_BYTES: usize = 8 * 1024;
/// Tolerance for clocks that differ, in seconds.
const LEEWAY_SECONDS: u32 = 30;

/// Rules that tokens obey.
#[derive(Clone, Debug)]
pub(crate) struct TokenRules {
    /// The only accepted issuer.
    pub(crate) issuer: String,
    /// Audiences of this server. A token has at least one of them.
    pub(crate) audiences: Vec<String>,
    /// Accepted algorithms.
    pub(crate) algorithms: Vec<Algorithm>,
}

/// Reason why a token is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenError {
    /// It is not valid, with a sentence that contains nothing of it.
    Invalid(&'static str),
    Expired,
    /// It is signed by a key that is not known.
    UnknownKey,
}

/// Claims that are checked here. jsonwebtoken checks the audience, and the others less exactly: it rounds times, and accepts a
/// list of issuers.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
}

impl TokenRules {
    /// Returns the identity in a valid token. `now` is in seconds since 1970; jsonwebtoken has its own clock.
    pub(super) fn validate(&self, token: &str, keys: &Keys, now: f64) -> Result<Identity, TokenError> {
        let header = self.header(token)?;
        let key = keys.find(header.kid.as_deref(), header.alg).map_err(|error| match error {
            NoKey::UnknownId => TokenError::UnknownKey,
            NoKey::Unsuitable => TokenError::Invalid(
                "no key of the identity provider has the id and the algorithm of the token",
            ),
        })?;
        let claims = decode::<Claims>(token, key, &self.validation(header.alg))
            .map_err(|error| reason(&error))?
            .claims;
        self.identity(&claims, now)
    }

    /// Returns the header of a token that a key could verify.
    pub(super) fn header(&self, token: &str) -> Result<Header, TokenError> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(TokenError::Invalid("the token is longer than 8 KiB"));
        }
        let header = decode_header(token).map_err(|_| {
            TokenError::Invalid("the token is not a JWT that is signed with an accepted algorithm")
        })?;
        if !self.algorithms.contains(&header.alg) {
            return Err(TokenError::Invalid("the token is signed with an algorithm that is not accepted"));
        }
        if header.crit.is_some() {
            return Err(TokenError::Invalid("the token needs extensions that are not supported"));
        }
        Ok(header)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_SECONDS.into();
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&self.audiences);
        // A claim that is absent or of another type would not be checked.
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation
    }

    fn identity(&self, claims: &Claims, now: f64) -> Result<Identity, TokenError> {
        if claims.iss != self.issuer {
            return Err(TokenError::Invalid(WRONG_ISSUER));
        }
        let leeway = f64::from(LEEWAY_SECONDS);
        if claims.exp < now - leeway {
            return Err(TokenError::Expired);
        }
        if [claims.nbf, claims.iat].into_iter().flatten().any(|begin| begin > now + leeway) {
            return Err(TokenError::Invalid(TOO_EARLY));
        }
        if claims.sub.is_empty() {
            return Err(TokenError::Invalid(INCOMPLETE));
        }
        let owner = subject_owner(&self.issuer, &claims.sub).ok_or(TokenError::Invalid(
            "the issuer and the subject of the token are longer than 512 bytes together",
        ))?;
        Ok(Identity { owner, expires_at: claims.exp })
    }
}

const WRONG_ISSUER: &str = "the token is from another issuer";
const TOO_EARLY: &str = "the token is not valid yet";
const INCOMPLETE: &str = "the token needs the claims iss, sub, aud and exp, each of the right type";

fn reason(error: &Error) -> TokenError {
    TokenError::Invalid(match error.kind() {
        ErrorKind::ExpiredSignature => return TokenError::Expired,
        ErrorKind::ImmatureSignature => TOO_EARLY,
        ErrorKind::InvalidIssuer => WRONG_ISSUER,
        ErrorKind::InvalidAudience => "the token is for another audience",
        ErrorKind::InvalidSignature => "the signature of the token is not valid",
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => {
            INCOMPLETE
        }
        _ => "the token is not a valid JWT",
    })
}
