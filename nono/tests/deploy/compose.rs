//! The compose file: references between its parts, hardening, and the settings of the programs.

use super::{
    container::{Container, Programs, Variables, program_of, seconds},
    dockerfile::Stages,
    faults::Faults,
    keys, pod, read_yaml, strings,
};
use serde_json::Value;
use std::path::Path;

const PARTS: [&str; 4] = ["name", "services", "networks", "volumes"];
const SERVICE_PARTS: [&str; 19] = [
    "build",
    "cap_drop",
    "command",
    "depends_on",
    "entrypoint",
    "environment",
    "healthcheck",
    "image",
    "network_mode",
    "networks",
    "ports",
    "profiles",
    "read_only",
    "restart",
    "security_opt",
    "stop_grace_period",
    "tmpfs",
    "user",
    "volumes",
];
const CONDITIONS: [&str; 3] = ["service_started", "service_healthy", "service_completed_successfully"];
/// Docker's default for `stop_grace_period`.
const DEFAULT_GRACE: &str = "10s";

pub fn check(path: &Path, programs: &Programs, stages: &Stages, faults: &mut Faults) {
    let documents = read_yaml(path, faults);
    let Some(document) = documents.first() else { return };
    let parts = keys(document).into_iter().filter(|part| !part.starts_with("x-")).collect::<Vec<_>>();
    faults.known(&parts, &PARTS, "compose.yaml");
    for (name, service) in document["services"].as_object().into_iter().flatten() {
        let context = format!("compose.yaml, {name}");
        faults.known(&keys(service), &SERVICE_PARTS, &context);
        check_references(&context, service, document, faults);
        let is_hardened = service["read_only"] == true
            && strings(&service["cap_drop"]) == ["ALL"]
            && strings(&service["security_opt"]).contains(&"no-new-privileges:true")
            && !service["restart"].is_null();
        faults.check(is_hardened, || {
            format!("{context}: needs read_only, cap_drop: [ALL], no-new-privileges and restart")
        });
        if let Some(program) = program_of(service["image"].as_str().unwrap_or_default(), programs) {
            check_build(path, &context, service, program, faults);
            check_program(&context, service, program, document, programs, stages, faults);
        }
    }
}

fn check_references(context: &str, service: &Value, document: &Value, faults: &mut Faults) {
    for (other, dependency) in service["depends_on"].as_object().into_iter().flatten() {
        let condition = dependency["condition"].as_str().unwrap_or_default();
        let target = &document["services"][other];
        faults.check(!target.is_null(), || format!("{context}: depends on {other}, which does not exist"));
        faults.check(CONDITIONS.contains(&condition), || format!("{context}: unknown condition {condition}"));
        let can_wait = condition != "service_healthy" || !target["healthcheck"].is_null();
        faults.check(can_wait, || format!("{context}: waits for {other}, which has no healthcheck"));
    }
    for network in strings(&service["networks"]) {
        let exists = keys(&document["networks"]).contains(&network);
        faults.check(exists, || format!("{context}: network {network} does not exist"));
    }
    for volume in strings(&service["volumes"]) {
        let source = volume.split(':').next().unwrap();
        let is_file = source.starts_with("./") && faults.folder().join(source).is_file();
        let exists = is_file || keys(&document["volumes"]).contains(&source);
        faults.check(exists, || format!("{context}: volume {source} does not exist"));
    }
}

fn check_build(path: &Path, context: &str, service: &Value, program: &str, faults: &mut Faults) {
    let build = &service["build"];
    faults.check(build["target"] == program, || format!("{context}: builds {}", build["target"]));
    let folder = path.parent().unwrap().join(build["context"].as_str().unwrap_or("."));
    let dockerfile = build["dockerfile"].as_str().unwrap_or("Dockerfile");
    faults.check(folder.join(dockerfile).is_file(), || format!("{context}: {dockerfile} does not exist"));
}

fn check_program(
    context: &str,
    service: &Value,
    program: &str,
    document: &Value,
    programs: &Programs,
    stages: &Stages,
    faults: &mut Faults,
) {
    let health = &service["healthcheck"];
    let command = ["CMD", &format!("/usr/local/bin/{program}"), "health"];
    faults.check(strings(&health["test"]) == command && !health["start_period"].is_null(), || {
        format!("{context}: its health check must be {command:?} with a start period")
    });
    let variables = variables(&service["environment"]);
    let mounts = strings(&service["volumes"]);
    let folders: Vec<_> = mounts.iter().filter_map(|mount| mount.split(':').nth(1)).collect();
    pod::check_files(context, &folders, &variables, faults);
    let backend = variables.get("NONO_BACKEND").cloned();
    let grace = service["stop_grace_period"].as_str().unwrap_or(DEFAULT_GRACE);
    let arguments = strings(&service["command"]);
    let container =
        Container { context, program, variables, arguments, ports: None, grace_seconds: seconds(grace) };
    let listening = container.check(programs, stages, faults);
    for published in strings(&service["ports"]) {
        let (address, port) = published.rsplit_once(':').unwrap_or(("", published));
        let is_served = port.parse().is_ok_and(|port| listening.contains(&port));
        faults.check(is_served, || format!("{context}: publishes {port}, on which nothing listens"));
        faults.check(address.starts_with("127.0.0.1:"), || {
            format!("{context}: {published} is open to other machines")
        });
    }
    if let Some(address) = backend {
        let url: http::Uri = address.parse().unwrap();
        let other = &document["services"][url.host().unwrap_or_default()];
        let served = program_of(other["image"].as_str().unwrap_or_default(), programs)
            .is_some_and(|other| stages.ports(other).contains(&url.port_u16().unwrap_or(0).into()));
        faults.check(served, || format!("{context}: nothing listens at {address}"));
        let networks = strings(&service["networks"]);
        let is_shared = strings(&other["networks"]).iter().any(|network| networks.contains(network));
        faults.check(is_shared, || format!("{context}: shares no network with {address}"));
    }
}

pub fn variables(environment: &Value) -> Variables {
    let pairs = environment.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}
