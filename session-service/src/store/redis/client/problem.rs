//! Problems of servers that cannot be connected to, each with advice. Their codes are documented in docs/operations.md.

use crate::store::Unreachable;

/// Problem of a server: code, clause that follows the server's name, and advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Problem(pub(super) &'static str, pub(super) &'static str, pub(super) &'static str);

impl Problem {
    pub(super) fn at(&self, name: &str) -> Unreachable {
        let Self(code, clause, advice) = *self;
        Unreachable { code, reason: format!("{name} {clause}"), advice }
    }
}

pub(super) const TIMEOUT: Problem = Problem(
    "timeout",
    "does not respond",
    "check the host, firewalls and network policies, and that Redis is not overloaded",
);
pub(super) const REFUSED: Problem = Problem(
    "refused",
    "refuses connections",
    "check that Redis runs there, and the host and port in --store",
);
pub(super) const UNKNOWN_HOST: Problem = Problem(
    "unknown_host",
    "has a host name that cannot be resolved",
    "check the host in --store and the DNS of this machine",
);
pub(super) const NO_ROUTE: Problem = Problem(
    "no_route",
    "cannot be reached: there is no route to it",
    "check the host in --store and the network",
);
pub(super) const CLOSED: Problem = Problem(
    "closed",
    "closes the connection",
    "check that it is a Redis server and not a proxy without a server, and see its log",
);
pub(super) const WRONG_PASSWORD: Problem = Problem(
    "wrong_password",
    "rejects the user or the password (WRONGPASS)",
    "correct them in the store's address, or set the password in Redis",
);
pub(super) const PASSWORD_REQUIRED: Problem = Problem(
    "password_required",
    "requires a password (NOAUTH)",
    "add it to the store's address: redis://:password@host or redis://user:password@host",
);
pub(super) const LOADING: Problem =
    Problem("loading", "is loading its data (LOADING)", "wait until it has loaded its data");
pub(super) const TOO_MANY_CLIENTS: Problem = Problem(
    "too_many_clients",
    "has reached its maximum number of clients",
    "raise maxclients in Redis, or find the program that opens the connections",
);
pub(super) const PROTECTED: Problem = Problem(
    "protected_mode",
    "accepts only local connections (protected mode)",
    "set a password in Redis and add it to the store's address",
);
pub(super) const NOT_REDIS: Problem =
    Problem("not_redis", "is not a Redis server", "check the host and port in --store");
pub(super) const NO_TLS: Problem = Problem(
    "no_tls",
    "does not use TLS",
    "use redis:// instead of rediss:// in the store's address, or enable TLS in Redis",
);
pub(super) const TLS_REQUIRED: Problem =
    Problem("tls_required", "requires TLS", "use rediss:// instead of redis:// in the store's address");
pub(super) const CLIENT_CERTIFICATE: Problem = Problem(
    "client_certificate",
    "rejects the client certificate or requires one",
    "set --store-tls-cert and --store-tls-key to a certificate that Redis trusts",
);
pub(super) const TLS_FAILED: Problem = Problem(
    "tls",
    "fails in the TLS handshake",
    "check the TLS versions and certificates of Redis, and its log",
);
pub(super) const NOT_A_PRIMARY: Problem = Problem(
    "not_a_primary",
    "is not a primary",
    "wait for the end of the failover, and check the replication if that takes long",
);
pub(super) const CLUSTER_DOWN: Problem = Problem(
    "cluster_down",
    "reports that the cluster is down (CLUSTERDOWN)",
    "see CLUSTER INFO: a primary without a replica is down, or slots are not assigned",
);
pub(super) const NODE_LOST: Problem = Problem(
    "node_lost",
    "has a node without a connection",
    "check that all nodes of the cluster run and that the addresses they announce can be reached",
);
pub(super) const NOT_A_CLUSTER: Problem = Problem(
    "not_a_cluster",
    "is not part of a cluster",
    "use redis:// instead of redis+cluster:// in the store's address",
);
pub(super) const DATABASE: Problem =
    Problem("database", "does not have the database in the address", "correct its number in --store");
