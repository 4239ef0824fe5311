//! Settings as the documents name them, compared with those that the programs have.

use super::{document, documents};
use crate::app::{Help, Program, names};
use std::{collections::BTreeSet, fs};

/// Commands whose `--help` is the list of settings.
const COMMANDS: [(&str, &[&str]); 4] =
    [("nono", &[]), ("session-service", &[]), ("session-service", &["doctor"]), ("gateway", &[])];
/// Variables of the build.
const BUILD_VARIABLES: [&str; 1] = ["NONO_GIT_SHA"];
/// Flags of other programs that the documents show: cargo, docker, kubectl, curl, node, redis-cli, buf, and of the example client.
const OTHER_FLAGS: [&str; 30] = [
    "--bench",
    "--bin",
    "--build",
    "--build-arg",
    "--ca",
    "--cacert",
    "--cert",
    "--client-cert",
    "--client-key",
    "--detach",
    "--example",
    "--fail-with-body",
    "--follow",
    "--from-file",
    "--key",
    "--key-file",
    "--latency",
    "--max-time",
    "--owner",
    "--pattern",
    "--profile",
    "--protocol",
    "--reflect-header",
    "--release",
    "--scan",
    "--target",
    "--test",
    "--volumes",
    "--wait",
    "--workspace",
];
/// Variables of the tests.
const TEST_VARIABLES: [&str; 3] = ["NONO_BIN", "NONO_LOCALE", "NONO_SCRIPTED"];
/// Variables that are no setting of a flag: each names the file of a secret.
const FILE_VARIABLES: [&str; 4] = [
    "NONO_STORE_FILE",
    "NONO_STORE_SENTINEL_PASSWORD_FILE",
    "NONO_MODEL_API_KEY_FILE",
    "NONO_LOG_FILTER_FILE",
];

async fn helps() -> Vec<Help> {
    let mut helps = Vec::new();
    for (program, arguments) in COMMANDS {
        helps.push(Help::of(program, arguments).await);
    }
    helps
}

#[tokio::test]
async fn every_flag_and_variable_in_a_document_exists() {
    let helps = helps().await;
    let known_flags: BTreeSet<_> = helps.iter().flat_map(Help::flags).collect();
    let mut known_variables: BTreeSet<_> = helps.iter().flat_map(Help::variables).collect();
    known_variables.extend(FILE_VARIABLES.map(str::to_owned));
    let (mut checked, mut unknown, mut seen) = (0, Vec::new(), BTreeSet::new());
    for document in documents() {
        // The arrows of a diagram are no flags.
        let lines: Vec<_> = document.text.lines().filter(|line| !line.contains("-->")).collect();
        let text = lines.join("\n");
        // `--store-...` in a text stands for several flags.
        seen.extend(names(&text, "--"));
        let flags = names(&text, "--").into_iter();
        let flags = flags.filter(|flag| !OTHER_FLAGS.contains(&flag.as_str()));
        let variables = names(&text, "NONO_").into_iter();
        let others = [&TEST_VARIABLES[..], &BUILD_VARIABLES[..]].concat();
        let variables = variables.filter(|variable| !others.contains(&variable.as_str()));
        for name in flags.chain(variables) {
            checked += 1;
            if !known_flags.contains(&name) && !known_variables.contains(&name) {
                unknown.push(format!("{}: {name}", document.path));
            }
        }
    }
    for flag in OTHER_FLAGS {
        assert!(seen.contains(flag), "no document names {flag}: remove it from the list");
    }
    assert!(unknown.is_empty(), "names that no program has:\n{}", unknown.join("\n"));
    assert!(checked > 70, "only {checked} were found");
}

#[tokio::test]
async fn every_flag_and_variable_is_in_the_operations_document() {
    let text = document("docs/operations.md");
    let (documented_flags, documented_variables) = (names(&text, "--"), names(&text, "NONO_"));
    for help in helps().await {
        for flag in help.flags() {
            let is_common = ["--help", "--version"].contains(&flag.as_str());
            assert!(is_common || documented_flags.contains(&flag), "{flag} is not in operations.md");
        }
        for variable in help.variables().into_iter().chain(FILE_VARIABLES.map(str::to_owned)) {
            assert!(documented_variables.contains(&variable), "{variable} is not in operations.md");
        }
    }
}

#[tokio::test]
async fn every_documented_default_is_the_default_of_the_program() {
    let text = document("docs/operations.md");
    let mut compared = 0;
    for (help, (program, _)) in helps().await.iter().zip(COMMANDS) {
        for (flag, default) in help.defaults() {
            let Some(default) = default else { continue };
            let row = text.lines().find(|line| line.starts_with(&format!("| `{flag}`")));
            let (Some(row), false) = (row, default.contains(' ')) else { continue };
            assert!(row.contains(&default), "the default of {program} {flag} is {default}, and not in {row}");
            compared += 1;
        }
    }
    assert!(compared >= 15, "{compared} defaults were compared");
}

#[tokio::test]
async fn an_empty_variable_counts_as_unset() {
    for (help, (program, arguments)) in helps().await.iter().zip(COMMANDS) {
        let variables = help.variables();
        assert!(variables.len() >= 6, "{program}: {variables:?}");
        let mut environment: Vec<_> = variables.iter().map(|variable| (variable.as_str(), "")).collect();
        environment.extend(FILE_VARIABLES.map(|variable| (variable, "")));
        environment.extend([("RUST_LOG", ""), ("OTEL_EXPORTER_OTLP_ENDPOINT", "")]);
        // A wrong value ends the program, so each is tried with a program that ends by itself.
        let arguments = [arguments, &["--help"]].concat();
        let (code, empty, err) = Program::run(program, &arguments, &environment).await;
        assert_eq!((code, err.as_str()), (Some(0), ""), "{program}");
        assert_eq!(
            names(&empty, "NONO_"),
            help.named_variables(),
            "{program} --help names the same variables"
        );
        let taken = crate::app::bind().await;
        let taken = taken.local_addr().unwrap().to_string();
        let arguments: &[&str] = match program {
            "nono" => {
                &["--http-listen", &taken, "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
            }
            "gateway" => &["--http-listen", &taken, "--admin-listen", "127.0.0.1:0"],
            _ => &["--store", "memory:", "--grpc-listen", &taken, "--admin-listen", "127.0.0.1:0"],
        };
        // Settings are complete when the program tries to listen.
        let (code, _, err) = Program::run(program, arguments, &environment).await;
        assert!(code == Some(1) && err.contains("cannot listen on"), "{program}: {err}");
    }
}

#[tokio::test]
async fn the_file_of_a_secret_is_used_if_its_variable_is_empty() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "redis://host:notaport").unwrap();
    let environment = [("NONO_STORE", ""), ("NONO_STORE_FILE", file.path().to_str().unwrap())];
    let (code, _, err) = Program::run("session-service", &[], &environment).await;
    assert!(code == Some(2) && err.contains("--store <URL>: it must be of one of the forms"), "{err}");
}
