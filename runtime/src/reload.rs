//! Files that are read again while the program runs: at once on SIGHUP, and within seconds of a change. Owners of a value
//! subscribe to its files and replace it. An invalid content keeps the old value.
//!
//! The content is compared, not the file: Kubernetes replaces mounted files by changing a symbolic link to their folder.

use crate::jittered;
use std::{
    collections::hash_map::RandomState,
    fs,
    hash::BuildHasher,
    io,
    path::PathBuf,
    sync::{Arc, LazyLock, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::watch;

/// Interval between comparisons of a file with its last known content.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Keys of the fingerprints, so that no content stays in memory to be compared.
static FINGERPRINTS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A value that can be replaced while it is in use. Clones share it.
#[derive(Debug)]
pub struct Current<T>(Arc<RwLock<Arc<T>>>);

impl<T> Current<T> {
    /// Creates the first value.
    pub fn new(value: T) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(value))))
    }

    /// Returns the current value.
    pub fn get(&self) -> Arc<T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the value. Users of the old one keep it.
    pub fn set(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}

impl<T> Clone for Current<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A file that contains the value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingFile {
    /// Name of the setting in logs.
    pub setting: &'static str,
    path: PathBuf,
    seen: Seen,
}

/// State of a file when it was last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Fingerprint of the content.
    Content(u64),
    Unreadable(io::ErrorKind),
}

impl SettingFile {
    /// Reads a file for the first time. Also returns its content.
    pub fn read(setting: &'static str, path: impl Into<PathBuf>) -> io::Result<(Self, Vec<u8>)> {
        let path = path.into();
        let content = fs::read(&path)?;
        Ok((Self { setting, path, seen: Seen::of(&Ok(content.clone())) }, content))
    }
}

impl Seen {
    fn of(content: &io::Result<Vec<u8>>) -> Self {
        match content {
            Ok(content) => Self::Content(FINGERPRINTS.hash_one(content)),
            Err(error) => Self::Unreadable(error.kind()),
        }
    }
}

/// Request to read files again. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ReloadSignal(watch::Sender<()>);

impl ReloadSignal {
    /// Requests to read all files now.
    pub fn trigger(&self) {
        self.0.send_replace(());
    }

    /// Starts a task that watches files until the program ends. Whenever one has changed, it calls `apply` with the
    /// contents of all, in the order of the files. An error, which is one sentence without a content, is logged once.
    pub fn watch(
        &self,
        files: Vec<SettingFile>,
        apply: impl FnMut(&[Vec<u8>]) -> Result<(), String> + Send + 'static,
    ) {
        self.watch_counted(files, apply, |_| {});
    }

    /// Does the same and calls `count` after each change, with `true` if the new contents are in use.
    pub fn watch_counted(
        &self,
        mut files: Vec<SettingFile>,
        mut apply: impl FnMut(&[Vec<u8>]) -> Result<(), String> + Send + 'static,
        count: impl Fn(bool) + Send + 'static,
    ) {
        if files.is_empty() {
            return;
        }
        let mut requests = self.0.subscribe();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(jittered(POLL_INTERVAL)) => {}
                    request = requests.changed() => if request.is_err() { return },
                }
                // A file may be on a slow network.
                let read = tokio::task::spawn_blocking(move || {
                    let contents: Vec<_> = files.iter().map(|file| fs::read(&file.path)).collect();
                    (files, contents)
                });
                let Ok((returned, contents)) = read.await else { return };
                files = returned;
                let changed = note_changes(&mut files, &contents);
                if !changed.is_empty() {
                    let result = valid(contents).and_then(|contents| apply(&contents));
                    count(result.is_ok());
                    log(&changed, result);
                }
            }
        });
    }
}

/// Stores the states of the files. Returns the settings whose files have changed.
fn note_changes(files: &mut [SettingFile], contents: &[io::Result<Vec<u8>>]) -> Vec<&'static str> {
    let mut changed = Vec::new();
    for (file, content) in files.iter_mut().zip(contents) {
        let seen = Seen::of(content);
        if std::mem::replace(&mut file.seen, seen) != seen {
            changed.push(file.setting);
        }
    }
    changed
}

fn valid(contents: Vec<io::Result<Vec<u8>>>) -> Result<Vec<Vec<u8>>, String> {
    let check = |content: io::Result<Vec<u8>>| match content {
        Ok(content) if content.trim_ascii().is_empty() => Err("the file is empty".to_owned()),
        Ok(content) => Ok(content),
        Err(error) => Err(format!("the file cannot be read: {error}")),
    };
    contents.into_iter().map(check).collect()
}

fn log(changed: &[&str], result: Result<(), String>) {
    let setting = changed.join(", ");
    match result {
        Ok(()) => tracing::info!(setting, "setting reloaded"),
        Err(reason) => {
            tracing::warn!(setting, reason, "setting not reloaded; the previous value stays in use")
        }
    }
}

/// Returns the content of a file as text without white space at its ends.
pub fn text(content: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(content).map(str::trim).map_err(|_| "the file is not UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{os::unix::fs::symlink, path::Path};
    use tokio::sync::mpsc;

    /// Watches a file. Returns the signal, and the contents that are applied. "bad" is not valid.
    fn watch(path: &Path) -> (ReloadSignal, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel(8);
        let signal = ReloadSignal::default();
        let (file, _) = SettingFile::read("--x", path).unwrap();
        signal.watch(vec![file], move |contents| {
            let text = text(&contents[0])?.to_owned();
            sender.try_send(text.clone()).unwrap();
            if text == "bad" { Err("it is not valid".into()) } else { Ok(()) }
        });
        (signal, receiver)
    }

    #[tokio::test]
    async fn a_replaced_symlink_is_noticed_without_a_signal() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for version in ["1", "2"] {
            fs::create_dir(path(version)).unwrap();
            fs::write(path(version).join("file"), version).unwrap();
        }
        symlink(path("1"), path("data")).unwrap();
        symlink(path("data/file"), path("file")).unwrap();
        let (_signal, mut applied) = watch(&path("file"));
        symlink(path("2"), path("next")).unwrap();
        fs::rename(path("next"), path("data")).unwrap();
        assert_eq!(applied.recv().await.unwrap(), "2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_reads_at_once_and_applies_only_changes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "one").unwrap();
        let (signal, mut applied) = watch(file.path());
        signal.trigger();
        fs::write(file.path(), "two\n").unwrap();
        signal.trigger();
        assert_eq!(applied.recv().await.unwrap(), "two");
        for content in ["bad", "", "bad"] {
            fs::write(file.path(), content).unwrap();
            signal.trigger();
            if !content.is_empty() {
                assert_eq!(applied.recv().await.unwrap(), content);
            } else {
                tokio::time::sleep(POLL_INTERVAL * 2).await;
            }
        }
        fs::remove_file(file.path()).unwrap();
        tokio::time::sleep(POLL_INTERVAL * 3).await;
        fs::write(file.path(), "three").unwrap();
        assert_eq!(applied.recv().await.unwrap(), "three");
        assert!(applied.is_empty());
    }

    #[test]
    fn a_replaced_value_stays_valid_for_its_users() {
        let current = Current::new(1);
        let (shared, old) = (current.clone(), current.get());
        shared.set(2);
        assert_eq!((*old, *current.get()), (1, 2));
    }
}
