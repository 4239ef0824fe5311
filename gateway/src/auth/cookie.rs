//! Cookies that give each browser an owner of its own: a random id, and a code that only the gateways of a deployment can
//! compute.

use crate::caller::Owner;
use axum::http::{HeaderMap, HeaderValue, header::COOKIE};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use cookie::{Cookie, SameSite, time::Duration};
use hmac::{Hmac, KeyInit, Mac};
use runtime::reload::Current;
use sha2::Sha256;
use std::{fmt, sync::Arc};

/// Name of the cookie without TLS.
pub(crate) const NAME: &str = "nono_owner";
/// Name of the cookie over TLS. Browsers accept this prefix only from the host itself (RFC 6265bis, section 4.1.3.2).
pub(crate) const SECURE_NAME: &str = "__Host-nono_owner";
/// Lifetime of the cookie. Each page renews it.
const MAX_AGE: Duration = Duration::days(365);
/// Number of random bytes in an id.
const ID_BYTES: usize = 16;
/// Minimum length of a key.
const KEY_MIN_CHARS: usize = 32;

/// Random id of a browser.
type BrowserId = [u8; ID_BYTES];

/// Keys of the codes. The first one signs, and all of them verify, so that they can be rotated.
pub(crate) struct CookieKeys(Vec<Hmac<Sha256>>);

impl CookieKeys {
    /// Parses a file with one key per line. The error contains nothing of the file.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let key = line.trim();
            if key.is_empty() || key.starts_with('#') {
                continue;
            }
            if key.len() < KEY_MIN_CHARS {
                return Err(format!("line {number}: a key must have at least {KEY_MIN_CHARS} characters"));
            }
            keys.push(hmac(key.as_bytes()));
        }
        if keys.is_empty() { Err("it has no key".into()) } else { Ok(Self(keys)) }
    }

    /// Creates a random key, for a process whose cookies need not outlive it.
    pub(crate) fn random() -> Self {
        Self(vec![hmac(&random::<32>())])
    }

    fn sign(&self, id: BrowserId) -> String {
        let code = code(&self.0[0], id).finalize().into_bytes();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(id), URL_SAFE_NO_PAD.encode(code))
    }

    /// Returns the id in a cookie with a valid code. The comparison takes the same time for every code.
    fn verify(&self, value: &str) -> Option<BrowserId> {
        let (id, signature) = value.split_once('.')?;
        let id = BrowserId::try_from(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.0.iter().any(|key| code(key, id).verify_slice(&signature).is_ok()).then_some(id)
    }
}

impl fmt::Debug for CookieKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CookieKeys({})", self.0.len())
    }
}

/// Authentication by cookies. Clones share the keys.
#[derive(Clone, Debug)]
pub(crate) struct Cookies(pub(crate) Current<CookieKeys>);

impl Cookies {
    /// Returns the owner of a request with a valid cookie.
    pub(crate) fn owner(&self, headers: &HeaderMap, is_secure: bool) -> Option<Owner> {
        self.id(headers, is_secure).map(|id| owner_of(&id))
    }

    /// Returns `true` if a request has a cookie, valid or not.
    pub(crate) fn is_present(headers: &HeaderMap, is_secure: bool) -> bool {
        values(headers, is_secure).next().is_some()
    }

    /// Returns the cookie for the browser that requests a page: the same owner for a year from now, or a new one.
    pub(crate) fn renew(&self, headers: &HeaderMap, is_secure: bool) -> HeaderValue {
        let id = self.id(headers, is_secure).unwrap_or_else(random);
        let cookie = Cookie::build((name(is_secure), self.0.get().sign(id)))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(is_secure)
            .max_age(MAX_AGE);
        HeaderValue::try_from(cookie.to_string()).expect("names and base64 are a header value")
    }

    fn id(&self, headers: &HeaderMap, is_secure: bool) -> Option<BrowserId> {
        let keys: Arc<CookieKeys> = self.0.get();
        values(headers, is_secure).find_map(|value| keys.verify(&value))
    }
}

fn name(is_secure: bool) -> &'static str {
    if is_secure { SECURE_NAME } else { NAME }
}

/// Returns the values of the cookie. Without TLS a page on another path can add further ones.
fn values(headers: &HeaderMap, is_secure: bool) -> impl Iterator<Item = String> {
    let headers = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    let cookies = headers.flat_map(Cookie::split_parse).filter_map(Result::ok);
    cookies.filter(move |cookie| cookie.name() == name(is_secure)).map(|cookie| cookie.value().to_owned())
}

fn owner_of(id: &BrowserId) -> Owner {
    Owner::named(&format!("browser:{}", URL_SAFE_NO_PAD.encode(id)))
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key may have any length")
}

fn code(key: &Hmac<Sha256>, id: BrowserId) -> Hmac<Sha256> {
    // The purpose is part of the message, so that a code for another purpose is not valid here.
    key.clone().chain_update(b"nono owner cookie 1\0").chain_update(id)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "old-key-old-key-old-key-old-key-old-key";
    const NEW: &str = "new-key-new-key-new-key-new-key-new-key";

    fn cookies(keys: &str) -> Cookies {
        Cookies(Current::new(CookieKeys::parse(keys).unwrap()))
    }

    fn request(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(cookie).unwrap());
        headers
    }

    /// Returns the pair of name and value that a browser sends for a cookie.
    fn pair(cookie: &HeaderValue) -> String {
        cookie.to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    #[test]
    fn attributes_are_exact() {
        let attributes = |is_secure| {
            let cookie = cookies(OLD).renew(&HeaderMap::new(), is_secure);
            let text = cookie.to_str().unwrap().to_owned();
            let (name, rest) = text.split_once('=').unwrap();
            let (value, rest) = rest.split_once("; ").unwrap();
            assert_eq!(value.len(), 22 + 1 + 43);
            format!("{name}; {rest}")
        };
        assert_eq!(attributes(false), "nono_owner; HttpOnly; SameSite=Lax; Path=/; Max-Age=31536000");
        assert_eq!(
            attributes(true),
            "__Host-nono_owner; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=31536000"
        );
    }

    #[test]
    fn a_browser_keeps_its_owner_while_the_keys_rotate() {
        let old = pair(&cookies(OLD).renew(&HeaderMap::new(), true));
        let owner = cookies(OLD).owner(&request(&old), true).unwrap();
        let both = cookies(&format!("# rotation\n{NEW}\n{OLD}\n"));
        assert!(both.owner(&request(&old), true).as_ref() == Some(&owner));
        let renewed = pair(&both.renew(&request(&old), true));
        assert_ne!(renewed, old);
        assert!(cookies(NEW).owner(&request(&renewed), true) == Some(owner));
        assert!(cookies(NEW).owner(&request(&old), true).is_none());
    }

    #[test]
    fn tampered_and_foreign_cookies_have_no_owner() {
        let own = cookies(OLD);
        let valid = pair(&own.renew(&HeaderMap::new(), false));
        assert!(own.owner(&request(&format!("a=b; {valid}; c=d")), false).is_some());
        let foreign = pair(&cookies(NEW).renew(&HeaderMap::new(), false));
        let (id, code) = valid.split_once('.').unwrap();
        let last = if id.ends_with('A') { 'Q' } else { 'A' };
        let changed = format!("{}{last}.{code}", &id[..id.len() - 1]);
        let zero = format!("nono_owner={}.{code}", "A".repeat(22));
        for wrong in [
            &foreign,
            &changed,
            &zero,
            id,
            "nono_owner=",
            "nono_owner=.",
            "nono_owner=a.b",
            &format!("{id}."),
            &valid.replace("nono_owner", "nono_Owner"),
            &valid[..valid.len() - 1],
            &format!("{valid}A"),
            &format!("{foreign}; x={}", &valid[11..]),
        ] {
            assert!(own.owner(&request(wrong), false).is_none(), "{wrong}");
        }
        // Over TLS, only the name that no other host can set is accepted.
        assert!(own.owner(&request(&valid), true).is_none());
        assert!(own.owner(&request(&format!("{foreign}; {valid}")), false).is_some());
    }

    #[test]
    fn browsers_have_different_owners() {
        let cookies = cookies(OLD);
        let owner = || cookies.owner(&request(&pair(&cookies.renew(&HeaderMap::new(), false))), false);
        assert!(owner() != owner());
    }

    #[test]
    fn short_keys_are_refused_without_their_text() {
        assert_eq!(CookieKeys::parse("# none\n\n").unwrap_err(), "it has no key");
        let error = CookieKeys::parse(&format!("{OLD}\nshort-canary")).unwrap_err();
        assert_eq!(error, "line 2: a key must have at least 32 characters");
        assert!(!format!("{:?}", CookieKeys::parse(OLD).unwrap()).contains("old"));
    }
}
