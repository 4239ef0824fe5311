//! Assets of the page: compressed once, and served under a path that contains their version.
//!
//! Browsers may cache versioned paths indefinitely, because they revalidate `index.html`, which links to the others. Those
//! refer to each other by relative paths, so they keep the version.

use super::folder::{self, OpenFile};
use axum::body::Bytes;
use flate2::{Compression, write::GzEncoder};
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    io::Write,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

/// The file that links to the others.
pub(super) const INDEX_HTML: &str = "index.html";
/// Path prefix of versioned files.
const PREFIX: &str = "assets/";
/// Beginnings of the links in the index that receive a version.
const FOLDERS: [&str; 3] = ["\"css/", "\"js/", "\"vendor/"];
/// Minimum size of a file that is worth compressing.
const COMPRESSED_MIN_BYTES: usize = 256;
/// Quality of Brotli: 9 makes the files 1 to 2 % smaller and takes 20 times as long.
const BROTLI_QUALITY: i32 = 5;

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
        let files: Vec<_> = Embedded::iter()
            .map(|name| (name.to_string(), Embedded::get(&name).expect("it was just named")))
            .collect();
        let mut digests: Vec<_> =
            files.iter().map(|(name, file)| (name, file.metadata.sha256_hash())).collect();
        digests.sort_unstable();
        let mut all = Sha256::new();
        for (name, digest) in digests {
            all.update(name);
            all.update(digest);
        }
        let version = short(&all.finalize());
        let asset = |(name, file): (String, EmbeddedFile)| {
            let of_version = (name == INDEX_HTML).then_some(version.as_str());
            let asset = Asset::new(file, of_version);
            (name, Arc::new(asset))
        };
        Self { files: files.into_iter().map(asset).collect(), version: version.clone() }
    }
}

impl Asset {
    /// Creates an asset. The version is inserted into the links of the index.
    fn new(file: EmbeddedFile, version: Option<&str>) -> Self {
        let content_type = with_charset(file.metadata.mimetype());
        let plain = match version {
            None => Bytes::from(file.data.into_owned()),
            Some(version) => {
                let mut text = String::from_utf8_lossy(&file.data).into_owned();
                for folder in FOLDERS {
                    text = text.replace(folder, &format!("\"/{PREFIX}{version}/{}", &folder[1..]));
                }
                Bytes::from(text)
            }
        };
        let etag = short(&Sha256::digest(&plain));
        let (of_brotli, of_gzip) = (plain.clone(), plain.clone());
        Self {
            content_type,
            etag,
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
