//! Checks the files of `deploy/` against the programs and against each other: variables, flags, ports, probes, grace
//! periods, images, selectors and references.
//!
//! The programs are asked through `--help`. The schemas of the Kubernetes objects are checked in `tests/run`, from the
//! manifests that `rendered_manifests_are_written_for_the_schema_check` leaves below `target/manifests`.

mod compose;
mod container;
mod dockerfile;
mod faults;
mod kubernetes;
mod kustomize;
mod pod;
mod start;

use crate::app::Help;
use container::Programs;
use dockerfile::Stages;
use faults::Faults;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

async fn programs() -> Programs {
    let mut programs = Programs::new();
    for name in ["nono", "session-service", "gateway"] {
        programs.insert(name, Help::of(name, &[]).await);
    }
    programs
}

/// Reads the documents of a YAML file. Numbers with a leading zero are octal, as in Kubernetes.
fn read_yaml(path: &Path, faults: &mut Faults) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    parse_yaml(&text).unwrap_or_else(|error| {
        faults.check(false, || format!("{}: not YAML: {error}", path.display()));
        Vec::new()
    })
}

fn parse_yaml(text: &str) -> Result<Vec<Value>, serde_saphyr::Error> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().map(|items| items.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// Returns the items of a list, or the entries of no list.
fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn keys(map: &Value) -> Vec<&str> {
    map.as_object().map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// All files below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Runs every check on a copy of the repository's `deploy/` folder, and returns the faults.
fn check(deploy: &Path, programs: &Programs) -> Faults {
    let mut faults = Faults::new(deploy);
    check_variable_names(deploy, programs, &mut faults);
    let stages = Stages::read(&deploy.join("Dockerfile"), &mut faults);
    dockerfile::check(&stages, programs, &mut faults);
    dockerfile::check_context(deploy, &mut faults);
    compose::check(&deploy.join("compose.yaml"), programs, &stages, &mut faults);
    kubernetes::check(&deploy.join("kubernetes"), programs, &stages, &mut faults);
    faults
}

/// Variable of the build, which no program reads.
const BUILD_VARIABLE: &str = "NONO_GIT_SHA";

/// Checks every setting that a file names, comments included.
fn check_variable_names(deploy: &Path, programs: &Programs, faults: &mut Faults) {
    let mut known: BTreeSet<_> = programs.values().flat_map(Help::named_variables).collect();
    known.insert(BUILD_VARIABLE.to_owned());
    for path in files(deploy) {
        for name in crate::app::names(&fs::read_to_string(&path).unwrap(), "NONO_") {
            faults.check(known.contains(&name), || format!("{}: no program has {name}", path.display()));
        }
    }
}

#[tokio::test]
async fn deployment_files_agree_with_the_programs_and_with_each_other() {
    let faults = check(&root().join("deploy"), &programs().await);
    assert!(faults.found.is_empty(), "{}", faults.found.join("\n"));
    assert!(faults.checks > 350, "only {} checks ran", faults.checks);
}

#[test]
fn rendered_manifests_are_written_for_the_schema_check() {
    let target = root().join("target/manifests");
    fs::create_dir_all(&target).unwrap();
    let mut faults = Faults::new(&root());
    let mut written = 0;
    for (name, folder) in [
        ("base", "base"),
        ("dev", "overlays/dev"),
        ("production", "overlays/production"),
        ("tls", "overlays/tls"),
        ("oidc", "overlays/oidc"),
    ] {
        let overlay = kustomize::Overlay::read(&root().join("deploy/kubernetes").join(folder), &mut faults);
        written += overlay.objects.len();
        // JSON is YAML, and one object a line is short.
        let objects = overlay.objects.iter().map(|(_, object)| format!("---\n{object}\n"));
        fs::write(target.join(format!("{name}.yaml")), objects.collect::<String>()).unwrap();
    }
    assert!(faults.found.is_empty(), "{}", faults.found.join("\n"));
    assert!(written > 40, "{written} objects");
}

#[tokio::test]
async fn each_kind_of_fault_is_reported() {
    let programs = programs().await;
    let mut missed = Vec::new();
    for example in faults::EXAMPLES {
        let copy = tempfile::tempdir().unwrap();
        example.apply(&root(), copy.path());
        let found = check(&copy.path().join("deploy"), &programs).found;
        if !found.iter().any(|fault| fault.contains(example.report)) {
            missed.push(format!("{example:?}: {found:#?}"));
        }
    }
    assert!(missed.is_empty(), "not reported:\n{}", missed.join("\n"));
}
