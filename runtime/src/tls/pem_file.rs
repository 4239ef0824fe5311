//! A setting that names a PEM file.

use crate::reload::SettingFile;
use secrecy::{ExposeSecret, SecretSlice};

/// A file with a certificate or a key, and its content.
#[derive(Clone, Debug)]
pub struct PemFile {
    /// The file, to be watched.
    pub file: SettingFile,
    content: SecretSlice<u8>,
}

impl PemFile {
    /// Reads the file of a setting. The error is half a sentence that follows the name of the setting.
    pub fn read(setting: &'static str, path: &str) -> Result<Self, String> {
        let read = SettingFile::read(setting, path);
        let (file, content) = read.map_err(|error| format!("it cannot be read: {error}"))?;
        Ok(Self { file, content: content.into() })
    }

    /// Returns the content of the file when it was read.
    pub fn bytes(&self) -> &[u8] {
        self.content.expose_secret()
    }
}
