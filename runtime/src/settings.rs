//! Settings of every program, and how an invalid one is reported.

use crate::{
    memory::{MemoryBudgets, process_limit},
    output,
    reload::SettingFile,
    server::{ConnectionLimits, ServerTls},
    setting_files::with_files,
    tls::TlsSettings,
};
use bytesize::ByteSize;
use clap::{
    Args, Parser,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
};
use http::Uri;
use std::{env, error::Error, ffi::OsStr, net::Ipv6Addr, process::ExitCode, time::Duration};

pub use crate::{
    log_settings::{LogFilter, LogFormat},
    setting_files::{FileSetting, SettingFiles},
};

/// Id of the log filter in clap.
const LOG_FILTER: &str = "log_filter";
/// Minimum of the memory limit: a program without load takes about half of it.
const MEMORY_MIN: ByteSize = ByteSize::mib(32);
const LOG_FILTER_FILE: FileSetting =
    FileSetting { setting: LOG_FILTER, file_variable: "NONO_LOG_FILTER_FILE" };

/// Settings of every program.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Process")]
pub struct ProcessSettings {
    /// Filter of log lines, such as info,gateway=debug [default: RUST_LOG, or info]. NONO_LOG_FILTER_FILE may name a file
    /// that contains it, which is read again when it changes.
    #[arg(long, env = "NONO_LOG_FILTER", value_name = "FILTER")]
    pub log_filter: Option<LogFilter>,

    /// File that contains the log filter.
    #[arg(skip)]
    pub log_filter_file: Option<SettingFile>,

    /// Format of log lines [default: text on a terminal, json otherwise].
    #[arg(long, env = "NONO_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,

    /// Time to keep serving after SIGTERM while unready, so that load balancers notice; for example 5s in Kubernetes.
    #[arg(long, env = "NONO_DRAIN_DELAY", value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub drain_delay: Duration,

    /// Timeout for calls in progress when the program stops.
    #[arg(long, env = "NONO_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "15s", value_parser = duration)]
    pub drain_timeout: Duration,

    /// Permits addresses that other machines can reach without authentication.
    #[arg(long, env = "NONO_INSECURE_NO_AUTH", help_heading = "Access")]
    pub insecure_no_auth: bool,

    /// Maximum number of open connections on each port.
    #[arg(long, env = "NONO_MAX_CONNECTIONS", value_name = "NUMBER", default_value_t = 10_000, value_parser = at_least_one)]
    pub max_connections: usize,

    /// Maximum number of open connections from one address on each port. Behind a proxy, set it to the same number as
    /// --max-connections.
    #[arg(long, env = "NONO_MAX_CONNECTIONS_PER_PEER", value_name = "NUMBER", default_value_t = 5_000, value_parser = at_least_one)]
    pub max_connections_per_peer: usize,

    /// Timeout for a client that does not read what it is sent. Its connection is closed, or its HTTP/2 stream reset.
    #[arg(long, env = "NONO_WRITE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = positive_duration)]
    pub write_timeout: Duration,

    /// Memory limit of the process, such as 256MiB [default: that of the cgroup, or the physical memory]. Half of it may be
    /// used for requests and responses; what exceeds that is rejected.
    #[arg(long, env = "NONO_MEMORY_LIMIT", value_name = "SIZE", value_parser = memory_size)]
    pub memory_limit: Option<u64>,

    /// Settings of TLS.
    #[command(flatten)]
    pub tls: TlsSettings,

    /// TLS of the ports, from its settings.
    #[arg(skip)]
    pub server_tls: Option<ServerTls>,
}

impl ProcessSettings {
    /// Returns the settings with the files that are watched, and with TLS. The error is one sentence.
    pub fn with_files(self, files: &SettingFiles) -> Result<Self, String> {
        let server_tls = ServerTls::new(&self.tls)?;
        Ok(Self { log_filter_file: files.get(LOG_FILTER), server_tls, ..self })
    }

    /// Returns the connection limits of each port.
    pub fn connection_limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            max: self.max_connections,
            max_per_peer: self.max_connections_per_peer,
            write_timeout: self.write_timeout,
        }
    }

    /// Returns the memory budgets of the process.
    pub fn memory_budgets(&self) -> MemoryBudgets {
        MemoryBudgets::new(self.memory_limit.unwrap_or_else(process_limit))
    }
}

/// Parses a size of memory such as `256MiB`, `1GiB` or a number of bytes.
fn memory_size(text: &str) -> Result<u64, String> {
    match text.parse::<ByteSize>() {
        Ok(size) if size >= MEMORY_MIN => Ok(size.as_u64()),
        Ok(_) => Err(format!("it must be at least {MEMORY_MIN}")),
        Err(_) => Err("it must be a size such as 256MiB, 1GiB or a number of bytes".into()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| "it must be a whole number of at least 1".into())
}

/// Parses a duration such as `90s`, `30m` or `2h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= YEAR => Ok(duration),
        Ok(_) => Err("it must be at most a year".into()),
        Err(_) => Err("it must be a duration such as 90s, 30m or 2h".into()),
    }
}

/// Parses a duration of at least a millisecond.
pub fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        duration if duration >= Duration::from_millis(1) => Ok(duration),
        _ => Err("it must be at least 1ms".into()),
    }
}

/// Parses an address of the form `scheme://host[:port][/path]`. Returns `None` for anything else, so that no part of an
/// address is dropped silently: a user, a query, a fragment, a port that is empty or 0, or white space.
pub fn plain_url(text: &str, schemes: &[&str]) -> Option<Uri> {
    let uri: Uri = text.parse().ok().filter(|_| text.is_ascii() && !text.contains(['#', '?', '\\']))?;
    let authority = uri.authority()?;
    let host = authority.host();
    let port = authority.as_str().strip_prefix(host)?.strip_prefix(':');
    let is_port = |digits: &str| {
        digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let is_plain = authority.as_str().len() == host.len() || port.is_some_and(is_port);
    (is_plain && is_host(host) && schemes.contains(&uri.scheme_str()?)).then_some(uri)
}

/// Returns `true` for a name, an IPv4 address, or an IPv6 address in brackets.
pub fn is_host(host: &str) -> bool {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(is_name_byte),
    }
}

/// Parses the settings from flags, environment variables and files. An empty variable counts as unset.
///
/// `resolve` validates the combination of settings, with the files from which some of them come, and returns what the
/// program uses of them.
///
/// # Errors
///
/// Returns the exit code of the program. Help and version are printed to standard output, an invalid setting is reported
/// in one sentence on standard error.
pub fn parse<S: Parser, R>(
    file_settings: &[FileSetting],
    resolve: impl FnOnce(S, &SettingFiles) -> Result<R, String>,
) -> Result<R, ExitCode> {
    let all = [file_settings, &[LOG_FILTER_FILE]].concat();
    let command = with_files(without_empty_variables(S::command()), &all).map_err(ConfigError::File);
    let parsed = command.and_then(|(command, files)| {
        let matches = command.try_get_matches().map_err(ConfigError::Usage)?;
        let settings = S::from_arg_matches(&matches).map_err(ConfigError::Usage)?;
        resolve(settings, &files.in_use(&matches)).map_err(ConfigError::Conflict)
    });
    parsed.map_err(|wrong| match wrong {
        ConfigError::Usage(error)
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
        {
            output::print(format_args!("{error}"));
            ExitCode::SUCCESS
        }
        ConfigError::Usage(error) => {
            output::complain(format_args!("{}\n", describe(&error)));
            ExitCode::from(EXIT_USAGE)
        }
        ConfigError::File(sentence) | ConfigError::Conflict(sentence) => {
            output::complain(format_args!("error: {sentence}\n"));
            ExitCode::from(EXIT_USAGE)
        }
    })
}

/// Exit code for an invalid setting.
pub(crate) const EXIT_USAGE: u8 = 2;

enum ConfigError {
    Usage(clap::Error),
    File(String),
    /// Settings that are valid alone but not together.
    Conflict(String),
}

/// Makes clap ignore empty variables, as templates of compose files and of Kubernetes leave them behind. Help still names
/// these variables, as text.
pub(crate) fn without_empty_variables(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|argument| {
        #[expect(clippy::disallowed_methods, reason = "clap has named the variable")]
        let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
        match argument.get_env().filter(|name| is_empty(name)).map(OsStr::to_owned) {
            Some(name) => with_env_in_help(argument.env(Resettable::Reset), &name),
            None => argument,
        }
    });
    command.mut_subcommands(without_empty_variables)
}

fn with_env_in_help(argument: clap::Arg, name: &OsStr) -> clap::Arg {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    argument.help(format!("{help} [env: {}=]", name.to_string_lossy()))
}

/// Describes an invalid setting without its value, which may be a secret.
fn describe(error: &clap::Error) -> String {
    match (error.kind(), error.get(ContextKind::InvalidArg), error.source()) {
        (ErrorKind::ValueValidation, Some(setting), Some(cause)) => format!("error: {setting}: {cause}"),
        (ErrorKind::UnknownArgument, Some(ContextValue::String(argument)), _) => unknown(argument),
        (ErrorKind::InvalidSubcommand, ..) => unknown(""),
        (ErrorKind::InvalidValue, Some(setting), _) => match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(values)) if !values.is_empty() => {
                format!("error: {setting}: it must be one of {}", values.join(", "))
            }
            _ => sentence(&error.to_string()),
        },
        _ => sentence(&error.to_string()),
    }
}

/// Returns the complaint about an argument. Only a flag is named: another argument may be a value that lost its flag.
fn unknown(argument: &str) -> String {
    let name = argument.split('=').next().filter(|name| name.starts_with('-'));
    match name {
        Some(name) => format!("error: unexpected argument '{name}' found"),
        None => "error: an argument that is no flag was found; see --help".into(),
    }
}

/// Returns the first paragraph of a message as one line.
fn sentence(message: &str) -> String {
    let paragraph = message.split("\n\n").next().unwrap_or_default();
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_humane() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for wrong in ["", "90", "-1s", "1 parsec", "1000y"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert!(positive_duration("0s").is_err());
    }

    #[test]
    fn memory_sizes_have_a_unit_or_are_bytes() {
        assert_eq!(memory_size("256MiB"), Ok(256 << 20));
        assert_eq!(memory_size("1Gi"), Ok(1 << 30));
        assert_eq!(memory_size("67108864"), Ok(64 << 20));
        assert_eq!(memory_size("31MiB"), Err("it must be at least 32.0 MiB".into()));
        for wrong in ["", "-1", "1 parsec", "MiB", "256MiB/s"] {
            assert!(memory_size(wrong).is_err_and(|error| error.contains("256MiB, 1GiB")), "{wrong}");
        }
    }

    #[test]
    fn a_plain_url_is_used_whole_or_refused() {
        let schemes = ["http", "https"];
        for text in
            ["http://h", "http://h/", "https://h:1", "http://h.a-b_c:65535/v1/x@y", "http://[::1]:4317"]
        {
            assert!(plain_url(text, &schemes).is_some(), "{text}");
        }
        for text in [
            "",
            " ",
            "h",
            "h:1",
            "http:",
            "http:h",
            "http:/h",
            "http://",
            "http:///p",
            "http://:1",
            "ftp://h",
            "http://u:secret@h",
            "http://u@h",
            "http://@h",
            "http://h:",
            "http://h:/",
            "http://h:0",
            "http://h:00",
            "http://h:65536",
            "http://h:+1",
            "http://h:x",
            "http://h?",
            "http://h/?a=b",
            "http://h#",
            "http://h/#f",
            " http://h",
            "http://h ",
            "http://h\n",
            "http://h/a b",
            "http://h\\x",
            "http://[::1",
            "http://[h]:1",
            "http://::1",
            "http://h:1:2",
            "http://ä",
            "http://h,http://i",
            "http://h%20",
        ] {
            assert!(plain_url(text, &schemes).is_none(), "{text:?}");
        }
        assert!(plain_url("https://h", &["http"]).is_none());
    }

    #[test]
    fn a_complaint_is_one_sentence() {
        let message = "error: the following arguments were not provided:\n  --store <URL>\n\nUsage: ...";
        assert_eq!(sentence(message), "error: the following arguments were not provided: --store <URL>");
    }
}
