//! Failure to connect to a server, and the reason that an operator can act on.

use super::{
    error::{describe, io_error, server_error},
    problem::{
        CLIENT_CERTIFICATE, CLOSED, CLUSTER_DOWN, DATABASE, LOADING, NO_ROUTE, NO_TLS, NODE_LOST,
        NOT_A_CLUSTER, NOT_A_PRIMARY, NOT_REDIS, PASSWORD_REQUIRED, PROTECTED, Problem, REFUSED, TIMEOUT,
        TLS_FAILED, TOO_MANY_CLIENTS, UNKNOWN_HOST, WRONG_PASSWORD,
    },
};
use crate::store::Unreachable;
use bb8_redis::redis::{ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, ServerError};
use rustls::{AlertDescription, CertificateError, Error as TlsError};
use std::io;

/// Detail of the driver's error about a database, which hides the code of the server's error.
const NO_PASSWORD: &str = "Authentication required";

/// Failure to connect to a server.
pub(super) struct Failure {
    /// The server, for a diagnosis.
    pub(super) server: Box<ConnectionInfo>,
    /// Role of the server with a space after it, empty for an ordinary one.
    role: &'static str,
    error: RedisError,
}

impl Failure {
    pub(super) fn of_server(server: &ConnectionInfo, error: RedisError) -> Self {
        Self { server: Box::new(server.clone()), role: "", error }
    }

    pub(super) fn of_sentinel(server: &ConnectionInfo, error: RedisError) -> Self {
        Self { server: Box::new(server.clone()), role: "the Sentinel ", error }
    }

    pub(super) fn of_node(server: &ConnectionInfo, error: RedisError) -> Self {
        Self { server: Box::new(server.clone()), role: "the node ", error }
    }

    /// Returns the failure of a server that did not respond in time.
    pub(super) fn timeout(server: &ConnectionInfo) -> Self {
        Self::of_server(server, timed_out())
    }

    /// Returns the failure of Sentinels that did not respond in time.
    pub(super) fn sentinel_timeout(server: &ConnectionInfo) -> Self {
        Self::of_sentinel(server, timed_out())
    }

    /// Returns the reason as far as the error shows it.
    pub(super) fn reason(&self) -> Unreachable {
        reason(&self.name(), &self.error)
    }

    /// Returns a reason that a diagnosis has found.
    pub(super) fn diagnosed(&self, problem: &Problem) -> Unreachable {
        problem.at(&self.name())
    }

    fn name(&self) -> String {
        let (host, port) = match self.server.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => (host, port),
            _ => return "the store".into(),
        };
        match host.contains(':') {
            true => format!("{}[{host}]:{port}", self.role),
            false => format!("{}{host}:{port}", self.role),
        }
    }
}

fn timed_out() -> RedisError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

/// Returns the reason of an error, with the name of the server.
pub(super) fn reason(name: &str, error: &RedisError) -> Unreachable {
    if let Some(error) = io_error(error) {
        return io_reason(name, error);
    }
    if let Some(error) = server_error(error) {
        return server_reason(name, &error);
    }
    match (error.kind(), error.detail()) {
        (ErrorKind::AuthenticationFailed, _) => WRONG_PASSWORD.at(name),
        (ErrorKind::Parse, _) => NOT_REDIS.at(name),
        (ErrorKind::InvalidClientConfig, _) => UNKNOWN_HOST.at(name),
        (ErrorKind::MasterNameNotFoundBySentinel, Some(primary)) => Unreachable {
            code: "unknown_primary",
            reason: format!("{name} does not know a primary named {primary}"),
            advice: "correct the name in --store; SENTINEL MASTERS lists the names",
        },
        (ErrorKind::ClusterConnectionNotFound, _) => NODE_LOST.at(name),
        (ErrorKind::NoValidReplicasFoundBySentinel, _) => NOT_A_PRIMARY.at(name),
        (ErrorKind::Server(_), Some(detail)) if detail.contains(NO_PASSWORD) => PASSWORD_REQUIRED.at(name),
        (ErrorKind::Server(_), Some(detail)) if detail.contains("no permission") => {
            no_permission(name, detail)
        }
        (ErrorKind::Server(_), Some(detail)) if detail.contains("DB index") => DATABASE.at(name),
        _ => other(name, &describe(error)),
    }
}

fn io_reason(name: &str, error: &io::Error) -> Unreachable {
    use io::ErrorKind;
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        return tls_reason(name, error);
    }
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => TIMEOUT.at(name),
        ErrorKind::ConnectionRefused => REFUSED.at(name),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => NO_ROUTE.at(name),
        ErrorKind::BrokenPipe
        | ErrorKind::ConnectionAborted
        | ErrorKind::ConnectionReset
        | ErrorKind::NotConnected
        | ErrorKind::UnexpectedEof => CLOSED.at(name),
        // The standard library gives this error no kind of its own.
        _ if error.to_string().contains("failed to lookup address") => UNKNOWN_HOST.at(name),
        _ => other(name, &error.to_string()),
    }
}

fn tls_reason(name: &str, error: &TlsError) -> Unreachable {
    let untrusted = |clause: &'static str, advice| Problem("untrusted_certificate", clause, advice).at(name);
    match error {
        TlsError::InvalidCertificate(cause) => match cause {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                untrusted("has a certificate that has expired", "renew the certificate of Redis")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => untrusted(
                "has a certificate for another host name",
                "use a name of the certificate in --store, or issue a certificate for this name",
            ),
            _ => untrusted(
                "has a certificate that is not trusted",
                "set --store-tls-ca to the authority that issued the certificate of Redis",
            ),
        },
        TlsError::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::HandshakeFailure,
        ) => CLIENT_CERTIFICATE.at(name),
        TlsError::InvalidMessage(_) => NO_TLS.at(name),
        _ => TLS_FAILED.at(name),
    }
}

fn server_reason(name: &str, error: &ServerError) -> Unreachable {
    let detail = error.details().unwrap_or_default();
    match error.code() {
        "NOAUTH" => PASSWORD_REQUIRED.at(name),
        "WRONGPASS" => WRONG_PASSWORD.at(name),
        "NOPERM" => no_permission(name, detail),
        "LOADING" => LOADING.at(name),
        "DENIED" => PROTECTED.at(name),
        "CLUSTERDOWN" => CLUSTER_DOWN.at(name),
        "READONLY" | "MASTERDOWN" => NOT_A_PRIMARY.at(name),
        _ if detail.contains("max number of clients") => TOO_MANY_CLIENTS.at(name),
        _ if detail.contains("cluster support disabled") => NOT_A_CLUSTER.at(name),
        _ => other(name, &describe(&error.clone().into())),
    }
}

/// Returns the reason with the command if Redis names it, which it does in single quotes.
fn no_permission(name: &str, detail: &str) -> Unreachable {
    let command = detail.split("run the '").nth(1).and_then(|rest| rest.split('\'').next());
    let action = command.map_or_else(|| "what Nono needs".to_owned(), |command| format!("'{command}'"));
    Unreachable {
        code: "no_permission",
        reason: format!("{name} does not permit its user to run {action} (NOPERM)"),
        advice: "grant the permissions that are listed in \"A Redis user for Nono\" in docs/operations.md",
    }
}

fn other(name: &str, text: &str) -> Unreachable {
    let reason = format!("{name} cannot be used: {text}");
    Unreachable { code: "other", reason, advice: "check the host and port in --store, and the log of Redis" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bb8_redis::redis::{Value, parse_redis_value};

    fn of_reply(line: &str) -> Unreachable {
        let reply = parse_redis_value(format!("-{line}\r\n").as_bytes());
        reason("h:1", &reply.and_then(Value::extract_error).unwrap_err())
    }

    #[test]
    fn replies_of_a_server_have_a_reason_of_their_own() {
        for (line, code) in [
            ("NOAUTH Authentication required.", "password_required"),
            ("WRONGPASS invalid username-password pair or user is disabled.", "wrong_password"),
            ("LOADING Redis is loading the dataset in memory", "loading"),
            ("DENIED Redis is running in protected mode because ...", "protected_mode"),
            ("ERR max number of clients reached", "too_many_clients"),
            ("ERR This instance has cluster support disabled", "not_a_cluster"),
            ("CLUSTERDOWN The cluster is down", "cluster_down"),
            ("READONLY You can't write against a read only replica.", "not_a_primary"),
            ("ERR something else", "other"),
        ] {
            let reason = of_reply(line);
            assert_eq!(reason.code, code, "{line}");
            assert!(reason.reason.starts_with("h:1 ") && !reason.advice.is_empty(), "{reason:?}");
        }
    }

    #[test]
    fn a_missing_permission_names_the_command_and_no_user() {
        for line in [
            "NOPERM this user has no permissions to run the 'script|load' command",
            "NOPERM User canary has no permissions to run the 'script|load' command",
        ] {
            let reason = of_reply(line).reason;
            assert_eq!(reason, "h:1 does not permit its user to run 'script|load' (NOPERM)");
        }
        let keys =
            of_reply("NOPERM this user has no permissions to access one of the keys used as arguments");
        assert_eq!(keys.reason, "h:1 does not permit its user to run what Nono needs (NOPERM)");
    }

    #[test]
    fn a_reason_quotes_no_arguments() {
        let reason =
            of_reply("ERR unknown command 'SCRIPT', with args beginning with: 'LOAD' 'canary'").reason;
        assert!(reason.contains("unknown command 'SCRIPT'") && !reason.contains("canary"), "{reason}");
    }

    #[test]
    fn tls_errors_name_the_problem_of_the_certificate() {
        for (error, code, clause) in [
            (TlsError::InvalidCertificate(CertificateError::Expired), "untrusted_certificate", "has expired"),
            (
                TlsError::InvalidCertificate(CertificateError::NotValidForName),
                "untrusted_certificate",
                "host name",
            ),
            (
                TlsError::InvalidCertificate(CertificateError::UnknownIssuer),
                "untrusted_certificate",
                "not trusted",
            ),
            (
                TlsError::AlertReceived(AlertDescription::CertificateRequired),
                "client_certificate",
                "client certificate",
            ),
            (TlsError::DecryptError, "tls", "TLS handshake"),
        ] {
            let reason = reason("h:1", &io::Error::new(io::ErrorKind::InvalidData, error).into());
            assert!(reason.code == code && reason.reason.contains(clause), "{reason:?}");
        }
    }
}
