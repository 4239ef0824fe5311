//! The Dockerfile: one target per program, pinned images, and a build context with all that the build reads.

use super::{
    container::{Programs, Variables, check_variables, listen_ports},
    faults::Faults,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

#[derive(Default)]
struct Stage {
    base: String,
    variables: Variables,
    exposed: BTreeSet<u64>,
    entrypoint: Vec<String>,
    /// Options and command of the health check.
    health: Option<(String, Vec<String>)>,
}

/// The build stages by name.
pub struct Stages(BTreeMap<String, Stage>);

impl Stages {
    pub fn read(path: &Path, faults: &mut Faults) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        let joined = lines.join("\n").replace("\\\n", " ");
        let (mut stages, mut current) = (BTreeMap::<String, Stage>::new(), String::new());
        for line in joined.lines() {
            let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            let words: Vec<_> = rest.split_whitespace().collect();
            if word == "FROM" {
                let base = words[0].to_owned();
                current = words.get(2).unwrap_or(&words[0]).to_string();
                // A stage inherits the variables of its base.
                let variables = stages.get(&base).map(|stage| stage.variables.clone()).unwrap_or_default();
                stages.insert(current.clone(), Stage { base, variables, ..Default::default() });
                continue;
            }
            let Some(stage) = stages.get_mut(&current) else { continue };
            match word {
                "ENV" => stage.variables.extend(words.iter().filter_map(|word| {
                    word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
                })),
                "EXPOSE" => stage.exposed.extend(words.iter().map(|port| port.parse::<u64>().unwrap())),
                "HEALTHCHECK" => {
                    let (options, command) = rest.split_once("CMD ").unwrap_or_default();
                    let command = serde_json::from_str(command).unwrap_or_default();
                    stage.health = Some((options.to_owned(), command));
                }
                "ENTRYPOINT" => stage.entrypoint = serde_json::from_str(rest).unwrap_or_default(),
                _ => {}
            }
        }
        faults.check(!stages.is_empty(), || format!("{}: has no stages", path.display()));
        Self(stages)
    }

    /// Returns the variables that a target sets.
    pub fn variables(&self, target: &str) -> Variables {
        self.0.get(target).map(|stage| stage.variables.clone()).unwrap_or_default()
    }

    pub fn ports(&self, target: &str) -> BTreeSet<u64> {
        listen_ports(&self.variables(target))
    }
}

pub fn check(stages: &Stages, programs: &Programs, faults: &mut Faults) {
    for (name, help) in programs {
        let context = format!("Dockerfile, target {name}");
        let stage = stages.0.get(*name);
        if !faults.check(stage.is_some(), || format!("{context}: does not exist")) {
            continue;
        }
        let stage = stage.unwrap();
        check_variables(&context, help, &stage.variables, faults);
        let (exposed, listening) = (&stage.exposed, stages.ports(name));
        faults.check(*exposed == listening, || {
            format!("{context}: exposes {exposed:?}, listens on {listening:?}")
        });
        let is_http_open = stage.variables.contains_key("NONO_HTTP_LISTEN")
            && !stage.variables.contains_key("NONO_GATEWAY_AUTH");
        faults.check(!is_http_open, || format!("{context}: HTTP is open"));
        let is_grpc_open =
            stage.variables.contains_key("NONO_GRPC_LISTEN") && !stage.variables.contains_key("NONO_AUTH");
        faults.check(!is_grpc_open, || format!("{context}: gRPC is open"));
        let starts_it = stage.entrypoint.len() == 1 && stage.entrypoint[0].ends_with(&format!("/{name}"));
        faults.check(starts_it, || format!("{context}: does not start {name}"));
        let (options, command) = stage.health.clone().unwrap_or_default();
        let asks_it = command == [stage.entrypoint.concat(), "health".to_owned()];
        faults.check(asks_it, || format!("{context}: its health check is {command:?}"));
        let waits = options.contains("--start-period=") && options.contains("--timeout=");
        faults.check(waits, || format!("{context}: its health check needs a timeout and a start period"));
    }
    for stage in stages.0.values() {
        let base = &stage.base;
        let is_pinned = stages.0.contains_key(base) || base.contains([':', '@']);
        faults
            .check(is_pinned && !base.ends_with(":latest"), || format!("Dockerfile: {base} has no version"));
    }
}

/// Checks that the build context contains every member of the workspace and every file that their programs include, and nothing
/// that does not exist.
pub fn check_context(deploy: &Path, faults: &mut Faults) {
    let repository = super::root().canonicalize().unwrap();
    let ignore = fs::read_to_string(deploy.join("Dockerfile.dockerignore")).unwrap();
    let included: BTreeSet<_> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    for name in &included {
        faults.check(repository.join(name).exists(), || {
            format!("Dockerfile.dockerignore: {name} does not exist")
        });
    }
    let manifest = fs::read_to_string(repository.join("Cargo.toml")).unwrap();
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
    let members = members.split('"').filter(|part| part.chars().all(|c| c.is_alphanumeric() || c == '-'));
    for member in members.filter(|member| !member.is_empty()) {
        faults.check(included.contains(member), || {
            format!("Dockerfile.dockerignore: leaves out the workspace member {member}")
        });
        for path in included_files(&repository.join(member).join("src")) {
            let is_included = included.iter().any(|name| path == repository.join(name));
            let is_own = path.starts_with(repository.join(member));
            faults.check(is_included || is_own, || {
                format!("Dockerfile.dockerignore: leaves out {}, which {member} includes", path.display())
            });
        }
    }
}

/// Returns the files that the sources in a folder include as text.
fn included_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(included_files(&path));
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let names = text.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next());
        files.extend(names.map(|name| folder.join(name).canonicalize().unwrap()));
    }
    files
}
