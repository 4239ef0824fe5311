//! Certificates and keys from PEM files, the settings that name them, and their metrics.

mod identity;
mod metrics;
mod pem_file;
mod settings;

pub use identity::{Identity, PairNames, authorities};
pub use metrics::{Side, TlsMetrics};
pub use pem_file::PemFile;
pub use settings::TlsSettings;

use rustls::crypto::{CryptoProvider, ring};
use std::sync::{Arc, LazyLock};

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));

/// Returns the cryptography of every connection.
pub fn provider() -> Arc<CryptoProvider> {
    PROVIDER.clone()
}
