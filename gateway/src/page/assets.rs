//! Assets of the page: bundled, compressed once, and served under a path that contains their version.
//!
//! The program contains the folder `public`. Files of its folder `bundle`, which `npm run bundle` writes, are served instead of
//! those with the same path.
//!
//! Browsers may cache versioned paths indefinitely, because they revalidate `index.html`, which links to the others. Those
//! refer to each other by relative paths, so they keep the version.

use super::folder::{self, OpenFile};
use axum::body::Bytes;
use flate2::{Compression, write::GzEncoder};
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    io::Write,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

/// The file that links to the others.
pub(super) const INDEX_HTML: &str = "index.html";
/// The page for a path that does not exist.
pub(super) const NOT_FOUND_HTML: &str = "not-found.html";
/// Path prefix of versioned files.
const PREFIX: &str = "assets/";
/// Beginnings of the links in the index that receive a version.
const FOLDERS: [&str; 3] = ["\"css/", "\"js/", "\"vendor/"];
/// Folder of the bundled files.
const BUNDLE: &str = "bundle/";
/// Ending of type declarations, which are for work on the page only.
const TYPES: &str = ".d.ts";
/// Minimum size of a file that is worth compressing.
const COMPRESSED_MIN_BYTES: usize = 256;
/// Quality of Brotli: a first visit has 8 % fewer bytes than with 5, and the first one of a process waits 0.2 s longer.
const BROTLI_QUALITY: i32 = 11;

#[derive(RustEmbed)]
#[folder = "../public/"]
struct Embedded;

/// Source of the files.
#[derive(Clone)]
pub(crate) enum Files {
    /// The program itself.
    Embedded(Arc<Bundle>),
    /// A folder, without versions and without compression: for work on the page.
    Folder(Arc<PathBuf>),
}

/// The files of one version of the page.
pub(crate) struct Bundle {
    version: String,
    files: HashMap<String, Arc<Asset>>,
}

/// A file with its encodings, which are created when they are first requested.
pub(super) struct Asset {
    pub(super) content_type: String,
    pub(super) etag: String,
    plain: Bytes,
    brotli: Lazy<Bytes>,
    gzip: Lazy<Bytes>,
}

/// A value that is created when it is first used.
type Lazy<T> = LazyLock<T, Box<dyn FnOnce() -> T + Send>>;

/// Content encoding of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Gzip,
    Brotli,
}

impl Files {
    /// Returns the files in the program.
    pub(crate) fn embedded() -> Self {
        Self::Embedded(Arc::new(Bundle::new()))
    }

    /// Returns the file at a path.
    pub(super) async fn get(&self, path: &str) -> Option<Found> {
        let (version, name) = split(path);
        match self {
            Self::Embedded(bundle) => {
                let is_immutable = version == Some(bundle.version.as_str());
                // A page of another version gets the file of this one, rather than an error.
                Some(Found::Asset { asset: bundle.files.get(name)?.clone(), is_immutable })
            }
            Self::Folder(root) => {
                let (root, name) = (root.clone(), name.to_owned());
                let opened = tokio::task::spawn_blocking(move || folder::open(&root, &name)).await;
                opened.ok().flatten().map(Found::File)
            }
        }
    }
}

/// A file to serve.
pub(super) enum Found {
    Asset {
        asset: Arc<Asset>,
        /// It may be cached under this path indefinitely.
        is_immutable: bool,
    },
    File(OpenFile),
}

impl Bundle {
    fn new() -> Self {
        let sources = served_files();
        let mut all = Sha256::new();
        for (name, file) in &sources {
            all.update(name);
            all.update(file.metadata.sha256_hash());
        }
        let version = short(&all.finalize());
        let asset = |(name, file): (String, EmbeddedFile)| {
            let asset = if name == INDEX_HTML {
                let index = std::str::from_utf8(&file.data).expect("the index is text");
                let index = with_version(index, &version);
                let digest = Sha256::digest(&index);
                Asset::new(&name, index.into(), &digest)
            } else {
                Asset::new(&name, bytes(file.data), &file.metadata.sha256_hash())
            };
            (name, Arc::new(asset))
        };
        Self { files: sources.into_iter().map(asset).collect(), version }
    }
}

/// Returns the embedded files that are served.
fn served_files() -> BTreeMap<String, EmbeddedFile> {
    let names: Vec<_> = Embedded::iter().filter(|name| !name.ends_with(TYPES)).collect();
    let (bundled, sources): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.starts_with(BUNDLE));
    let read = |name: Cow<'static, str>| {
        let file = Embedded::get(&name).expect("it was just named");
        (name.trim_start_matches(BUNDLE).to_owned(), file)
    };
    sources.into_iter().chain(bundled).map(read).collect()
}

/// Returns the content of a file without a copy: at the start of a program, its files are not even read.
fn bytes(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => data.into(),
    }
}

/// Inserts the version into the links of the index.
fn with_version(index: &str, version: &str) -> String {
    FOLDERS.iter().fold(index.to_owned(), |text, folder| {
        text.replace(folder, &format!("\"/{PREFIX}{version}/{}", &folder[1..]))
    })
}

impl Asset {
    fn new(name: &str, plain: Bytes, digest: &[u8]) -> Self {
        let (of_brotli, of_gzip) = (plain.clone(), plain.clone());
        Self {
            content_type: with_charset(mime_guess::from_path(name).first_or_octet_stream().as_ref()),
            etag: short(digest),
            plain,
            brotli: LazyLock::new(Box::new(move || brotli(&of_brotli))),
            gzip: LazyLock::new(Box::new(move || gzip(&of_gzip))),
        }
    }

    /// Returns `true` if the file is worth compressing.
    pub(super) fn is_compressible(&self) -> bool {
        let is_text = ["text/", "application/json", "image/svg+xml"]
            .iter()
            .any(|kind| self.content_type.starts_with(kind));
        is_text && self.plain.len() >= COMPRESSED_MIN_BYTES
    }

    pub(super) fn bytes(&self, encoding: Encoding) -> Bytes {
        match encoding {
            Encoding::Plain => self.plain.clone(),
            Encoding::Gzip => self.gzip.clone(),
            Encoding::Brotli => self.brotli.clone(),
        }
    }
}

/// Returns the version in a path, if any, and the name of the file.
fn split(path: &str) -> (Option<&str>, &str) {
    match path.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/')) {
        Some((version, name)) => (Some(version), name),
        None => (None, path),
    }
}

fn short(digest: &[u8]) -> String {
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn with_charset(kind: &str) -> String {
    if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.to_owned() }
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect("writing to memory cannot fail").into()
}

fn brotli(plain: &[u8]) -> Bytes {
    let parameters =
        brotli::enc::BrotliEncoderParams { quality: BROTLI_QUALITY, lgwin: 18, ..Default::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &plain[..], &mut compressed, &parameters)
        .expect("writing to memory cannot fail");
    compressed.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_names_bundled_files_by_version() {
        let bundle = Bundle::new();
        let index = std::str::from_utf8(&bundle.files[INDEX_HTML].plain).unwrap();
        let start = format!("\"/{PREFIX}{}/", bundle.version);
        let named: Vec<_> = index.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(named.contains(&"js/app/main.js") && named.contains(&"css/page.css"), "{named:?}");
        for name in named {
            assert!(bundle.files.contains_key(name), "{name}");
        }
    }

    #[test]
    fn bundled_files_are_served_instead_of_their_sources() {
        let bundle = Bundle::new();
        let source = Embedded::get("css/dialogs.css").unwrap().data;
        assert!(bundle.files["css/dialogs.css"].plain.len() < source.len());
        assert!(!bundle.files.keys().any(|name| name.starts_with(BUNDLE) || name.ends_with(TYPES)));
    }
}
