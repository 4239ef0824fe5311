//! The document with the keys of the identity provider: a file that is read again when it changes, or a URL.

use super::{
    jwks_url::JwksUrl,
    metrics::{RefreshMetrics, RefreshOutcome},
    refresh::{CurrentKeys, Refresher},
    snapshot::Snapshot,
    token::{TokenError, TokenRules},
};
use crate::caller::Owner;
use runtime::reload::{Current, ReloadSignal, SettingFile};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// The document with the keys. Clones share the keys.
#[derive(Clone, Debug)]
pub(crate) enum Jwks {
    /// A file, and the keys in it.
    File(SettingFile, Current<Option<Snapshot>>),
    Url(JwksUrl),
}

impl Jwks {
    /// Reads a file, or prepares for a URL, which is not fetched before the program runs. The error is half a sentence that
    /// follows the name of the setting.
    pub(crate) fn read(location: &str) -> Result<Self, String> {
        if location.contains("://") {
            return JwksUrl::new(location).map(Self::Url);
        }
        let read = SettingFile::read("--oidc-jwks", location);
        let (file, json) = read.map_err(|error| format!("it cannot be read: {error}"))?;
        Ok(Self::File(file, Current::new(Some(Snapshot::parse(&json)?))))
    }

    /// Keeps the keys current until the process ends.
    pub(super) fn watch(self, reload: &ReloadSignal, metrics: RefreshMetrics) -> KeySource {
        match self {
            Self::File(file, keys) => {
                let current = keys.clone();
                let apply = move |contents: &[Vec<u8>]| {
                    current.set(Some(Snapshot::parse(contents.first().map_or(&[][..], Vec::as_slice))?));
                    Ok(())
                };
                reload.watch_counted(vec![file], apply, move |is_used| {
                    metrics.count(if is_used { RefreshOutcome::Changed } else { RefreshOutcome::Failed });
                });
                KeySource { keys, refresher: None }
            }
            Self::Url(url) => {
                if url.is_forgeable() {
                    let advice = "use https in --oidc-jwks";
                    tracing::warn!(advice, "the network can replace the keys of the identity provider");
                }
                let keys = Current::new(None);
                KeySource { keys: keys.clone(), refresher: Some(Refresher::start(url, keys, metrics)) }
            }
        }
    }
}

/// Keys that are kept current. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct KeySource {
    keys: CurrentKeys,
    refresher: Option<Arc<Refresher>>,
}

/// Reason why a token has no owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoOwner {
    Token(TokenError),
    /// There are no keys yet.
    NoKeys,
}

impl KeySource {
    /// Returns the owner of a token. If its key is unknown, the keys are refreshed first.
    pub(super) async fn authenticate(&self, token: &str, rules: &TokenRules) -> Result<Owner, NoOwner> {
        let first = self.try_authenticate(token, rules);
        let Some(refresher) = self.refresher.as_ref().filter(|_| needs_refresh(&first)) else { return first };
        refresher.demand(|| !needs_refresh(&self.try_authenticate(token, rules))).await;
        self.try_authenticate(token, rules)
    }

    fn try_authenticate(&self, token: &str, rules: &TokenRules) -> Result<Owner, NoOwner> {
        match self.keys.get().as_ref() {
            Some(snapshot) => snapshot.authenticate(token, rules, now()).map_err(NoOwner::Token),
            None => rules.header(token).map_err(NoOwner::Token).and(Err(NoOwner::NoKeys)),
        }
    }
}

fn needs_refresh(result: &Result<Owner, NoOwner>) -> bool {
    matches!(result, Err(NoOwner::NoKeys | NoOwner::Token(TokenError::UnknownKey)))
}

/// Returns the seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
