//! What is absent on purpose: "this folder must not name these".

use crate::documents::tree;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The Rust files below a folder, or one file, with their text before any `#[cfg(test)]`.
fn sources(path: &str) -> Vec<(PathBuf, String)> {
    let path = root().join(path);
    if path.is_file() {
        let text = fs::read_to_string(&path).unwrap();
        return vec![(path, text.split("#[cfg(test)]").next().unwrap().to_owned())];
    }
    let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.unwrap().path();
        let relative = entry.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        if entry.is_dir() || entry.extension().is_some_and(|extension| extension == "rs") {
            found.extend(sources(&relative));
        }
    }
    found
}

/// Fails for each line of `folder` that names one of `words`, except below the folders or files of `except`. An exception
/// that names none of them fails, too.
fn must_not_name(folder: &str, words: &[&str], except: &[&str]) {
    let mut wrong = Vec::new();
    let mut checked = 0;
    let mut unused: Vec<_> = except.to_vec();
    for (path, text) in sources(folder) {
        let relative = path.strip_prefix(root()).unwrap();
        let lines = (1..).zip(text.lines()).filter(|(_, line)| {
            !line.trim_start().starts_with("//") && words.iter().any(|word| line.contains(word))
        });
        if except.iter().any(|allowed| relative.starts_with(allowed)) {
            if lines.count() > 0 {
                unused.retain(|allowed| !relative.starts_with(allowed));
            }
            continue;
        }
        checked += 1;
        wrong.extend(lines.map(|(number, line)| format!("{}:{number}: {}", relative.display(), line.trim())));
    }
    assert!(checked > 0, "there is nothing to check in {folder}");
    assert!(unused.is_empty(), "exceptions of {folder} for {words:?} that match nothing: {unused:?}");
    assert!(wrong.is_empty(), "{folder} must not name {words:?}:\n{}", wrong.join("\n"));
}

#[test]
fn the_domain_does_no_io_and_knows_no_wire_format_and_no_clock() {
    let words = [
        "tokio",
        "tonic",
        "prost",
        "serde",
        "redis",
        "std::fs",
        "std::net",
        "SystemTime",
        "Instant::now",
        "pb::",
    ];
    must_not_name("session-service/src/domain", &words, &[]);
    must_not_name("session-service/src/domain", &["nono_proto"], &["session-service/src/domain/limits.rs"]);
}

#[test]
fn only_the_edges_name_a_generated_type() {
    let edges = ["session-service/src/grpc", "session-service/src/domain/limits.rs"];
    must_not_name("session-service/src", &["nono_proto", "pb::"], &edges);
    must_not_name("runtime/src", &["nono_proto"], &[]);
}

#[test]
fn only_the_redis_adapter_names_redis() {
    let edges = ["session-service/src/store/redis"];
    must_not_name("session-service/src", &["bb8", "redis::Client", "redis::Script", "EVALSHA"], &edges);
    must_not_name("gateway/src", &["redis", "bb8", "session_service::"], &[]);
    must_not_name("runtime/src", &["redis", "session_service::", "gateway::"], &[]);
}

#[test]
fn only_one_file_spells_a_key() {
    let names = ["session:{", "chat_history", "session_index", "session_move", "session_listing"];
    must_not_name("session-service/src", &names, &["session-service/src/store/redis/keys.rs"]);
}

#[test]
fn only_one_file_per_protocol_builds_an_error() {
    let ours = ["session-service/src/grpc/status.rs"];
    must_not_name("session-service/src", &["Status::with", "Status::new(", "Status::internal"], &ours);
    must_not_name(
        "gateway/src",
        &["application/problem", "StatusCode::BAD", "StatusCode::CONFLICT"],
        &["gateway/src/error", "gateway/src/routes/document.rs"],
    );
}

#[test]
fn only_the_process_reads_the_environment_and_listens_for_signals() {
    for package in ["session-service/src", "gateway/src", "nono/src"] {
        must_not_name(
            package,
            &["env::var", "std::process::exit", "tokio::signal", "try_init", "set_global"],
            &[],
        );
        must_not_name(package, &["static mut", "OnceLock", "lazy_static"], &[]);
    }
}

#[test]
fn the_gateway_drags_no_redis_in() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "-p", "gateway", "-e", "normal", "--prefix", "none"])
        .current_dir(root())
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.contains("axum v"), "{tree}");
    for absent in ["redis v", "bb8 v", "session-service v"] {
        assert!(!tree.lines().any(|line| line.starts_with(absent)), "{absent}");
    }
}

#[test]
fn files_keep_their_size() {
    let mut long = Vec::new();
    for folder in ["proto", "session-service", "gateway", "runtime", "nono", "testkit"] {
        for (path, _) in sources(folder) {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            if lines > 400 {
                long.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "files over 400 lines:\n{}", long.join("\n"));
}

/// Folders with Rust sources whose comments and names of functions are checked.
const REWRITTEN: [&str; 11] = [
    "proto",
    "runtime/src",
    "gateway/src",
    "session-service/src",
    "session-service/tests",
    "session-service/benches",
    "nono/src",
    "nono/tests",
    "nono/benches",
    "testkit",
    "examples",
];
/// Words that this project used for something that has a name in the field.
const BANNED: [&str; 20] = [
    "anew",
    "answers",
    "beget",
    "beside",
    "everybody",
    "for ever",
    "is no more",
    "is told",
    "mend",
    "mends",
    "moment",
    "moments",
    "nobody",
    "place",
    "places",
    "so many",
    "somebody",
    "what is not",
    "who may",
    "whoever",
];
const QUESTION_WORDS: [&str; 6] = ["What", "Whether", "Where", "How", "Which", "Who"];

/// Returns the lowercase words of a text, separated by single spaces, with a space at both ends.
fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    format!(" {} ", words.collect::<Vec<_>>().join(" "))
}

/// Adds a line for each banned word in a text.
fn find_banned(context: &str, text: &str, found: &mut Vec<String>) {
    // A change in place is a term of the field.
    let plain = plain(text).replace(" in place ", " ");
    for word in BANNED.iter().filter(|word| plain.contains(&format!(" {word} "))) {
        found.push(format!("{context}: {word:?} in {}", text.trim()));
    }
}

/// Returns the lines of all documents, and the comments of scripts and settings.
fn prose() -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for path in tree().iter().filter(|path| path.is_file()) {
        let path = path.strip_prefix(root()).unwrap().to_str().unwrap();
        let is_document = path.ends_with(".md");
        let is_settings = [".toml", ".yaml", ".yml", "Dockerfile", "Makefile", ".dockerignore"]
            .iter()
            .any(|end| path.ends_with(end));
        let is_script = [
            "tests/run",
            "tests/install",
            "tests/faults",
            "tests/breaking",
            "tests/dependencies",
            "tests/fuzz",
        ]
        .contains(&path);
        let is_ours = !path.ends_with("personas.toml");
        let Some(text) = fs::read_to_string(root().join(path)).ok().filter(|_| is_ours) else { continue };
        let mut is_code = false;
        for (number, line) in (1..).zip(text.lines()) {
            // Code blocks show commands and output, which are checked where they come from.
            is_code ^= is_document && line.trim_start().starts_with("```");
            let comment = line.split_once('#').map_or("", |(_, comment)| comment);
            let prose = if is_document { line } else { comment };
            if !is_code && (is_document || is_settings || is_script) {
                lines.push((format!("{path}:{number}"), prose.to_owned()));
            }
        }
    }
    assert!(lines.len() > 2000, "only {} lines of prose were found", lines.len());
    lines
}

#[test]
fn at_most_two_percent_of_doc_lines_begin_with_a_question_word() {
    let (mut lines, mut questions) = (0, Vec::new());
    let mut check = |context: String, doc: &str| {
        lines += 1;
        let first = doc.split_whitespace().next().unwrap_or_default();
        if QUESTION_WORDS.contains(&first) {
            questions.push(format!("{context}: {doc}"));
        }
    };
    for (path, text) in REWRITTEN.into_iter().flat_map(sources) {
        for line in text.lines().map(str::trim_start) {
            if let Some(doc) = line.strip_prefix("/// ").or(line.strip_prefix("//! ")) {
                check(path.display().to_string(), doc);
            }
        }
    }
    for (context, line) in prose() {
        // A sentence of a document begins after the marks of a list, a heading or a comment.
        let text = line.trim_start_matches(|c: char| !c.is_alphabetic());
        if !text.is_empty() {
            check(context, text);
        }
    }
    assert!(lines > 2000, "{lines} lines of documentation were found");
    assert!(questions.len() * 50 <= lines, "{} of {lines}:\n{}", questions.len(), questions.join("\n"));
}

#[test]
fn comments_and_test_names_use_the_terms_of_the_field() {
    let mut found = Vec::new();
    for (path, text) in REWRITTEN.into_iter().flat_map(sources) {
        for (number, line) in (1..).zip(text.lines()) {
            let context = format!("{}:{number}", path.display());
            let comment = line.split_once("//").map_or("", |(_, comment)| comment);
            find_banned(&context, comment, &mut found);
            if let Some((_, name)) = line.split_once("fn ") {
                find_banned(&context, name.split('(').next().unwrap(), &mut found);
            }
        }
    }
    assert!(found.is_empty(), "words that the field would not use:\n{}", found.join("\n"));
}

#[test]
fn documents_use_the_terms_of_the_field() {
    let mut found = Vec::new();
    for (context, line) in prose() {
        find_banned(&context, &line, &mut found);
    }
    assert!(found.is_empty(), "words that the field would not use:\n{}", found.join("\n"));
}

#[tokio::test]
async fn help_uses_the_terms_of_the_field() {
    let mut found = Vec::new();
    for (program, arguments) in [
        ("nono", &[][..]),
        ("nono", &["health"]),
        ("session-service", &[]),
        ("session-service", &["doctor"]),
        ("gateway", &[]),
    ] {
        let help = crate::app::Help::of(program, arguments).await.0;
        assert!(help.lines().count() > 5, "{help}");
        for line in help.lines() {
            find_banned(&format!("{program} --help"), line, &mut found);
            let first = line.split_whitespace().next().unwrap_or_default();
            if QUESTION_WORDS.contains(&first) {
                found.push(format!("{program} --help: {line}"));
            }
        }
    }
    assert!(found.is_empty(), "words that the field would not use:\n{}", found.join("\n"));
}
