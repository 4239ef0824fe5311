//! What is absent on purpose: "this folder must not name these".

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
        &["gateway/src/error", "gateway/src/routes/mod.rs"],
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

/// Folders whose comments are written in standard terms. The others follow.
const REWRITTEN: [&str; 5] =
    ["proto", "runtime/src", "gateway/src", "session-service/src", "session-service/tests"];

#[test]
fn at_most_two_percent_of_doc_lines_begin_with_a_question_word() {
    let (mut lines, mut questions) = (0, Vec::new());
    for (path, text) in REWRITTEN.into_iter().flat_map(sources) {
        for line in text.lines().map(str::trim_start) {
            let Some(doc) = line.strip_prefix("/// ").or(line.strip_prefix("//! ")) else { continue };
            lines += 1;
            let first = doc.split_whitespace().next().unwrap_or_default();
            if ["What", "Whether", "Where", "How", "Which", "Who"].contains(&first) {
                questions.push(format!("{}: {doc}", path.display()));
            }
        }
    }
    assert!(lines > 400, "{lines} lines of documentation were found");
    assert!(questions.len() * 50 <= lines, "{} of {lines}:\n{}", questions.len(), questions.join("\n"));
}

#[test]
fn comments_use_the_terms_of_the_field() {
    let words = [
        "for ever",
        "anew",
        "whoever",
        "nobody",
        "somebody",
        "everybody",
        "beget",
        "mend",
        "so many",
        "answers",
        "moment",
    ];
    let mut found = Vec::new();
    for (path, text) in REWRITTEN.into_iter().flat_map(sources) {
        for (number, line) in (1..).zip(text.lines()) {
            let comment = line.split_once("//").map_or("", |(_, comment)| comment).to_lowercase();
            let comment = comment.split(|c: char| !c.is_alphanumeric()).collect::<Vec<_>>().join(" ");
            if let Some(word) =
                words.iter().find(|word| format!(" {comment} ").contains(&format!(" {word} ")))
            {
                found.push(format!("{}:{number}: {word:?} in {line}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "words that the field would not use:\n{}", found.join("\n"));
}
