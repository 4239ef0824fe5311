//! Decision on who calls and for which owner.

use super::{callers::Caller, certificates::Certificates, keys::Keys};
use crate::domain::Owner;
use runtime::reload::Current;
use std::sync::Arc;

/// Authentication of the calls on a port. Clones share their keys.
#[derive(Clone, Debug)]
pub enum Authenticator {
    /// All callers are accepted, and all sessions belong to the empty owner.
    Open,
    /// The caller is this process itself, which has authenticated the owner.
    Trusted,
    /// Callers present a key or a certificate.
    Required {
        /// The accepted keys.
        keys: Option<Current<Keys>>,
        /// The accepted certificates.
        certificates: Option<Current<Certificates>>,
    },
}

/// Credentials of a call, as they were received.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    /// Values of the header `authorization`.
    pub authorization: &'a [&'a [u8]],
    /// Values of the header `nono-owner`.
    pub owner: &'a [&'a [u8]],
    /// URIs and DNS names of the client certificate that the port has verified.
    pub certificate: Option<(&'a [String], &'a [String])>,
}

/// Reason to reject a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The call has no credential.
    NoCredential,
    /// The header `authorization` is no key.
    MalformedCredential,
    /// The key or the certificate is not known.
    UnknownCredential,
    /// The header `nono-owner` is not a valid owner.
    InvalidOwner,
    /// The caller may not act for the empty owner.
    OwnerRequired,
    /// The service has no owners besides the empty one.
    NoOwners,
}

impl Rejection {
    /// All reasons.
    pub const ALL: [Self; 6] = [
        Self::NoCredential,
        Self::MalformedCredential,
        Self::UnknownCredential,
        Self::InvalidOwner,
        Self::OwnerRequired,
        Self::NoOwners,
    ];

    /// Returns the label of the reason in metrics.
    pub fn as_label(self) -> &'static str {
        match self {
            Self::NoCredential => "no_credential",
            Self::MalformedCredential => "malformed_credential",
            Self::UnknownCredential => "unknown_credential",
            Self::InvalidOwner => "invalid_owner",
            Self::OwnerRequired => "owner_required",
            Self::NoOwners => "no_owners",
        }
    }
}

impl Authenticator {
    /// Returns the caller; `None` if callers are not authenticated.
    pub fn caller(&self, credentials: &Credentials<'_>) -> Result<Option<Arc<Caller>>, Rejection> {
        let Self::Required { keys, certificates } = self else { return Ok(None) };
        if !credentials.authorization.is_empty() && keys.is_some() {
            let key = bearer(credentials.authorization).ok_or(Rejection::MalformedCredential)?;
            let keys = keys.as_ref().map(Current::get);
            let caller = keys.as_ref().and_then(|keys| keys.caller(key));
            return caller.cloned().map(Some).ok_or(Rejection::UnknownCredential);
        }
        let (Some(certificates), Some((uris, dns_names))) = (certificates, credentials.certificate) else {
            return Err(Rejection::NoCredential);
        };
        let caller = certificates.get().caller(uris, dns_names).cloned();
        caller.map(Some).ok_or(Rejection::UnknownCredential)
    }

    /// Returns the owner for whom the caller acts.
    pub fn owner(&self, caller: Option<&Caller>, credentials: &Credentials<'_>) -> Result<Owner, Rejection> {
        let owner = match *credentials.owner {
            [] | [b""] => Owner::open(),
            [owner] => std::str::from_utf8(owner)
                .ok()
                .and_then(|owner| Owner::try_from(owner).ok())
                .ok_or(Rejection::InvalidOwner)?,
            _ => return Err(Rejection::InvalidOwner),
        };
        match self {
            Self::Trusted => Ok(owner),
            Self::Open if owner == Owner::open() => Ok(owner),
            Self::Open => Err(Rejection::NoOwners),
            Self::Required { .. } if owner != Owner::open() => Ok(owner),
            Self::Required { .. } if caller.is_some_and(Caller::may_omit_owner) => Ok(owner),
            Self::Required { .. } => Err(Rejection::OwnerRequired),
        }
    }
}

/// Returns the token of the only `authorization` header with the scheme Bearer (RFC 6750, section 2.1).
fn bearer<'a>(values: &[&'a [u8]]) -> Option<&'a [u8]> {
    let [value] = values else { return None };
    let (scheme, token) = value.split_at_checked(7)?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "Bearer service-key-service-key-service-key";
    const UNNAMED: &str = "bearer unnamed-key-unnamed-key-unnamed-key";
    const ADMIN: &str = "BEARER admin-key-admin-key-admin-key-admin";
    const URI: &str = "spiffe://example.org/gateway";

    fn required() -> Authenticator {
        let keys = "a service service-key-service-key-service-key\n\
                    b service unnamed-key-unnamed-key-unnamed-key empty-owner\n\
                    c admin admin-key-admin-key-admin-key-admin";
        Authenticator::Required {
            keys: Some(Current::new(Keys::parse(keys).unwrap())),
            certificates: Some(Current::new(Certificates::parse(&format!("d service uri:{URI}")).unwrap())),
        }
    }

    fn owner(
        authenticator: &Authenticator,
        authorization: &[&str],
        owner: &[&str],
        uri: Option<&str>,
    ) -> Result<String, Rejection> {
        let bytes = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
        let (authorization, owner) = (bytes(authorization), bytes(owner));
        let uris: Vec<_> = uri.iter().map(|uri| (*uri).to_owned()).collect();
        let (authorization, owner): (Vec<_>, Vec<_>) =
            (authorization.iter().map(Vec::as_slice).collect(), owner.iter().map(Vec::as_slice).collect());
        let credentials = Credentials {
            authorization: &authorization,
            owner: &owner,
            certificate: uri.map(|_| (uris.as_slice(), &[][..])),
        };
        let caller = authenticator.caller(&credentials)?;
        Ok(authenticator.owner(caller.as_deref(), &credentials)?.as_str().to_owned())
    }

    #[test]
    fn a_key_or_a_certificate_identifies_the_caller() {
        let required = required();
        assert_eq!(owner(&required, &[SERVICE], &["alice"], None), Ok("alice".into()));
        assert_eq!(owner(&required, &[ADMIN], &["alice"], None), Ok("alice".into()));
        assert_eq!(owner(&required, &[], &["alice"], Some(URI)), Ok("alice".into()));
        for (authorization, uri, rejection) in [
            (&[][..], None, Rejection::NoCredential),
            (&["Bearer wrong-key-wrong-key-wrong-key-wrong"], None, Rejection::UnknownCredential),
            (&["Bearer wrong-key-wrong-key-wrong-key-wrong"], Some(URI), Rejection::UnknownCredential),
            (&["service-key-service-key-service-key"], None, Rejection::MalformedCredential),
            (&["Basic YTpi"], None, Rejection::MalformedCredential),
            (&["Bearer "], None, Rejection::MalformedCredential),
            (&["Bearer"], None, Rejection::MalformedCredential),
            (&[SERVICE, SERVICE], None, Rejection::MalformedCredential),
            (&[], Some("spiffe://example.org/other"), Rejection::UnknownCredential),
        ] {
            assert_eq!(owner(&required, authorization, &["alice"], uri), Err(rejection), "{authorization:?}");
        }
    }

    #[test]
    fn only_some_callers_may_omit_the_owner() {
        let required = required();
        for absent in [&[][..], &[""]] {
            assert_eq!(owner(&required, &[SERVICE], absent, None), Err(Rejection::OwnerRequired));
            assert_eq!(owner(&required, &[], absent, Some(URI)), Err(Rejection::OwnerRequired));
            assert_eq!(owner(&required, &[UNNAMED], absent, None), Ok(String::new()));
            assert_eq!(owner(&required, &[ADMIN], absent, None), Ok(String::new()));
        }
        for invalid in [&["a", "b"][..], &["a\n"], &[" a"], &["é"], &["a\0"]] {
            assert_eq!(
                owner(&required, &[ADMIN], invalid, None),
                Err(Rejection::InvalidOwner),
                "{invalid:?}"
            );
        }
    }

    #[test]
    fn an_open_service_rejects_calls_for_an_owner() {
        assert_eq!(owner(&Authenticator::Open, &[], &[], None), Ok(String::new()));
        assert_eq!(owner(&Authenticator::Open, &[], &["alice"], None), Err(Rejection::NoOwners));
        assert_eq!(owner(&Authenticator::Trusted, &[], &["alice"], None), Ok("alice".into()));
    }

    #[test]
    fn replaced_keys_are_used_at_once() {
        let keys = Current::new(Keys::parse("a service service-key-service-key-service-key").unwrap());
        let authenticator = Authenticator::Required { keys: Some(keys.clone()), certificates: None };
        assert!(owner(&authenticator, &[SERVICE], &["alice"], None).is_ok());
        keys.set(Keys::parse("a service unnamed-key-unnamed-key-unnamed-key").unwrap());
        assert_eq!(owner(&authenticator, &[SERVICE], &["alice"], None), Err(Rejection::UnknownCredential));
        assert!(owner(&authenticator, &[UNNAMED], &["alice"], None).is_ok());
    }
}
