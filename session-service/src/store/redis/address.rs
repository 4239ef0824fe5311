//! Where Redis is: one server, a primary that Sentinels know, or a cluster; and how to talk to it. Connects to nothing.

use super::credentials::{RedisTls, SentinelLogin};
use bb8_redis::redis::{ConnectionInfo, IntoConnectionInfo, io::tcp::TcpSettings};
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
        self.url.topology(&self.tls, &self.sentinel).map(drop)
    }
}

/// The address of a store in Redis, as `--store` takes it. It may hold a password, and shows none.
#[derive(Clone)]
pub struct RedisUrl {
    text: String,
    topology: Arc<Topology>,
}

/// What is wrong with an address.
const FORM: &str = "it must be of one of the forms redis://[user:password@]host[:port][/database], \
                    redis+sentinel://[user:password@]host[:port],.../master-name[/database], \
                    redis+cluster://[user:password@]host[:port],..., each also with rediss for TLS";

impl RedisUrl {
    /// Whether `text` has a scheme of Redis.
    pub fn is_one(text: &str) -> bool {
        scheme(text).is_some()
    }

    /// Parses an address; the error is one sentence without the password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let topology = Arc::new(topology(text).ok_or(FORM)?);
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

enum Kind {
    Standalone,
    Sentinel,
    Cluster,
}

/// The scheme's parts, and what follows it: `redis` or `rediss`, what it is an address of, the rest.
fn scheme(text: &str) -> Option<(&'static str, Kind, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
    let base = match base {
        "redis" => "redis",
        "rediss" => "rediss",
        _ => return None,
    };
    let kind = match kind {
        "" => Kind::Standalone,
        "sentinel" => Kind::Sentinel,
        "cluster" => Kind::Cluster,
        _ => return None,
    };
    Some((base, kind, rest))
}

fn topology(text: &str) -> Option<Topology> {
    let (base, kind, rest) = scheme(text)?;
    // The password may hold anything but an unescaped slash.
    let (login, rest) = rest.rsplit_once('@').map_or(("", rest), |(login, rest)| (login, rest));
    let login = if login.is_empty() { String::new() } else { format!("{login}@") };
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    let node = |host: &str, port: u16, database: &str| {
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { host.to_owned() } else { format!("{host}:{port}") };
        let info = format!("{base}://{login}{host}/{database}").into_connection_info().ok()?;
        Some(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
    };
    let nodes = |port: u16, database: &str| {
        hosts.split(',').map(|host| node(host, port, database)).collect::<Option<Vec<_>>>()
    };
    match kind {
        Kind::Standalone if !hosts.contains(',') => node(hosts, 6379, path).map(Topology::Standalone),
        Kind::Standalone => None,
        Kind::Cluster => path.is_empty().then(|| nodes(6379, "").map(Topology::Cluster))?,
        Kind::Sentinel => {
            let (name, database) = path.split_once('/').unwrap_or((path, ""));
            let sentinels = nodes(26379, database).filter(|_| !name.is_empty())?;
            let template = sentinels[0].clone();
            Some(Topology::Sentinel(Watched { sentinels, name: name.to_owned(), template }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bb8_redis::redis::ConnectionAddr;

    fn port(info: &ConnectionInfo) -> u16 {
        match info.addr() {
            ConnectionAddr::Tcp(_, port) | ConnectionAddr::TcpTls { port, .. } => *port,
            _ => 0,
        }
    }

    #[test]
    fn each_form_is_understood() {
        let parse = |text| topology(text).unwrap();
        let Topology::Standalone(server) = parse("rediss://u:p%40ss@host/3") else { panic!("one server") };
        assert_eq!((port(&server), server.redis_settings().db()), (6379, 3));
        assert_eq!(server.redis_settings().password(), Some("p@ss"));
        assert!(matches!(server.addr(), ConnectionAddr::TcpTls { .. }));
        let Topology::Sentinel(watched) = parse("redis+sentinel://:p@a:1,b,[::1]:3/main/2") else {
            panic!("a primary with Sentinels")
        };
        assert_eq!(watched.sentinels.iter().map(port).collect::<Vec<_>>(), [1, 26379, 3]);
        assert_eq!((watched.name.as_str(), watched.template.redis_settings().db()), ("main", 2));
        let Topology::Cluster(nodes) = parse("redis+cluster://a:1,b") else { panic!("a cluster") };
        assert_eq!(nodes.iter().map(port).collect::<Vec<_>>(), [1, 6379]);
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        for text in [
            "redis://",
            "redis://:secret@host:notaport",
            "redis://:secret@a,b",
            "redis+sentinel://:secret@a:1",
            "redis+sentinel://:secret@a:1/",
            "redis+cluster://:secret@a:1/2",
            "redis+cluster://a:1,,b:2",
            "redis+other://:secret@a:1",
            "redis://:secret@a/x",
        ] {
            let error = RedisUrl::parse(text).unwrap_err();
            assert!(
                error.starts_with("it must be of one of the forms") && !error.contains("secret"),
                "{text}"
            );
        }
    }

    #[test]
    fn certificates_are_for_tls_only() {
        let tls = RedisTls { ca: Some(b"-----BEGIN".to_vec()), client: None };
        let error =
            |text| RedisUrl::parse(text).unwrap().topology(&tls, &SentinelLogin::default()).unwrap_err();
        assert!(error("redis://a").contains("rediss"));
        assert!(error("rediss://a").contains("PEM"));
    }
}
