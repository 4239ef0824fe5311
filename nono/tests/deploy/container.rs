//! Checks that hold for every container of a program, whatever runs it.

use super::{dockerfile::Stages, faults::Faults};
use crate::app::Help;
use std::collections::{BTreeMap, BTreeSet};

pub type Variables = BTreeMap<String, String>;
pub type Programs = BTreeMap<&'static str, Help>;

/// Timeout for exporting the last spans, which follows the drain.
const FLUSH_SECONDS: f64 = 3.0;

/// A container as compose or Kubernetes starts it.
pub struct Container<'a> {
    pub context: &'a str,
    pub program: &'a str,
    pub variables: Variables,
    pub arguments: Vec<&'a str>,
    /// The declared ports, where they are declared.
    pub ports: Option<BTreeSet<u64>>,
    /// The time between SIGTERM and SIGKILL.
    pub grace_seconds: f64,
}

impl Container<'_> {
    /// Checks the container and returns the ports on which it listens.
    pub fn check(&self, programs: &Programs, stages: &Stages, faults: &mut Faults) -> BTreeSet<u64> {
        let (context, help) = (self.context, &programs[self.program]);
        check_variables(context, help, &self.variables, faults);
        let flags = self.arguments.iter().map(|argument| argument.split('=').next().unwrap());
        for flag in flags.filter(|flag| flag.starts_with("--")) {
            faults.check(help.flags().contains(flag), || format!("{context}: the program has no {flag}"));
        }
        if self.program == "session-service" {
            let stores = ["NONO_STORE", "NONO_STORE_FILE"];
            let given = stores.iter().filter(|name| self.variables.contains_key(**name)).count();
            faults.check(given == 1, || format!("{context}: needs one of {stores:?}, has {given}"));
        }
        let mut variables = stages.variables(self.program);
        variables.extend(self.variables.clone());
        self.check_access(&variables, faults);
        let (grace, needed) = (self.grace_seconds, stop_seconds(help, &variables));
        faults.check(grace >= needed, || format!("{context}: killed after {grace} s, stops in {needed} s"));
        let listening = listen_ports(&variables);
        if let Some(ports) = &self.ports {
            faults.check(*ports == listening, || {
                format!("{context}: declares ports {ports:?}, listens on {listening:?}")
            });
        }
        listening
    }
}

impl Container<'_> {
    /// Checks that no caller gets in without a credential.
    fn check_access(&self, variables: &Variables, faults: &mut Faults) {
        let (context, value) = (self.context, |name: &str| variables.get(name).map_or("", String::as_str));
        faults.check(!variables.contains_key("NONO_INSECURE_NO_AUTH"), || format!("{context}: runs open"));
        if variables.contains_key("NONO_GRPC_LISTEN") {
            let is_closed = matches!(value("NONO_AUTH"), "keys" | "mtls" | "keys,mtls");
            faults.check(is_closed, || format!("{context}: gRPC is open to all callers"));
            let has_callers = ["NONO_AUTH_KEYS_FILE", "NONO_AUTH_CLIENTS_FILE"];
            let has_callers = has_callers.iter().any(|name| variables.contains_key(*name));
            faults.check(has_callers, || format!("{context}: names no file of callers"));
        }
        if variables.contains_key("NONO_HTTP_LISTEN") {
            let is_closed = matches!(value("NONO_GATEWAY_AUTH"), "cookie" | "oidc");
            faults.check(is_closed, || format!("{context}: HTTP is open to all clients"));
        }
        if self.program == "gateway" {
            for name in ["NONO_BACKEND_KEY_FILE", "NONO_COOKIE_KEYS_FILE"] {
                faults.check(variables.contains_key(name), || format!("{context}: has no {name}"));
            }
        }
    }
}

/// Checks that the program has each variable and listens on addresses that other containers reach.
pub fn check_variables(context: &str, help: &Help, variables: &Variables, faults: &mut Faults) {
    let known = help.named_variables();
    for (name, value) in variables {
        let is_standard = name == "RUST_LOG" || name.starts_with("OTEL_");
        faults.check(is_standard || known.contains(name), || format!("{context}: the program has no {name}"));
        if is_listen(name) {
            let is_local = ["127.", "localhost", "[::1]"].iter().any(|local| value.starts_with(local));
            faults.check(!is_local, || format!("{context}: {name}={value} is unreachable from outside"));
        }
    }
}

/// Returns the ports on which a program with these variables listens.
pub fn listen_ports(variables: &Variables) -> BTreeSet<u64> {
    let listening = variables.iter().filter(|(name, _)| is_listen(name));
    listening.map(|(_, address)| address.rsplit(':').next().unwrap().parse().unwrap_or(0)).collect()
}

fn is_listen(variable: &str) -> bool {
    variable.starts_with("NONO_") && variable.ends_with("_LISTEN")
}

/// Returns the longest time that a program may take to stop.
fn stop_seconds(help: &Help, variables: &Variables) -> f64 {
    let setting = |variable: &str, flag: &str| {
        let value = variables.get(variable).cloned().or_else(|| help.default(flag));
        seconds(&value.unwrap_or_else(|| panic!("{flag} has no default")))
    };
    setting("NONO_DRAIN_DELAY", "--drain-delay")
        + setting("NONO_DRAIN_TIMEOUT", "--drain-timeout")
        + FLUSH_SECONDS
}

pub fn seconds(duration: &str) -> f64 {
    let digits = duration.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &duration[digits.len()..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        unit => panic!("unit {unit:?} of {duration:?}"),
    };
    digits.parse::<f64>().unwrap() * unit
}

/// Returns the program in an image: the last part of the image's name, if it is one of ours.
pub fn program_of(image: &str, programs: &Programs) -> Option<&'static str> {
    let name = image.rsplit('/').next()?.split([':', '@']).next()?;
    programs.keys().copied().find(|program| *program == name)
}
