//! The settings of the service, and what they make.

use crate::{
    personas::Personas,
    server::Parts,
    store::{
        Policy, SessionStore,
        memory::MemoryStore,
        observed::{ObservedStore, StoreMetrics},
        redis::RedisStore,
    },
};
use clap::Args;
use process::settings::{Secret, positive_duration};
use prometheus_client::registry::Registry;
use std::{fs, str::FromStr, sync::Arc, time::Duration};

/// The settings of the service, beside its addresses and its store.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sessions")]
pub struct ServiceSettings {
    /// How long a session lives after the last activity.
    #[arg(long, env = "NONO_SESSION_TTL", value_name = "DURATION", default_value = "1h", value_parser = positive_duration)]
    pub session_ttl: Duration,

    /// How many live sessions an owner may have [default: any number].
    #[arg(long, env = "NONO_MAX_SESSIONS_PER_OWNER", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_sessions_per_owner: Option<u32>,

    /// A TOML file with the personas, instead of the built-in ones.
    #[arg(long, env = "NONO_PERSONAS", value_name = "FILE", value_parser = personas)]
    pub personas: Option<Arc<Personas>>,
}

/// The store's address may hold a password.
pub const STORE_FILE: Secret = Secret { setting: "store", file_variable: "NONO_STORE_FILE" };

/// Where sessions live.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `memory:`
    Memory,
    /// `redis://...`
    Redis(String),
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if matches!(text, "memory:" | "memory://") {
            return Ok(Self::Memory);
        }
        if text.starts_with("redis://") {
            // The driver's own words could repeat the password.
            RedisStore::check(text)
                .map_err(|_| "it is not of the form redis://[user:password@]host[:port][/database]")?;
            return Ok(Self::Redis(text.to_owned()));
        }
        Err("it must be memory: or redis://[user:password@]host[:port][/database]".into())
    }
}

impl std::fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory:",
            Self::Redis(_) => "redis://...",
        })
    }
}

fn personas(path: &str) -> Result<Arc<Personas>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("it cannot be read: {error}"))?;
    Personas::parse(&text).map(Arc::new)
}

impl ServiceSettings {
    /// The parts of the service over the store at `url`, which is connected to from now on.
    pub fn parts(&self, url: &StoreUrl, registry: &mut Registry) -> Parts {
        let policy =
            Policy { session_ttl: self.session_ttl, max_sessions_per_owner: self.max_sessions_per_owner };
        let (store, system): (Arc<dyn SessionStore>, _) = match url {
            StoreUrl::Memory => (Arc::new(MemoryStore::new(policy)), "memory"),
            StoreUrl::Redis(url) => {
                let store = RedisStore::new(url, policy).expect("the URL was checked when it was parsed");
                (Arc::new(store), "redis")
            }
        };
        let store = Arc::new(ObservedStore::new(store, system, StoreMetrics::register(registry)));
        let personas = self.personas.clone().unwrap_or_else(|| Arc::new(Personas::built_in()));
        Parts { store, policy, personas, powered_by: "built-in demo replies".into() }
    }
}
