//! The parser of `--store` for Redis. It uses every part of an address or refuses the address, and never repeats it: it may
//! hold a password.

use super::address::{Topology, Watched};
use bb8_redis::redis::{ConnectionInfo, IntoConnectionInfo, io::tcp::TcpSettings};
use percent_encoding::percent_decode_str;
use runtime::settings::is_host;

/// The error of an address of another form.
const FORM: &str = "it must be of one of the forms redis://[user:password@]host[:port][/database], \
                    redis+sentinel://[user:password@]host[:port],.../master-name[/database], \
                    redis+cluster://[user:password@]host[:port],..., each also with rediss for TLS";
const QUERY: &str =
    "it must have no query and no fragment; ? and # in a password must be written %3F and %23";
const LOGIN: &str = "a user needs a password and a password is not empty: user:password@ or :password@, with characters \
                     other than letters and digits percent-encoded where a URL has to";

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;
/// The most digits of a database's number.
const DATABASE_MAX_DIGITS: usize = 5;

enum Kind {
    Standalone,
    Sentinel,
    Cluster,
}

/// Returns `true` if `text` begins with a scheme of Redis.
pub(super) fn has_scheme(text: &str) -> bool {
    scheme(text).is_some()
}

/// Returns the base scheme, the kind of address, and the rest of it.
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

/// Parses an address; the error is one sentence.
pub(super) fn topology(text: &str) -> Result<Topology, &'static str> {
    let (base, kind, rest) = scheme(text).ok_or(FORM)?;
    if rest.contains(['?', '#']) {
        return Err(QUERY);
    }
    let is_plain =
        |character: char| !(character.is_whitespace() || character.is_control() || character == '\\');
    if !rest.chars().all(is_plain) {
        return Err(FORM);
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    // The password may hold an @ of its own.
    let (login, hosts) =
        authority.rsplit_once('@').map_or((None, authority), |(login, hosts)| (Some(login), hosts));
    if !login.is_none_or(is_login) {
        return Err(LOGIN);
    }
    let login = login.map(|login| format!("{login}@")).unwrap_or_default();
    let nodes = |default_port: u16, database: &str| {
        let node = |host: &str| node(&format!("{base}://{login}"), host, default_port, database);
        hosts.split(',').map(node).collect::<Option<Vec<_>>>()
    };
    topology_of(&kind, path, nodes).ok_or(FORM)
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
            let template = sentinels[0].clone();
            Some(Topology::Sentinel(Watched { sentinels, name: name.into_owned(), template }))
        }
    }
}

/// Returns `true` for `user:password` and `:password`, neither empty after the colon: the driver would log in without them.
fn is_login(login: &str) -> bool {
    let is_encoded = login
        .split('%')
        .skip(1)
        .all(|rest| rest.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())));
    let has_password = login.split_once(':').is_some_and(|(_, password)| !password.is_empty());
    has_password && is_encoded && percent_decode_str(login).decode_utf8().is_ok()
}

/// Returns the number of a database as it is, if it is one or absent.
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
    fn each_part_of_one_server_is_used() {
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
    fn each_part_of_several_servers_is_used() {
        let ports = |nodes: &[ConnectionInfo]| nodes.iter().map(|info| address(info).1).collect::<Vec<_>>();
        let Topology::Sentinel(watched) = topology("redis+sentinel://:p@a:1,b,[::1]:3/main/2").unwrap()
        else {
            panic!("a primary with Sentinels")
        };
        assert_eq!(ports(&watched.sentinels), [1, 26379, 3]);
        assert_eq!((watched.name.as_str(), watched.template.redis_settings().db()), ("main", 2));
        assert_eq!(watched.template.redis_settings().password(), Some("p"));
        let Topology::Cluster(nodes) = topology("rediss+cluster://a:1,b").unwrap() else {
            panic!("a cluster")
        };
        assert_eq!(ports(&nodes), [1, 6379]);
    }

    #[test]
    fn an_address_of_another_form_is_refused_without_its_password() {
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
            assert!(error == FORM || error == LOGIN, "{text:?}: {error}");
            assert!(!error.contains("secret"), "{text:?}");
        }
    }

    #[test]
    fn a_query_a_fragment_and_half_a_login_are_named() {
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
            assert_eq!(topology(text).map(drop), Err(QUERY), "{text}");
        }
        for text in [
            "redis://@h",
            "redis://:@h",
            "redis://user@h",
            "redis://user:@h",
            "redis://:%zz@h",
            "redis://:%FF@h",
        ] {
            assert_eq!(topology(text).map(drop), Err(LOGIN), "{text}");
        }
    }
}
