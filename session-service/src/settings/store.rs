//! Settings of the store.

use super::store_files::{StoreFiles, StoreSetting};
use crate::store::{
    Policy, SessionStore,
    memory::MemoryStore,
    redis::{RedisSettings, RedisStore, RedisTls, RedisUrl, SentinelCredentials},
};
use clap::Args;
use runtime::{reload::ReloadSignal, settings::SettingFiles, tls::PemFile};
use secrecy::SecretString;
use std::{fmt, str::FromStr, sync::Arc};

/// URL of the store.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `memory:`
    Memory,
    /// An address of Redis, such as `redis://host`
    Redis(RedisUrl),
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if matches!(text, "memory:" | "memory://") {
            return Ok(Self::Memory);
        }
        if RedisUrl::has_redis_scheme(text) {
            return RedisUrl::parse(text).map(Self::Redis);
        }
        Err("it must be memory:, redis://, rediss://, redis+sentinel:// or redis+cluster://".into())
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Redis(url) => url.fmt(f),
        }
    }
}

/// Settings of the store except its URL.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Store")]
pub struct StoreSettings {
    /// Number of replicas that must have a write before it is acknowledged, so that it survives a failover. Fewer within 600
    /// ms is an error, and the write may have been applied.
    #[arg(long, global = true, env = "NONO_MIN_REPLICAS_ACK", value_name = "NUMBER", default_value_t = 0)]
    pub min_replicas_ack: u8,

    /// PEM file with the certificate authorities of the store [default: the system's].
    #[arg(
        long, global = true, env = "NONO_STORE_TLS_CA", value_name = "FILE",
        value_parser = |path: &str| PemFile::read("--store-tls-ca", path)
    )]
    pub store_tls_ca: Option<PemFile>,

    /// PEM file with the client certificate for a store that requires one.
    #[arg(
        long, global = true, env = "NONO_STORE_TLS_CERT", value_name = "FILE", requires = "store_tls_key",
        value_parser = |path: &str| PemFile::read("--store-tls-cert", path)
    )]
    pub store_tls_cert: Option<PemFile>,

    /// PEM file with the key of the client certificate.
    #[arg(
        long, global = true, env = "NONO_STORE_TLS_KEY", value_name = "FILE", requires = "store_tls_cert",
        value_parser = |path: &str| PemFile::read("--store-tls-key", path)
    )]
    pub store_tls_key: Option<PemFile>,

    /// User name for the Sentinels [default: the default user].
    #[arg(long, global = true, env = "NONO_STORE_SENTINEL_USER", value_name = "NAME")]
    pub store_sentinel_user: Option<String>,

    /// Password for the Sentinels. NONO_STORE_SENTINEL_PASSWORD_FILE may name a file that contains it.
    #[arg(
        long,
        global = true,
        env = "NONO_STORE_SENTINEL_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    pub store_sentinel_password: Option<SecretString>,
}

/// A store that can be created from valid settings.
#[derive(Clone, Debug)]
pub enum ResolvedStore {
    /// Sessions in memory.
    Memory,
    /// Sessions in Redis, with the files from which some of the settings come.
    Redis(RedisSettings, StoreFiles),
}

impl StoreSettings {
    /// Validates the settings together with the URL. The error is one sentence.
    pub(super) fn resolve(self, url: StoreUrl, files: &SettingFiles) -> Result<ResolvedStore, String> {
        let url = match url {
            StoreUrl::Memory if self.has_redis_settings() => {
                return Err("--min-replicas-ack and --store-... are for Redis, and --store is memory:".into());
            }
            StoreUrl::Memory => return Ok(ResolvedStore::Memory),
            StoreUrl::Redis(url) => url,
        };
        let store_files = self.files(files);
        let client = self.store_tls_cert.zip(self.store_tls_key);
        let settings = RedisSettings {
            url,
            tls: RedisTls {
                ca: self.store_tls_ca.map(|file| file.bytes().to_vec()),
                client: client.map(|(cert, key)| (cert.bytes().to_vec(), key.bytes().to_vec())),
            },
            sentinel: SentinelCredentials {
                user: self.store_sentinel_user,
                password: self.store_sentinel_password,
            },
            min_replicas_ack: self.min_replicas_ack,
        };
        settings.validate()?;
        Ok(ResolvedStore::Redis(settings, store_files))
    }

    fn files(&self, files: &SettingFiles) -> StoreFiles {
        let mut store_files = StoreFiles::default();
        store_files.add(StoreSetting::Url, files.get("store"));
        store_files.add(StoreSetting::SentinelPassword, files.get("store_sentinel_password"));
        for (setting, file) in [
            (StoreSetting::Ca, &self.store_tls_ca),
            (StoreSetting::ClientCert, &self.store_tls_cert),
            (StoreSetting::ClientKey, &self.store_tls_key),
        ] {
            store_files.add(setting, file.as_ref().map(|pem| pem.file.clone()));
        }
        store_files
    }

    fn has_redis_settings(&self) -> bool {
        let files = [&self.store_tls_ca, &self.store_tls_cert, &self.store_tls_key];
        self.min_replicas_ack > 0
            || files.into_iter().any(Option::is_some)
            || self.store_sentinel_user.is_some()
            || self.store_sentinel_password.is_some()
    }
}

impl ResolvedStore {
    /// Creates the store and starts connecting to it. Also returns its name in traces.
    pub(super) fn build(
        &self,
        policy: Policy,
        reload: &ReloadSignal,
    ) -> Result<(Arc<dyn SessionStore>, &'static str), String> {
        Ok(match self {
            Self::Memory => (Arc::new(MemoryStore::new(policy)), "memory"),
            Self::Redis(settings, files) => {
                let store = Arc::new(RedisStore::new(settings, policy)?);
                files.watch(reload, store.clone(), settings.clone());
                tokio::spawn(log_recommendations(store.clone()));
                (store, "redis")
            }
        })
    }
}

impl fmt::Display for ResolvedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Redis(settings, _) => write!(f, "{:?}", settings.url),
        }
    }
}

/// Logs the recommendations about the store once it is reachable.
async fn log_recommendations(store: Arc<RedisStore>) {
    for advice in store.wait_and_check().await {
        tracing::warn!(advice, "the configuration of the store endangers sessions");
    }
}
