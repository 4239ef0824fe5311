//! Settings of the service.

mod auth;
mod store;
mod store_files;

use crate::{
    grpc::Dependencies,
    model::{ApiKey, Demo, LimitedModel, Model, ModelUrl, OpenAi, limits::STALL_TIMEOUT},
    personas::Personas,
    store::{
        Policy,
        instrumented::{InstrumentedStore, StoreMetrics},
    },
    turn::{DEFAULT_MAX_TURNS, TurnLimits},
    watch::DEFAULT_MAX_WATCHERS,
};
use clap::Args;
use prometheus_client::registry::Registry;
use runtime::{
    reload::{Current, ReloadSignal, SettingFile, text},
    settings::{FileSetting, SettingFiles, positive_duration},
};
use std::{fs, sync::Arc, time::Duration};

pub use auth::{AccessSettings, ResolvedAccess};
pub use store::{ResolvedStore, StoreSettings, StoreUrl};
pub use store_files::StoreFiles;

/// Settings of the service besides its addresses and its store.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sessions")]
pub struct ServiceSettings {
    /// Lifetime of a session after the last activity.
    #[arg(long, env = "NONO_SESSION_TTL", value_name = "DURATION", default_value = "1h", value_parser = positive_duration)]
    pub session_ttl: Duration,

    /// Maximum number of live sessions per owner [default: no limit].
    #[arg(long, env = "NONO_MAX_SESSIONS_PER_OWNER", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_sessions_per_owner: Option<u32>,

    /// TOML file with the personas, instead of the built-in ones.
    #[arg(long, env = "NONO_PERSONAS", value_name = "FILE", value_parser = personas)]
    pub personas: Option<Arc<Personas>>,

    /// Base URL of an OpenAI-compatible model, such as http://localhost:11434/v1 for Ollama [default: none: the
    /// built-in demo replies].
    #[arg(long, env = "NONO_MODEL_URL", value_name = "URL", help_heading = "Model")]
    pub model_url: Option<ModelUrl>,

    /// Name of the model to request. Servers with a single model accept any name.
    #[arg(
        long,
        env = "NONO_MODEL",
        value_name = "NAME",
        requires = "model_url",
        default_value_if("model_url", clap::builder::ArgPredicate::IsPresent, "default"),
        help_heading = "Model"
    )]
    pub model: Option<String>,

    /// API key of the model. NONO_MODEL_API_KEY_FILE may name a file that contains it.
    #[arg(
        long,
        env = "NONO_MODEL_API_KEY",
        value_name = "KEY",
        hide_env_values = true,
        help_heading = "Model"
    )]
    pub model_api_key: Option<ApiKey>,

    /// Maximum number of a session's newest messages in a prompt.
    #[arg(
        long, env = "NONO_CONTEXT_MESSAGES", value_name = "NUMBER", default_value_t = 20, help_heading = "Model",
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub context_messages: u16,

    /// Maximum number of running turns. Further ones are rejected with OVERLOADED.
    #[arg(
        long, env = "NONO_MAX_TURNS", value_name = "NUMBER", default_value_t = DEFAULT_MAX_TURNS, help_heading = "Model",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub max_turns: u32,

    /// Maximum number of running turns of an owner. Further ones are rejected with RATE_LIMITED [default: no limit].
    #[arg(
        long, env = "NONO_MAX_TURNS_PER_OWNER", value_name = "NUMBER", help_heading = "Model",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub max_turns_per_owner: Option<u32>,

    /// Maximum number of streams that watch a session. Further ones are rejected with OVERLOADED.
    #[arg(
        long, env = "NONO_MAX_WATCHERS", value_name = "NUMBER", default_value_t = DEFAULT_MAX_WATCHERS,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub max_watchers: u32,

    /// Maximum duration of a turn that is not followed: its caller has disconnected, and no stream of this process watches its
    /// session. The reply so far is stored then.
    #[arg(
        long, env = "NONO_ORPHAN_TURN_MAX", value_name = "DURATION", default_value = "10m", help_heading = "Model",
        value_parser = positive_duration
    )]
    pub orphan_turn_max: Duration,

    /// Settings of authentication and rate limits.
    #[command(flatten)]
    pub access: AccessSettings,

    /// Settings of the store.
    #[command(flatten)]
    pub store: StoreSettings,
}

/// Settings that may be secrets. The address of the store may contain a password.
pub const SECRETS: [FileSetting; 3] = [
    FileSetting { setting: "store", file_variable: "NONO_STORE_FILE" },
    FileSetting { setting: "store_sentinel_password", file_variable: "NONO_STORE_SENTINEL_PASSWORD_FILE" },
    FileSetting { setting: "model_api_key", file_variable: "NONO_MODEL_API_KEY_FILE" },
];

fn personas(path: &str) -> Result<Arc<Personas>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("it cannot be read: {error}"))?;
    Personas::parse(&text).map(Arc::new)
}

/// Valid settings of the service.
pub struct ResolvedService {
    /// Policy of the store.
    pub policy: Policy,
    /// The store.
    pub store: ResolvedStore,
    /// Authentication and rate limits.
    pub access: ResolvedAccess,
    personas: Arc<Personas>,
    model: Arc<dyn Model>,
    /// API key of the model, and the file from which it comes.
    model_key: Option<(Current<ApiKey>, SettingFile)>,
    context_messages: usize,
    turn_limits: TurnLimits,
    max_watchers: u32,
}

impl ServiceSettings {
    /// Validates the settings together with the URL of the store. The error is one sentence.
    pub fn resolve(self, store: StoreUrl, files: &SettingFiles) -> Result<ResolvedService, String> {
        let key = self.model_api_key.clone().map(Current::new);
        let model: Arc<dyn Model> = match (&self.model_url, &self.model) {
            (Some(url), Some(name)) => {
                let model = OpenAi::new(url, name, key.clone())?;
                Arc::new(LimitedModel::new(model, STALL_TIMEOUT))
            }
            _ => Arc::new(LimitedModel::new(Demo::default(), STALL_TIMEOUT)),
        };
        Ok(ResolvedService {
            policy: Policy {
                session_ttl: self.session_ttl,
                max_sessions_per_owner: self.max_sessions_per_owner,
            },
            store: self.store.resolve(store, files)?,
            access: self.access.resolve()?,
            personas: self.personas.unwrap_or_else(|| Arc::new(Personas::built_in())),
            model,
            model_key: key.zip(files.get("model_api_key")),
            context_messages: self.context_messages.into(),
            turn_limits: TurnLimits {
                max_turns: self.max_turns,
                max_turns_per_owner: self.max_turns_per_owner,
                orphan_turn_max: self.orphan_turn_max,
            },
            max_watchers: self.max_watchers,
        })
    }
}

impl ResolvedService {
    /// Creates the dependencies of the service, starts connecting to the store and watches the files of settings. The error
    /// is one sentence.
    pub fn build(self, reload: &ReloadSignal, registry: &mut Registry) -> Result<Dependencies, String> {
        let Self {
            policy,
            store,
            access,
            personas,
            model,
            model_key,
            context_messages,
            turn_limits,
            max_watchers,
        } = self;
        let (store, system) = store.build(policy, reload)?;
        if let Some((key, file)) = model_key {
            reload.watch(vec![file], move |contents| {
                let content = contents.first().map_or(&[][..], Vec::as_slice);
                key.set(text(content)?.parse()?);
                Ok(())
            });
        }
        let store = Arc::new(InstrumentedStore::new(store, system, StoreMetrics::register(registry)));
        let access = access.build(reload);
        Ok(Dependencies {
            store,
            policy,
            access,
            personas,
            model,
            context_messages,
            turn_limits,
            max_watchers,
        })
    }
}
