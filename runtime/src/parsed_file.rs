//! A value that is parsed from the file of a setting, and again whenever the file changes.

use crate::reload::{Current, ReloadSignal, SettingFile, text};
use std::fmt;

/// Parser of the text in a file, without white space at its ends. The error is a part of a sentence without the content.
type Parse<T> = fn(&str) -> Result<T, String>;

/// A file of a setting, and the value in it. Clones share the value.
pub struct ParsedFile<T> {
    file: SettingFile,
    value: Current<T>,
    parse: Parse<T>,
}

impl<T> ParsedFile<T> {
    /// Reads a file for the first time. The error is a part of a sentence that follows the name of the setting.
    pub fn read(setting: &'static str, path: &str, parse: Parse<T>) -> Result<Self, String> {
        let read = SettingFile::read(setting, path);
        let (file, content) = read.map_err(|error| format!("it cannot be read: {error}"))?;
        Ok(Self { file, value: Current::new(parse(text(&content)?)?), parse })
    }
}

impl<T: Send + Sync + 'static> ParsedFile<T> {
    /// Replaces the value when the file changes, until the program ends. An invalid file keeps the value before.
    pub fn watch(self, reload: &ReloadSignal) -> Current<T> {
        let Self { file, value, parse } = self;
        let current = value.clone();
        reload.watch(vec![file], move |contents| {
            let content = contents.first().map_or(&[][..], Vec::as_slice);
            current.set(parse(text(content)?)?);
            Ok(())
        });
        value
    }
}

impl<T> Clone for ParsedFile<T> {
    fn clone(&self) -> Self {
        Self { file: self.file.clone(), value: self.value.clone(), parse: self.parse }
    }
}

/// The value may be a secret.
impl<T> fmt::Debug for ParsedFile<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ParsedFile").field(&self.file.setting).finish()
    }
}
