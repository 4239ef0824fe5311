//! Metadata of sessions and messages: a JSON object, stored as text.

use super::limits::METADATA_MAX_BYTES;
use std::sync::Arc;

/// The empty object, which most messages have.
const NONE: &str = "{}";

/// A JSON object as compact text within the size limit. The gRPC layer validates the JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(Option<Arc<str>>);

impl Metadata {
    /// Returns metadata that is stored.
    pub fn stored(json: &str) -> Self {
        Self((json != NONE).then(|| json.into()))
    }

    /// Returns the compact JSON text.
    pub fn as_json(&self) -> &str {
        self.0.as_deref().unwrap_or(NONE)
    }

    /// Returns `true` for the empty object.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl TryFrom<String> for Metadata {
    type Error = String;

    fn try_from(json: String) -> Result<Self, String> {
        if json.len() > METADATA_MAX_BYTES {
            return Err(format!("must be at most {METADATA_MAX_BYTES} bytes as JSON; it has {}", json.len()));
        }
        Ok(Self::stored(&json))
    }
}
