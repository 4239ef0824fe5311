//! Where Redis is: one server, a primary that Sentinels know, or a cluster; and how to talk to it. Connects to nothing.

use super::{
    credentials::{RedisTls, SentinelLogin},
    parse_address,
};
use bb8_redis::redis::ConnectionInfo;
use std::{fmt, sync::Arc};

/// Where Redis is.
#[derive(Clone, Debug)]
pub(super) enum Topology {
    /// One server, or whatever stands for one.
    Standalone(ConnectionInfo),
    /// The primary that Sentinels name.
    Sentinel(Watched),
    /// The nodes that know the others.
    Cluster(Vec<ConnectionInfo>),
}

/// A primary and the Sentinels that know where it is.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) sentinels: Vec<ConnectionInfo>,
    pub(super) name: String,
    /// What the primary is told; its address is that of a Sentinel and means nothing.
    pub(super) template: ConnectionInfo,
}

/// Where Redis is, and what is asked of it.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// Where it is.
    pub url: RedisUrl,
    /// The certificates for TLS.
    pub tls: RedisTls,
    /// What Sentinels want to hear.
    pub sentinel: SentinelLogin,
    /// How many replicas must have a write before it is acknowledged.
    pub min_replicas_ack: u8,
}

impl RedisSettings {
    /// The settings for a place that wants nothing more.
    pub fn at(url: RedisUrl) -> Self {
        let (tls, sentinel) = (RedisTls::default(), SentinelLogin::default());
        Self { url, tls, sentinel, min_replicas_ack: 0 }
    }

    /// Whether they go together; the error is one sentence. Connects to nothing.
    pub fn check(&self) -> Result<(), String> {
        let topology = self.url.topology(&self.tls, &self.sentinel)?;
        let SentinelLogin { user, password } = &self.sentinel;
        if user.is_some() && password.is_none() {
            return Err("a user of Sentinels is given without a password".into());
        }
        if password.is_some() && !matches!(topology, Topology::Sentinel(_)) {
            return Err("a login for Sentinels is given and --store is not of a redis+sentinel form".into());
        }
        Ok(())
    }
}

/// The address of a store in Redis, as `--store` takes it. It may hold a password, and shows none.
#[derive(Clone)]
pub struct RedisUrl {
    text: String,
    topology: Arc<Topology>,
}

impl RedisUrl {
    /// Whether `text` has a scheme of Redis.
    pub fn is_one(text: &str) -> bool {
        parse_address::has_scheme(text)
    }

    /// Parses an address; the error is one sentence without the password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let topology = Arc::new(parse_address::topology(text)?);
        Ok(Self { text: text.to_owned(), topology })
    }

    /// The same place, by certificates other than the system's.
    pub(super) fn topology(&self, tls: &RedisTls, sentinel: &SentinelLogin) -> Result<Topology, String> {
        let certain = |info| tls.apply(info);
        let all =
            |nodes: &[ConnectionInfo]| nodes.iter().cloned().map(certain).collect::<Result<Vec<_>, _>>();
        Ok(match &*self.topology {
            Topology::Standalone(server) => Topology::Standalone(certain(server.clone())?),
            Topology::Cluster(nodes) => Topology::Cluster(all(nodes)?),
            Topology::Sentinel(watched) => {
                let sentinels = watched.sentinels.iter().cloned().map(|info| sentinel.apply(info));
                Topology::Sentinel(Watched {
                    sentinels: sentinels.map(certain).collect::<Result<_, _>>()?,
                    name: watched.name.clone(),
                    template: certain(watched.template.clone())?,
                })
            }
        })
    }

    /// A word for logs.
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
        self.text == other.text
    }
}

impl Eq for RedisUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_for_tls_only() {
        let tls = RedisTls { ca: Some(b"-----BEGIN".to_vec()), client: None };
        let error =
            |text| RedisUrl::parse(text).unwrap().topology(&tls, &SentinelLogin::default()).unwrap_err();
        assert!(error("redis://a").contains("rediss"));
        assert!(error("rediss://a").contains("PEM"));
    }

    #[test]
    fn a_login_for_sentinels_is_used_or_refused() {
        let check = |url: &str, user: Option<&str>, password: Option<&str>| {
            let mut settings = RedisSettings::at(RedisUrl::parse(url).unwrap());
            settings.sentinel =
                SentinelLogin { user: user.map(str::to_owned), password: password.map(str::to_owned) };
            settings.check()
        };
        assert_eq!(check("redis+sentinel://a/main", Some("u"), Some("p")), Ok(()));
        assert_eq!(check("redis+sentinel://a/main", None, Some("p")), Ok(()));
        assert!(
            check("redis+sentinel://a/main", Some("u"), None).unwrap_err().contains("without a password")
        );
        for url in ["redis://a", "redis+cluster://a"] {
            assert!(check(url, None, Some("p")).unwrap_err().contains("redis+sentinel"), "{url}");
        }
    }
}
