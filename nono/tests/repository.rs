//! Versions, tools and dependencies that are named in more than one file of the repository.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const MEMBERS: [&str; 6] = [".", "session-service", "gateway", "runtime", "nono", "testkit"];
/// The folders with a member's sources.
const SOURCES: [&str; 6] = ["src", "tests", "benches", "proto", "build.rs", "../examples"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the text between two others.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("no {start:?}")).1;
    rest.split_once(end).unwrap_or_else(|| panic!("no {end:?} after {start:?}")).0
}

fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().unwrap_or_else(|_| panic!("{text} is not a version"))).collect()
}

#[test]
fn the_toolchain_has_one_version_in_all_files() {
    let file = read("rust-toolchain.toml");
    let toolchain = between(&file, "channel = \"", "\"");
    assert_eq!(version(toolchain).len(), 3, "{toolchain} is not a release of Rust");
    let dockerfile = read("deploy/Dockerfile");
    assert_eq!(between(&dockerfile, "FROM rust:", "-"), toolchain, "the Dockerfile has another version");
    let manifest = read("Cargo.toml");
    let oldest = between(&manifest, "rust-version = \"", "\"");
    assert!(version(oldest) <= version(toolchain), "rust-version {oldest} is newer than {toolchain}");
    // The workflow takes both versions from these files.
    let workflow = read(".github/workflows/ci.yml");
    assert!(workflow.contains("run: rustup toolchain install\n"), "the workflow installs another toolchain");
    assert!(workflow.contains("s/^rust-version = "), "the workflow does not build with rust-version");
    assert!(!workflow.contains(toolchain) && !workflow.contains(&format!("\"{oldest}")));
}

#[test]
fn actions_are_pinned_to_commits() {
    let mut pinned = 0;
    for entry in fs::read_dir(root().join(".github/workflows")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for action in text.lines().filter_map(|line| line.split_once("uses: ")).map(|(_, action)| action) {
            let (commit, tag) = between(&format!("{action}\n"), "@", "\n").split_once(" # v").map_or_else(
                || panic!("{action} is not pinned to a commit with its tag in a comment"),
                |(commit, tag)| (commit.to_owned(), tag.to_owned()),
            );
            assert!(commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()), "{action}");
            assert_eq!(version(&tag).len(), 3, "{action}");
            pinned += 1;
        }
    }
    assert!(pinned >= 5, "{pinned} actions");
}

/// Returns the names in the dependency tables of a manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut is_table = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_table = line.ends_with("dependencies]") && line != "[workspace.dependencies]";
        } else if is_table
            && let Some(name) = line.split([' ', '.', '=']).next()
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            names.insert(name.to_owned());
        }
    }
    names
}

fn source_text(path: &Path) -> String {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap().map(|entry| source_text(&entry.unwrap().path()));
        return entries.collect();
    }
    let is_source = path.is_file() && path.extension().is_some_and(|extension| extension == "rs");
    if is_source { fs::read_to_string(path).unwrap() } else { String::new() }
}

#[test]
fn every_dependency_is_used() {
    let (mut used, mut wrong) = (BTreeSet::new(), Vec::new());
    for member in MEMBERS {
        let folder = root().join(member);
        let names = dependencies(&fs::read_to_string(folder.join("Cargo.toml")).unwrap());
        assert!(names.len() >= 5, "{member}: {names:?}");
        let text: String = SOURCES.iter().map(|path| source_text(&folder.join(path))).collect();
        for name in &names {
            let path = name.replace('-', "_");
            let is_named = text.contains(&format!("{path}::")) || text.contains(&format!("use {path}"));
            if !is_named {
                wrong.push(format!("{member}: {name} is not used"));
            }
        }
        used.extend(names);
    }
    let manifest = read("Cargo.toml");
    let workspace = between(&manifest, "[workspace.dependencies]\n", "\n[workspace.lints");
    for name in workspace.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name) {
        if !used.contains(name) {
            wrong.push(format!("no member uses the workspace dependency {name}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn everything_that_the_tests_install_is_listed_in_contributing() {
    let text = read("CONTRIBUTING.md");
    let script = read("tests/install");
    let debian = script.lines().filter_map(|line| line.trim().strip_prefix("missing_unless "));
    let debian = debian.map(|line| line.split(' ').next().unwrap().to_owned());
    let python = read("tests/requirements.txt");
    let python = python.lines().filter_map(|line| line.split_once("==")).map(|(name, _)| name.to_owned());
    let mut packages: Vec<String> = debian.chain(python).collect();
    for folder in ["browser", "contract"] {
        let manifest: serde_json::Value =
            serde_json::from_str(&read(&format!("tests/{folder}/package.json"))).unwrap();
        packages.extend(manifest["devDependencies"].as_object().unwrap().keys().cloned());
    }
    assert!(packages.len() >= 13, "{packages:?}");
    for package in packages {
        assert!(text.contains(&format!("`{package}`")), "CONTRIBUTING.md does not list {package}");
    }
}
