//! Files of callers.

use crate::auth::{Authenticator, Certificates, Credentials, Keys};
use runtime::reload::Current;

/// Texts of errors after the line number.
const RULES: [&str; 6] = [
    "it must be of the form NAME ROLE CREDENTIAL [empty-owner]",
    "the role must be service or admin",
    "the credential is that of a line before",
    "the key must have at least 32 characters, all of them printable ASCII",
    "sha256: must be followed by 64 hexadecimal digits",
    "the credential must be uri: and a URI, or dns: and a name without wildcard",
];

/// Checks that a file is rejected with one of few sentences, which contain nothing of it, and that each key of a valid file
/// identifies the caller of its line.
pub fn callers(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _ = Certificates::parse(&text).map_err(|error| check_error(&error, &text));
    match Keys::parse(&text) {
        Err(error) => check_error(&error, &text),
        Ok(keys) => check_keys(keys, &text),
    }
}

fn check_error(error: &str, text: &str) {
    let Some((number, rule)) = error.strip_prefix("line ").and_then(|rest| rest.split_once(": ")) else {
        return assert_eq!(error, "it lists no caller, so every call would be rejected");
    };
    assert!((1..=text.lines().count()).contains(&number.parse().expect("it is a number")), "{error}");
    assert!(RULES.contains(&rule), "{error}");
}

fn check_keys(keys: Keys, text: &str) {
    let printed = format!("{keys:?}");
    let authenticator = Authenticator::Required { keys: Some(Current::new(keys)), certificates: None };
    let caller = |key: &str| {
        let header = format!("Bearer {key}");
        let authorization = [header.as_bytes()];
        let credentials = Credentials { authorization: &authorization, ..Credentials::default() };
        authenticator.caller(&credentials).ok().flatten()
    };
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let entries: Vec<Vec<_>> = lines.map(|line| line.split_whitespace().collect()).collect();
    for words in entries.iter().filter(|words| !words.is_empty()) {
        let [name, role, key, ..] = words[..] else { panic!("a short line was accepted") };
        if key.starts_with("sha256:") {
            continue;
        }
        let found = caller(key).expect("a listed key is accepted");
        assert_eq!(*found.name, *name);
        assert_eq!(format!("{:?}", found.role).to_lowercase(), role);
        assert_eq!(found.has_empty_owner, words.len() == 4);
        assert!(caller(&key[1..]).is_none() || text.matches(&key[1..]).count() > 1);
        // Names are printed, with escapes, which can end like a key begins.
        let is_name =
            entries.iter().any(|words| words.first().is_some_and(|name| format!("{name:?}").contains(key)));
        assert!(is_name || !printed.contains(key), "a key is printed");
    }
}
