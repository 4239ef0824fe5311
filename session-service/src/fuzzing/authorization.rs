//! Credentials of a call: the headers `authorization` and `nono-owner`.

use crate::{
    auth::{Authenticator, Credentials, Keys, Rejection},
    domain::{Owner, limits::OWNER_MAX_BYTES},
};
use runtime::reload::Current;

/// Keys of a caller that must name an owner, and of one that need not.
const KEYS: [&str; 2] = ["service-key-service-key-service-key", "admin-key-admin-key-admin-key-admin"];

/// Checks that only a single `Bearer` header with a listed key is accepted, for the owner that the call names. Each line of the
/// input is a header: `a` and its value for `authorization`, `o` for `nono-owner`.
pub fn authorization(input: &[u8]) {
    let values = |kind: u8| -> Vec<&[u8]> {
        let lines = input.split(|byte| *byte == b'\n').filter_map(|line| line.split_first());
        lines.filter(|(first, _)| **first == kind).map(|(_, value)| value).collect()
    };
    let (authorization, owner) = (values(b'a'), values(b'o'));
    let credentials = Credentials { authorization: &authorization, owner: &owner, certificate: None };
    let keys = format!("gateway service {}\nops admin {}", KEYS[0], KEYS[1]);
    let keys = Current::new(Keys::parse(&keys).expect("the file is valid"));
    let required = Authenticator::Required { keys: Some(keys), certificates: None };
    let caller = required.caller(&credentials);
    assert_eq!(caller.is_ok(), has_key(&authorization, &KEYS));
    let Ok(caller) = caller else {
        return assert_eq!(caller == Err(Rejection::NoCredential), authorization.is_empty());
    };
    check_owner(required.owner(caller.as_deref(), &credentials), &owner, has_key(&authorization, &KEYS[1..]));
}

/// Returns `true` if the only header has one of these keys.
fn has_key(authorization: &[&[u8]], keys: &[&str]) -> bool {
    let [value] = authorization else { return false };
    let Some(token) = value.get(7..).filter(|_| value[..7].eq_ignore_ascii_case(b"bearer ")) else {
        return false;
    };
    keys.iter().any(|key| token.trim_ascii() == key.as_bytes())
}

fn check_owner(result: Result<Owner, Rejection>, given: &[&[u8]], may_be_empty: bool) {
    match (result, given) {
        (Ok(owner), [] | [b""]) => assert!(owner == Owner::open() && may_be_empty),
        (Ok(owner), [given]) => {
            assert_eq!(owner.as_str().as_bytes(), *given);
            assert!(given.len() <= OWNER_MAX_BYTES && given.iter().all(|byte| (b' '..=b'~').contains(byte)));
        }
        (Ok(_), _) => panic!("an owner was chosen from several"),
        (Err(rejection), [] | [b""]) => assert!(rejection == Rejection::OwnerRequired && !may_be_empty),
        (Err(rejection), _) => assert_eq!(rejection, Rejection::InvalidOwner),
    }
}
