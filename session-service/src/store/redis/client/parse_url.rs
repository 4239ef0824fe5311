//! Parser of `--store` for Redis. It uses or rejects every part of a URL, and never quotes it: it may contain a password.

use super::topology::{SentinelConfig, Topology};
use bb8_redis::redis::{ConnectionInfo, IntoConnectionInfo, io::tcp::TcpSettings};
use percent_encoding::percent_decode_str;
use runtime::settings::is_host;

/// Error for any other form.
const URL_FORMS: &str = "it must be of one of the forms redis://[user:password@]host[:port][/database], \
                    redis+sentinel://[user:password@]host[:port],.../master-name[/database], \
                    redis+cluster://[user:password@]host[:port],..., each also with rediss for TLS";
/// Error for a query or fragment.
const NO_QUERY: &str =
    "it must have no query and no fragment; ? and # in a password must be written %3F and %23";
/// Error for incomplete credentials.
const CREDENTIALS: &str = "a user needs a password and a password is not empty: user:password@ or :password@, with characters \
                     other than letters and digits percent-encoded where a URL has to";

/// Default port of Redis.
const REDIS_PORT: u16 = 6379;
/// Default port of Sentinel.
const SENTINEL_PORT: u16 = 26379;
/// Maximum number of digits of a database.
const DATABASE_MAX_DIGITS: usize = 5;

enum Kind {
    Standalone,
    Sentinel,
    Cluster,
}

/// Returns `true` if the URL has a Redis scheme.
pub(super) fn has_scheme(text: &str) -> bool {
    scheme(text).is_some()
}

/// Splits a URL into base scheme, kind of deployment and rest.
fn scheme(text: &str) -> Option<(&'static str, Kind, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let (base, kind) = scheme.split_once('+').map_or((scheme, None), |(base, kind)| (base, Some(kind)));
    let base = ["redis", "rediss"].into_iter().find(|known| *known == base)?;
    let kind = match kind {
        None => Kind::Standalone,
        Some("sentinel") => Kind::Sentinel,
        Some("cluster") => Kind::Cluster,
        Some(_) => return None,
    };
    Some((base, kind, rest))
}

/// Parses a URL. The error is one sentence.
pub(super) fn topology(text: &str) -> Result<Topology, &'static str> {
    let (base, kind, rest) = scheme(text).ok_or(URL_FORMS)?;
    if rest.contains(['?', '#']) {
        return Err(NO_QUERY);
    }
    let is_plain =
        |character: char| !(character.is_whitespace() || character.is_control() || character == '\\');
    if !rest.chars().all(is_plain) {
        return Err(URL_FORMS);
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    // The password may contain an @.
    let (credentials, hosts) = authority
        .rsplit_once('@')
        .map_or((None, authority), |(credentials, hosts)| (Some(credentials), hosts));
    if !credentials.is_none_or(is_credentials) {
        return Err(CREDENTIALS);
    }
    let credentials = credentials.map(|credentials| format!("{credentials}@")).unwrap_or_default();
    let nodes = |default_port: u16, database: &str| {
        let node = |host: &str| node(&format!("{base}://{credentials}"), host, default_port, database);
        hosts.split(',').map(node).collect::<Option<Vec<_>>>()
    };
    topology_of(&kind, path, nodes).ok_or(URL_FORMS)
}

fn topology_of(
    kind: &Kind,
    path: &str,
    nodes: impl Fn(u16, &str) -> Option<Vec<ConnectionInfo>>,
) -> Option<Topology> {
    match kind {
        Kind::Standalone => match <[_; 1]>::try_from(nodes(REDIS_PORT, database(path)?)?) {
            Ok([server]) => Some(Topology::Standalone(server)),
            Err(_) => None,
        },
        Kind::Cluster => path.is_empty().then(|| nodes(REDIS_PORT, "").map(Topology::Cluster))?,
        Kind::Sentinel => {
            let (name, number) = path.split_once('/').unwrap_or((path, ""));
            let name = percent_decode_str(name).decode_utf8().ok().filter(|name| !name.is_empty())?;
            let sentinels = nodes(SENTINEL_PORT, database(number)?)?;
            let primary = sentinels[0].clone();
            Some(Topology::Sentinel(SentinelConfig { sentinels, name: name.into_owned(), primary }))
        }
    }
}

/// Returns `true` for `user:password` and `:password` with a password, without which the driver would not log in.
fn is_credentials(text: &str) -> bool {
    let is_encoded = text
        .split('%')
        .skip(1)
        .all(|rest| rest.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())));
    let has_password = text.split_once(':').is_some_and(|(_, password)| !password.is_empty());
    has_password && is_encoded && percent_decode_str(text).decode_utf8().is_ok()
}

/// Returns the database as written, if it is absent or a number.
fn database(path: &str) -> Option<&str> {
    let is_number = path.len() <= DATABASE_MAX_DIGITS && path.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(path)
}

fn node(prefix: &str, host: &str, default_port: u16, database: &str) -> Option<ConnectionInfo> {
    let after_name = host.rfind(']').map_or(0, |end| end + 1);
    let (name, port) = match host[after_name..].split_once(':') {
        Some((name, port)) => (&host[..after_name + name.len()], port_number(port)?),
        None => (host, default_port),
    };
    if !is_host(name) {
        return None;
    }
    let info = format!("{prefix}{name}:{port}/{database}").into_connection_info().ok()?;
    Some(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

fn port_number(digits: &str) -> Option<u16> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| is_number && *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bb8_redis::redis::ConnectionAddr;

    fn address(info: &ConnectionInfo) -> (String, u16) {
        match info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                (host.clone(), *port)
            }
            _ => panic!("no network address"),
        }
    }

    fn standalone(text: &str) -> ConnectionInfo {
        match topology(text).unwrap() {
            Topology::Standalone(server) => server,
            _ => panic!("{text} is not one server"),
        }
    }

    #[test]
    fn every_part_of_a_standalone_url_is_used() {
        let server = standalone("rediss://u:p%40ss@host/3");
        assert_eq!((address(&server), server.redis_settings().db()), (("host".into(), 6379), 3));
        assert!(matches!(server.addr(), ConnectionAddr::TcpTls { insecure: false, .. }));
        for (text, user, password) in [
            ("redis://u:p%40ss@h", Some("u"), Some("p@ss")),
            ("redis://:p@ss@h", None, Some("p@ss")),
            ("redis://u%3A:a%2Fb%3F%23:c@h", Some("u:"), Some("a/b?#:c")),
            ("redis://:%C3%A4@h", None, Some("ä")),
            ("redis://h", None, None),
        ] {
            let server = standalone(text);
            let settings = server.redis_settings();
            assert_eq!(
                (settings.username(), settings.password(), settings.db()),
                (user, password, 0),
                "{text}"
            );
        }
        for (text, host, port, database) in [
            ("redis://h:1/15", "h", 1, 15),
            ("redis://10.0.0.1/", "10.0.0.1", 6379, 0),
            ("redis://a-b.c_d:65535", "a-b.c_d", 65535, 0),
            ("redis://[::1]:7/2", "::1", 7, 2),
            ("redis://[::1]", "::1", 6379, 0),
        ] {
            let server = standalone(text);
            let (found, number) = address(&server);
            let found = found.trim_matches(['[', ']']);
            assert_eq!((found, number, server.redis_settings().db()), (host, port, database), "{text}");
        }
    }

    #[test]
    fn every_part_of_a_sentinel_or_cluster_url_is_used() {
        let ports = |nodes: &[ConnectionInfo]| nodes.iter().map(|info| address(info).1).collect::<Vec<_>>();
        let Topology::Sentinel(config) = topology("redis+sentinel://:p@a:1,b,[::1]:3/main/2").unwrap() else {
            panic!("a primary with Sentinels")
        };
        assert_eq!(ports(&config.sentinels), [1, 26379, 3]);
        assert_eq!((config.name.as_str(), config.primary.redis_settings().db()), ("main", 2));
        assert_eq!(config.primary.redis_settings().password(), Some("p"));
        let Topology::Cluster(nodes) = topology("rediss+cluster://a:1,b").unwrap() else {
            panic!("a cluster")
        };
        assert_eq!(ports(&nodes), [1, 6379]);
    }

    #[test]
    fn other_forms_are_rejected_without_quoting_the_password() {
        for text in [
            "redis://",
            "redis:///",
            "redis:///3",
            "redis:///var/run/redis.sock",
            "redis://:secret@",
            "redis://:secret@/3",
            "redis://:secret@:6379",
            "redis://:secret@h:",
            "redis://:secret@h:/3",
            "redis://:secret@h:0",
            "redis://:secret@h:00",
            "redis://:secret@h:65536",
            "redis://:secret@h:+1",
            "redis://:secret@h:-1",
            "redis://:secret@h:x",
            "redis://:secret@h:1:2",
            "redis://:secret@a,b",
            "redis://:secret@h/x",
            "redis://:secret@h/-1",
            "redis://:secret@h/+1",
            "redis://:secret@h/1.5",
            "redis://:secret@h/99999999999",
            "redis://:secret@h/1/",
            "redis://:secret@h/1/2",
            "redis://:secret@h//1",
            "redis://:secret@h/0@x",
            "redis://:secret@ h",
            "redis://:secret@h ",
            " redis://:secret@h",
            "redis://:secret@h\n",
            "redis://:sec ret@h",
            "redis://:secret@h\\x",
            "redis://:secret@::1",
            "redis://:secret@[::1",
            "redis://:secret@[::1]x",
            "redis://:secret@[h]",
            "redis://:secret@ä",
            "redis://:secret@h%20",
            "redis://:secret/x@h",
            "redis+sentinel://:secret@a:1",
            "redis+sentinel://:secret@a:1/",
            "redis+sentinel://:secret@a:1//2",
            "redis+sentinel://:secret@a:1/main/x",
            "redis+sentinel://:secret@a:1/main/2/3",
            "redis+sentinel://:secret@a:0/main",
            "redis+sentinel://:secret@/main",
            "redis+sentinel://:secret@a,,b/main",
            "redis+sentinel://:secret@a:1/%FF",
            "redis+cluster://:secret@a:1/2",
            "redis+cluster://a:1,,b:2",
            "redis+cluster://a:1,",
            "redis+cluster://:secret@a:1,b:0",
            "redis+cluster://:secret@",
            "redis+other://:secret@a:1",
            "redis+://:secret@a",
            "redis+unix://:secret@/run/redis.sock",
            "unix:///run",
            "REDIS://:secret@a",
            "rediss+tls://:secret@a",
        ] {
            let error = topology(text).map(drop).unwrap_err();
            assert!(error == URL_FORMS || error == CREDENTIALS, "{text:?}: {error}");
            assert!(!error.contains("secret"), "{text:?}");
        }
    }

    #[test]
    fn queries_fragments_and_incomplete_credentials_are_named() {
        for text in [
            "redis://h?db=3",
            "redis://h?foo=bar",
            "redis://h/?db=3",
            "redis://h/3?",
            "redis://h#",
            "redis://h/3#x",
            "rediss://h/#insecure",
            "redis://:sec?ret@h",
            "redis://:sec#ret@h",
            "redis+cluster://a,b?protocol=resp3",
            "redis+sentinel://a/main?db=3",
        ] {
            assert_eq!(topology(text).map(drop), Err(NO_QUERY), "{text}");
        }
        for text in [
            "redis://@h",
            "redis://:@h",
            "redis://user@h",
            "redis://user:@h",
            "redis://:%zz@h",
            "redis://:%FF@h",
        ] {
            assert_eq!(topology(text).map(drop), Err(CREDENTIALS), "{text}");
        }
    }
}
