//! Files with settings of the store, which are read again while the program runs.

use crate::store::redis::{RedisSettings, RedisStore, RedisUrl};
use runtime::reload::{ReloadSignal, SettingFile, text};
use std::sync::Arc;

/// Setting of the store that comes from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreSetting {
    Url,
    SentinelPassword,
    Ca,
    ClientCert,
    ClientKey,
}

/// The files from which settings of the store come.
#[derive(Clone, Debug, Default)]
pub struct StoreFiles(Vec<(StoreSetting, SettingFile)>);

impl StoreFiles {
    pub(super) fn add(&mut self, setting: StoreSetting, file: Option<SettingFile>) {
        self.0.extend(file.map(|file| (setting, file)));
    }

    /// Applies changes of the files to the store, until the program ends.
    pub(super) fn watch(&self, reload: &ReloadSignal, store: Arc<RedisStore>, settings: RedisSettings) {
        let (kinds, files): (Vec<_>, Vec<_>) = self.0.iter().cloned().unzip();
        reload.watch(files, move |contents| {
            let mut changed = settings.clone();
            for (setting, content) in kinds.iter().zip(contents) {
                replace(&mut changed, *setting, content)?;
            }
            store.reconfigure(&changed)
        });
    }
}

fn replace(settings: &mut RedisSettings, setting: StoreSetting, content: &[u8]) -> Result<(), String> {
    match setting {
        StoreSetting::Url => settings.url = RedisUrl::parse(text(content)?)?,
        StoreSetting::SentinelPassword => settings.sentinel.password = Some(text(content)?.into()),
        StoreSetting::Ca => settings.tls.ca = Some(content.to_vec()),
        StoreSetting::ClientCert => settings.tls.client.get_or_insert_default().0 = content.to_vec(),
        StoreSetting::ClientKey => settings.tls.client.get_or_insert_default().1 = content.to_vec(),
    }
    Ok(())
}
