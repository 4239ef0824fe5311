//! Files that contain settings: secrets, and settings that may change while the program runs.

use crate::reload::{SettingFile, text};
use clap::{ArgMatches, parser::ValueSource};
use std::{env, path::Path};

/// A setting that may be read from a file, because it may be a secret or change while the program runs.
#[derive(Clone, Copy, Debug)]
pub struct FileSetting {
    /// Id of the setting in clap.
    pub setting: &'static str,
    /// Variable that names the file. The flag and the variable of the setting itself take precedence.
    pub file_variable: &'static str,
}

/// The files from which settings were read, by the ids of the settings.
#[derive(Clone, Debug, Default)]
pub struct SettingFiles(Vec<(&'static str, SettingFile)>);

impl SettingFiles {
    /// Returns the file of a setting, if its value comes from one.
    pub fn get(&self, setting: &str) -> Option<SettingFile> {
        self.0.iter().find(|(id, _)| *id == setting).map(|(_, file)| file.clone())
    }

    /// Keeps the files whose settings have no other value.
    pub(crate) fn in_use(self, matches: &ArgMatches) -> Self {
        let is_used = |id: &str| matches.value_source(id) == Some(ValueSource::DefaultValue);
        Self(self.0.into_iter().filter(|(id, _)| is_used(id)).collect())
    }
}

/// Makes the content of each file the default of its setting. The error is one sentence.
pub(crate) fn with_files(
    mut command: clap::Command,
    settings: &[FileSetting],
) -> Result<(clap::Command, SettingFiles), String> {
    let mut files = SettingFiles::default();
    for FileSetting { setting, file_variable } in settings {
        #[expect(clippy::disallowed_methods, reason = "it names the file of a setting, and --help says so")]
        let Some(path) = env::var_os(file_variable).filter(|path| !path.is_empty()) else { continue };
        let unreadable = |error: &dyn std::fmt::Display| {
            format!("{file_variable} names a file that cannot be read: {error}")
        };
        let read = SettingFile::read(file_variable, Path::new(&path));
        let (file, content) = read.map_err(|error| unreadable(&error))?;
        let content = text(&content).map_err(|error| unreadable(&error))?.to_owned();
        files.0.push((setting, file));
        command = command.mut_arg(setting, |setting| {
            setting.required(false).hide_default_value(true).default_value(content)
        });
    }
    Ok((command, files))
}
