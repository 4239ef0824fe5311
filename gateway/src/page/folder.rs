//! Files of a folder, opened at each request, for work on the page. Serves visible regular files inside the folder only.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Component, Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// An open file.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) bytes: u64,
    /// Media type by the name's extension.
    pub(super) kind: String,
    /// Changes with the file's time of modification and its size.
    pub(super) tag: String,
}

/// Opens the file called `name` below `root`. Blocks its thread.
pub(super) fn open(root: &Path, name: &str) -> Option<OpenFile> {
    let path = find(root, name)?;
    let file = File::open(path).ok()?;
    let metadata = file.metadata().ok().filter(fs::Metadata::is_file)?;
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    Some(OpenFile {
        file,
        bytes: metadata.len(),
        kind: kind.as_ref().to_owned(),
        tag: format!("{modified:x}-{:x}", metadata.len()),
    })
}

/// Returns `true` if the folder holds a file of this name that can be served. Blocks its thread.
pub(crate) fn has(root: &Path, name: &str) -> bool {
    find(root, name).is_some()
}

/// Returns the path of a regular file below `root`, without symbolic links.
fn find(root: &Path, name: &str) -> Option<PathBuf> {
    let is_plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
    if !name.split('/').all(is_plain) {
        return None;
    }
    let resolve = || -> io::Result<_> { Ok((root.canonicalize()?, root.join(name).canonicalize()?)) };
    let (root, path) = resolve().ok()?;
    // A link may lead elsewhere, or to a hidden file.
    let is_visible = |part| matches!(part, Component::Normal(part) if !is_hidden(part));
    let is_inside = path.strip_prefix(&root).is_ok_and(|rest| rest.components().all(is_visible));
    // Opening a FIFO would wait for its writer, so the type is checked first.
    let is_file = is_inside && fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
    is_file.then_some(path)
}

fn is_hidden(part: &OsStr) -> bool {
    part.as_encoded_bytes().starts_with(b".")
}
