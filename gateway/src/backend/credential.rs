//! The key by which the service recognizes the gateway.

use http::{HeaderValue, header::AUTHORIZATION};
use runtime::reload::Current;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tonic::{Code, Status, metadata::MetadataMap};

/// Minimum length of a key, as the service demands it.
const KEY_MIN_CHARS: usize = 32;

/// Credential of the gateway: a key, a client certificate, or both. Clones share it.
#[derive(Clone, Default)]
pub struct BackendCredential {
    key: Option<Current<HeaderValue>>,
    has_certificate: bool,
    /// `true` since the service has rejected the credential, which is logged once.
    is_rejected: Arc<AtomicBool>,
}

impl BackendCredential {
    /// Creates the credential with a key, which is the value of the header `authorization`.
    pub fn with_key(key: Current<HeaderValue>) -> Self {
        Self { key: Some(key), ..Self::default() }
    }

    /// Returns the credential of a gateway that also presents a client certificate.
    #[must_use]
    pub fn with_certificate(self, has_certificate: bool) -> Self {
        Self { has_certificate, ..self }
    }

    pub(super) fn is_present(&self) -> bool {
        self.key.is_some() || self.has_certificate
    }

    /// Notes whether the service accepted the credential for a call. Returns `true` if it did not.
    pub(super) fn check<T>(&self, result: &Result<T, Status>) -> bool {
        let rejection = result.as_ref().err().filter(|status| {
            self.is_present() && matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied)
        });
        if let Some(status) = rejection {
            if !self.is_rejected.swap(true, Ordering::Relaxed) {
                let cause = status.message();
                tracing::warn!(cause, "the session service rejects the credential of the gateway");
            }
            return true;
        }
        let is_accepted = result.is_ok() && self.is_rejected.load(Ordering::Relaxed);
        if is_accepted && self.is_rejected.swap(false, Ordering::Relaxed) {
            tracing::info!("the session service accepts the credential of the gateway again");
        }
        false
    }

    /// Writes the credential into the metadata of a call.
    pub(super) fn inject(&self, metadata: &mut MetadataMap) {
        if let Some(credential) = &self.key {
            metadata.as_mut().insert(AUTHORIZATION, credential.get().as_ref().clone());
        }
    }
}

/// Parses a file that contains a key and nothing else. The error contains nothing of it.
pub(crate) fn parse_key(key: &str) -> Result<HeaderValue, String> {
    if key.len() < KEY_MIN_CHARS || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("it must contain one key of at least 32 characters, without its name and role".into());
    }
    let mut value =
        HeaderValue::try_from(format!("Bearer {key}")).expect("printable ASCII is a header value");
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for BackendCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_present() { "BackendCredential(some)" } else { "BackendCredential(none)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_contains_the_key_alone() {
        let key = "0123456789abcdef0123456789abcdef";
        assert_eq!(parse_key(key).unwrap(), format!("Bearer {key}"));
        for wrong in ["", "short", &format!("gateway service {key}"), &format!("{key}\n{key}")] {
            let error = parse_key(wrong).unwrap_err();
            assert!(error.starts_with("it must contain one key"), "{wrong}: {error}");
        }
    }
}
