//! Pods: probes, ports, resources, security, files and the settings of the programs.

use super::{
    container::{Container, Programs, Variables, program_of},
    dockerfile::Stages,
    faults::Faults,
    items, strings,
};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};

/// What Kubernetes waits before it kills a pod, unless told otherwise.
const DEFAULT_GRACE_SECONDS: f64 = 30.0;
/// The paths of the admin port that probes use.
const PROBE_PATHS: [&str; 2] = ["/livez", "/readyz"];

pub type Ports = BTreeMap<String, u64>;

/// Checks a pod and returns its named ports.
pub fn check(context: &str, pod: &Value, programs: &Programs, stages: &Stages, faults: &mut Faults) -> Ports {
    check_security(context, pod, faults);
    let mut ports = Ports::new();
    for container in items(&pod["containers"]) {
        let declared: Ports = items(&container["ports"])
            .iter()
            .map(|port| (text(&port["name"]).to_owned(), port["containerPort"].as_u64().unwrap_or(0)))
            .collect();
        let variables = environment(container);
        check_probes(context, container, &declared, variables.contains_key("NONO_TLS_CERT"), faults);
        let resources = &container["resources"];
        let is_complete = ["requests", "limits"]
            .iter()
            .all(|part| ["cpu", "memory"].iter().all(|resource| !resources[part][resource].is_null()));
        faults.check(is_complete, || format!("{context}: lacks a request or a limit"));
        if let Some(program) = program_of(text(&container["image"]), programs) {
            let grace = pod["terminationGracePeriodSeconds"].as_f64().unwrap_or(DEFAULT_GRACE_SECONDS);
            let mounts = items(&container["volumeMounts"]).iter();
            let folders: Vec<_> = mounts.map(|mount| text(&mount["mountPath"])).collect();
            check_files(context, &folders, &variables, faults);
            let arguments = [strings(&container["command"]), strings(&container["args"])].concat();
            let ports = Some(declared.values().copied().collect());
            Container { context, program, variables, arguments, ports, grace_seconds: grace }
                .check(programs, stages, faults);
        }
        ports.extend(declared);
    }
    ports
}

fn check_probes(context: &str, container: &Value, declared: &Ports, uses_tls: bool, faults: &mut Faults) {
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let action = &container[probe];
        faults.check(!action.is_null(), || format!("{context}: has no {probe}"));
        let port = match &action["httpGet"] {
            Value::Null => &action["tcpSocket"]["port"],
            request => {
                let path = text(&request["path"]);
                faults.check(PROBE_PATHS.contains(&path), || format!("{context}: {probe} gets {path}"));
                let scheme = request["scheme"].as_str().unwrap_or("HTTP");
                faults.check((scheme == "HTTPS") == uses_tls, || {
                    format!("{context}: {probe} uses {scheme}, and TLS of the port is {uses_tls}")
                });
                &request["port"]
            }
        };
        faults.check(port.is_null() || is_declared(declared, port), || {
            format!("{context}: {probe} uses port {port}, which is not declared")
        });
    }
}

/// Checks that every file that a setting names is on a mounted volume.
pub fn check_files(context: &str, folders: &[&str], variables: &Variables, faults: &mut Faults) {
    for (name, value) in variables {
        if is_file(name) {
            let is_mounted = folders.iter().any(|folder| Path::new(value).starts_with(folder));
            faults.check(is_mounted, || format!("{context}: {name}={value} is on no volume"));
        }
    }
}

/// Returns `true` if the value of a setting is the path of a file.
fn is_file(variable: &str) -> bool {
    let of_tls = variable.contains("_TLS_") || variable.starts_with("NONO_BACKEND_");
    variable.ends_with("_FILE") || variable == "NONO_PERSONAS" || of_tls
}

/// Checks the restricted pod security standard.
fn check_security(context: &str, pod: &Value, faults: &mut Faults) {
    let security = &pod["securityContext"];
    faults.check(security["runAsNonRoot"] == true, || format!("{context}: may run as root"));
    faults.check(security["seccompProfile"]["type"] == "RuntimeDefault", || {
        format!("{context}: has no seccomp profile")
    });
    faults.check(pod["automountServiceAccountToken"] == false, || {
        format!("{context}: mounts a token that it does not need")
    });
    for container in items(&pod["containers"]) {
        let own = &container["securityContext"];
        let is_restricted = own["allowPrivilegeEscalation"] == false
            && own["readOnlyRootFilesystem"] == true
            && strings(&own["capabilities"]["drop"]) == ["ALL"];
        faults.check(is_restricted, || format!("{context}: {} is not restricted", container["name"]));
    }
}

/// Returns `true` if a port, given by name or number, is declared.
pub fn is_declared(ports: &Ports, port: &Value) -> bool {
    match port {
        Value::String(name) => ports.contains_key(name),
        port => port.as_u64().is_some_and(|port| ports.values().any(|declared| *declared == port)),
    }
}

pub fn environment(container: &Value) -> Variables {
    let variables = items(&container["env"]).iter();
    variables.map(|entry| (text(&entry["name"]).to_owned(), text(&entry["value"]).to_owned())).collect()
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
