//! Settings of the connection to Redis: standalone, Sentinel or Cluster. Opens no connection.

use super::{
    parse_url,
    tls::{RedisTls, SentinelCredentials},
    topology::{SentinelConfig, Topology},
};
use bb8_redis::redis::ConnectionInfo;
use secrecy::{ExposeSecret, SecretString};
use std::{fmt, sync::Arc};

/// Settings of the connection to Redis.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// URL of Redis.
    pub url: RedisUrl,
    /// TLS certificates.
    pub tls: RedisTls,
    /// Credentials for the Sentinels.
    pub sentinel: SentinelCredentials,
    /// Number of replicas that must have a write before it is acknowledged.
    pub min_replicas_ack: u8,
}

impl RedisSettings {
    /// Returns settings with defaults for everything but the URL.
    pub fn from_url(url: RedisUrl) -> Self {
        let (tls, sentinel) = (RedisTls::default(), SentinelCredentials::default());
        Self { url, tls, sentinel, min_replicas_ack: 0 }
    }

    /// Validates the combination of settings. The error is one sentence.
    pub fn validate(&self) -> Result<(), String> {
        let topology = self.url.topology(&self.tls, &self.sentinel)?;
        let SentinelCredentials { user, password } = &self.sentinel;
        if user.is_some() && password.is_none() {
            return Err("the user name for the Sentinels needs a password".into());
        }
        if password.is_some() && !matches!(topology, Topology::Sentinel(_)) {
            return Err(
                "credentials for Sentinels are given and --store is not of a redis+sentinel form".into()
            );
        }
        Ok(())
    }
}

/// URL of a Redis deployment. It may contain a password, which `Debug` does not show.
#[derive(Clone)]
pub struct RedisUrl {
    text: SecretString,
    topology: Arc<Topology>,
}

impl RedisUrl {
    /// Returns `true` if `text` has a Redis scheme.
    pub fn has_redis_scheme(text: &str) -> bool {
        parse_url::has_scheme(text)
    }

    /// Parses a URL. The error is one sentence and does not quote the URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        let topology = Arc::new(parse_url::topology(text)?);
        Ok(Self { text: text.into(), topology })
    }

    /// Returns the servers with these certificates and credentials.
    pub(in crate::store::redis) fn topology(
        &self,
        tls: &RedisTls,
        sentinel: &SentinelCredentials,
    ) -> Result<Topology, String> {
        let with_tls = |info| tls.apply(info);
        let all =
            |nodes: &[ConnectionInfo]| nodes.iter().cloned().map(with_tls).collect::<Result<Vec<_>, _>>();
        Ok(match &*self.topology {
            Topology::Standalone(server) => Topology::Standalone(with_tls(server.clone())?),
            Topology::Cluster(nodes) => Topology::Cluster(all(nodes)?),
            Topology::Sentinel(config) => {
                let sentinels = config.sentinels.iter().cloned().map(|info| sentinel.apply(info));
                Topology::Sentinel(SentinelConfig {
                    sentinels: sentinels.map(with_tls).collect::<Result<_, _>>()?,
                    name: config.name.clone(),
                    primary: with_tls(config.primary.clone())?,
                })
            }
        })
    }

    /// Returns the scheme without credentials and hosts, for logs.
    pub fn kind(&self) -> &'static str {
        match *self.topology {
            Topology::Standalone(_) => "redis",
            Topology::Sentinel(_) => "redis+sentinel",
            Topology::Cluster(_) => "redis+cluster",
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://...", self.kind())
    }
}

impl PartialEq for RedisUrl {
    fn eq(&self, other: &Self) -> bool {
        self.text.expose_secret() == other.text.expose_secret()
    }
}

impl Eq for RedisUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_require_tls() {
        let tls = RedisTls { ca: Some(b"-----BEGIN".to_vec()), client: None };
        let error = |text| {
            RedisUrl::parse(text).unwrap().topology(&tls, &SentinelCredentials::default()).unwrap_err()
        };
        assert!(error("redis://a").contains("rediss"));
        assert!(error("rediss://a").contains("PEM"));
    }

    #[test]
    fn sentinel_credentials_are_used_or_rejected() {
        let check = |url: &str, user: Option<&str>, password: Option<&str>| {
            let mut settings = RedisSettings::from_url(RedisUrl::parse(url).unwrap());
            settings.sentinel = SentinelCredentials {
                user: user.map(str::to_owned),
                password: password.map(SecretString::from),
            };
            settings.validate()
        };
        assert_eq!(check("redis+sentinel://a/main", Some("u"), Some("p")), Ok(()));
        assert_eq!(check("redis+sentinel://a/main", None, Some("p")), Ok(()));
        assert!(check("redis+sentinel://a/main", Some("u"), None).unwrap_err().contains("needs a password"));
        for url in ["redis://a", "redis+cluster://a"] {
            assert!(check(url, None, Some("p")).unwrap_err().contains("redis+sentinel"), "{url}");
        }
    }
}
