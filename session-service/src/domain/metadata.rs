//! What a caller attaches to a session or a message: a JSON object, kept as its text.

use super::limits::METADATA_MAX_BYTES;
use std::sync::Arc;

/// The metadata of most messages.
const NONE: &str = "{}";

/// A JSON object as compact text, within its size. Only those who know JSON make one from a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(Option<Arc<str>>);

impl Metadata {
    /// Metadata that the store gives back.
    pub fn stored(json: &str) -> Self {
        Self((json != NONE).then(|| json.into()))
    }

    /// The compact JSON text of the object.
    pub fn as_json(&self) -> &str {
        self.0.as_deref().unwrap_or(NONE)
    }

    /// Whether nothing was attached.
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
