//! Settings of authentication and rate limits.

use crate::{
    auth::{Authenticator, Certificates, Keys},
    grpc::Access,
};
use clap::{Args, ValueEnum};
use runtime::{
    ParsedFile,
    rate_limit::{Rate, RateLimiter},
    reload::ReloadSignal,
    settings::ProcessSettings,
};
use std::{net::SocketAddr, num::NonZeroU32};

/// Settings of authentication and rate limits of the gRPC port.
///
/// In a process that also serves HTTP, the flags with the prefix `grpc-` have it, because HTTP has flags of the same names.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access")]
#[group(id = "grpc_access")]
pub struct AccessSettings {
    /// Authentication of callers over gRPC: none (all callers share all sessions), keys (--auth-keys-file), mtls
    /// (--auth-clients-file), or keys,mtls for either.
    #[arg(
        id = "grpc_auth",
        long = "grpc-auth",
        env = "NONO_AUTH",
        value_name = "KIND",
        value_delimiter = ',',
        value_enum,
        default_value = "none"
    )]
    pub auth: Vec<AuthKind>,

    /// File with one key per line: NAME ROLE KEY [empty-owner]. ROLE is service or admin; KEY has at least 32 characters, or
    /// is sha256: and the hexadecimal digest of one.
    #[arg(long, env = "NONO_AUTH_KEYS_FILE", value_name = "FILE", value_parser = |path: &str| {
        ParsedFile::read("--auth-keys-file", path, Keys::parse)
    })]
    pub auth_keys_file: Option<ParsedFile<Keys>>,

    /// File with one client certificate per line: NAME ROLE CERTIFICATE [empty-owner]. CERTIFICATE is uri: or dns: and a
    /// subject alternative name. --tls-client-ca names the authorities.
    #[arg(long, env = "NONO_AUTH_CLIENTS_FILE", value_name = "FILE", value_parser = |path: &str| {
        ParsedFile::read("--auth-clients-file", path, Certificates::parse)
    })]
    pub auth_clients_file: Option<ParsedFile<Certificates>>,

    /// Allows reflection without a credential. With --auth none it always is.
    #[arg(long, env = "NONO_REFLECTION_PUBLIC")]
    pub reflection_public: bool,

    /// Rate limit of calls for each pair of a caller and an owner, such as 50/s or 600/m [default: no limit].
    #[arg(id = "grpc_rate_limit", long = "grpc-rate-limit", env = "NONO_RATE_LIMIT", value_name = "RATE")]
    pub rate_limit: Option<Rate>,

    /// Number of calls that may exceed the rate limit at once [default: the calls of two seconds, and at least 10].
    #[arg(
        id = "grpc_rate_limit_burst",
        long = "grpc-rate-limit-burst",
        env = "NONO_RATE_LIMIT_BURST",
        value_name = "NUMBER",
        requires = "grpc_rate_limit"
    )]
    pub rate_limit_burst: Option<NonZeroU32>,
}

/// Kind of authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuthKind {
    /// No authentication.
    None,
    /// API keys.
    Keys,
    /// Client certificates.
    Mtls,
}

/// Valid settings of authentication and rate limits.
#[derive(Clone, Debug)]
pub struct ResolvedAccess {
    keys: Option<ParsedFile<Keys>>,
    certificates: Option<ParsedFile<Certificates>>,
    is_reflection_public: bool,
    rate_limit: Option<(Rate, Option<NonZeroU32>)>,
}

impl AccessSettings {
    /// Validates the combination of settings. The error is one sentence.
    pub(super) fn resolve(self) -> Result<ResolvedAccess, String> {
        let has = |kind| self.auth.contains(&kind);
        if has(AuthKind::None) && self.auth.len() > 1 {
            return Err("no authentication (none) excludes other kinds of authentication".into());
        }
        for (kind, name, flag, is_given) in [
            (AuthKind::Keys, "keys", "--auth-keys-file", self.auth_keys_file.is_some()),
            (AuthKind::Mtls, "mtls", "--auth-clients-file", self.auth_clients_file.is_some()),
        ] {
            match (has(kind), is_given) {
                (true, false) => return Err(format!("authentication by {name} needs {flag}")),
                (false, true) => {
                    return Err(format!("{flag} needs {name} among the kinds of authentication"));
                }
                _ => {}
            }
        }
        Ok(ResolvedAccess {
            is_reflection_public: self.reflection_public || has(AuthKind::None),
            keys: self.auth_keys_file,
            certificates: self.auth_clients_file,
            rate_limit: self.rate_limit.map(|rate| (rate, self.rate_limit_burst)),
        })
    }
}

impl ResolvedAccess {
    /// Returns `true` if callers are not authenticated.
    fn is_open(&self) -> bool {
        self.keys.is_none() && self.certificates.is_none()
    }

    /// Rejects an address at which other machines could access all sessions, and client certificates that nothing verifies.
    /// The error is one sentence.
    pub fn check(&self, address: SocketAddr, process: &ProcessSettings) -> Result<(), String> {
        if self.certificates.is_some() && process.tls.tls_client_ca.is_none() {
            return Err("authentication by mtls needs --tls-client-ca".into());
        }
        if !self.is_open() || process.insecure_no_auth || address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        Err(format!(
            "--grpc-listen {address} can be reached from other machines, and without authentication all of them could access \
             all sessions: give callers keys (--auth-keys-file), or accept that (--insecure-no-auth)"
        ))
    }

    /// Creates the access rules of the port, and watches the files of callers.
    pub(super) fn build(self, reload: &ReloadSignal) -> Access {
        let authenticator = if self.is_open() {
            Authenticator::Open
        } else {
            Authenticator::Required {
                keys: self.keys.map(|file| file.watch(reload)),
                certificates: self.certificates.map(|file| file.watch(reload)),
            }
        };
        Access {
            authenticator,
            is_reflection_public: self.is_reflection_public,
            rate_limiter: self.rate_limit.map(|(rate, burst)| RateLimiter::new(rate, burst)),
        }
    }
}
