//! Page tokens: opaque to callers, and valid only for the version and the owner that they were issued for.

use crate::domain::{Cursor, Owner, Timestamp, UserId};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

const VERSION: u8 = 1;
const CHECK_BYTES: usize = 8;

/// Returns the token of a cursor.
pub(super) fn render(owner: &Owner, cursor: &Cursor) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend(cursor.snapshot_at.as_millis().to_be_bytes());
    bytes.extend(cursor.expires_at.as_millis().to_be_bytes());
    bytes.extend(cursor.user_id.as_ref().map_or("", UserId::as_str).as_bytes());
    let check = check(owner, &bytes);
    bytes.extend(check);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the cursor of a token; `None` for the empty token.
pub(super) fn parse(owner: &Owner, token: &str) -> Result<Option<Cursor>, String> {
    if token.is_empty() {
        return Ok(None);
    }
    read(owner, token)
        .map(Some)
        .ok_or_else(|| "is not a token of this service; start again without a page_token".into())
}

fn read(owner: &Owner, token: &str) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (bytes, given) = bytes.split_last_chunk::<CHECK_BYTES>()?;
    if check(owner, bytes) != *given {
        return None;
    }
    let (version, bytes) = bytes.split_first()?;
    let (snapshot_at, bytes) = bytes.split_first_chunk()?;
    let (expires_at, user_id) = bytes.split_first_chunk()?;
    let user_id = std::str::from_utf8(user_id).ok()?;
    (*version == VERSION).then_some(Cursor {
        snapshot_at: Timestamp::from_millis(u64::from_be_bytes(*snapshot_at)),
        expires_at: Timestamp::from_millis(u64::from_be_bytes(*expires_at)),
        user_id: if user_id.is_empty() { None } else { Some(UserId::stored(user_id)) },
    })
}

/// Returns a checksum against accidental changes. A token grants no access, so the checksum needs no secret.
fn check(owner: &Owner, bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hash = Sha256::new();
    hash.update(bytes);
    hash.update(owner.as_str());
    *hash.finalize().first_chunk().expect("a SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(user_id: Option<&str>) -> Cursor {
        Cursor {
            snapshot_at: Timestamp::from_millis(1_697_856_000_123),
            expires_at: Timestamp::from_millis(1_697_859_600_123),
            user_id: user_id.map(|id| UserId::try_from(id).unwrap()),
        }
    }

    #[test]
    fn parse_returns_the_rendered_cursor() {
        for user_id in [None, Some("John Doe"), Some("🤖")] {
            let token = render(&Owner::open(), &cursor(user_id));
            assert_eq!(parse(&Owner::open(), &token), Ok(Some(cursor(user_id))));
        }
        assert_eq!(parse(&Owner::open(), ""), Ok(None));
    }

    #[test]
    fn tokens_that_were_changed_or_belong_to_another_owner_are_rejected() {
        let token = render(&Owner::open(), &cursor(Some("a")));
        assert!(parse(&Owner::named("ann"), &token).is_err());
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(parse(&Owner::open(), std::str::from_utf8(&changed).unwrap()).is_err(), "at {at}");
        }
        for token in ["x", "AA", "====", "🤖", &token[1..], &format!("{token}A")] {
            assert!(parse(&Owner::open(), token).is_err(), "{token}");
        }
    }
}
