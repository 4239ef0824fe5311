//! Paths and links in the documents lead to files and headings that exist.

use super::{Document, documents, relative, tree};
use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

/// Extensions by which a name is a file's.
const EXTENSIONS: [&str; 12] =
    ["css", "html", "js", "json", "lua", "md", "proto", "py", "rs", "toml", "yaml", "yml"];
/// Media types and other things that look like paths.
const NO_PATHS: [&str; 6] =
    ["application/", "text/", "nono/gateway", "nono/session-service", "nono.", "grpc."];
/// Files and folders that programs create.
const CREATED: [&str; 8] = [
    "long.json",
    "results/",
    "screenshots/",
    "speed.json",
    "target/python",
    "tests/browser/node_modules",
    "tests/contract/node_modules",
    "weight.json",
];

/// Returns `true` if a code span is written like a path: with a slash, or with a known extension.
fn is_path(span: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-./*".contains(c);
    let has_extension =
        span.rsplit_once('.').is_some_and(|(name, end)| !name.is_empty() && EXTENSIONS.contains(&end));
    span.chars().all(is_name)
        && !span.starts_with(['/', '.', '*'])
        && !NO_PATHS.iter().any(|prefix| span.starts_with(prefix))
        && (has_extension || span.contains('/') && !span.starts_with(|c: char| c.is_ascii_digit()))
        && !CREATED.contains(&span)
}

/// Returns `true` if a name fits a pattern with at most one `*`.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
        None => pattern == name,
    }
}

/// Returns `true` if a file or folder exists at the path, or below a folder: `error/grpc.rs` names
/// `gateway/src/error/grpc.rs`, and so does `error/grpc`. Tests have to be named from the root.
fn exists(span: &str, tree: &[PathBuf]) -> bool {
    let wanted: Vec<_> = span.trim_end_matches('/').split('/').collect();
    let fits_end = |path: &&PathBuf| {
        let relative = relative(path);
        let parts: Vec<_> = relative.split('/').collect();
        let Some(skipped) = parts.len().checked_sub(wanted.len()) else { return false };
        let is_test = parts[..skipped].contains(&"tests");
        (skipped == 0 || !is_test)
            && parts[skipped..]
                .iter()
                .zip(&wanted)
                .all(|(part, wanted)| fits(wanted, part) || part.strip_suffix(".rs") == Some(wanted))
            && (!span.ends_with('/') || path.is_dir())
    };
    tree.iter().any(|path| fits_end(&path))
}

#[test]
fn every_path_in_a_document_exists() {
    let tree = tree();
    let (mut checked, mut missing) = (0, Vec::new());
    for document in documents() {
        for (line, span) in document.code_spans().into_iter().filter(|(_, span)| is_path(span)) {
            checked += 1;
            let beside = Path::new(&document.path).parent().unwrap().join(span);
            if !exists(span, &tree) && !exists(beside.to_str().unwrap(), &tree) {
                missing.push(format!("{}:{line}: {span}", document.path));
            }
        }
    }
    assert!(missing.is_empty(), "paths that do not exist:\n{}", missing.join("\n"));
    assert!(checked > 70, "only {checked} paths were found");
}

/// Returns the anchors of a document's headings, as GitHub forms them.
fn anchors(document: &Document) -> BTreeSet<String> {
    let headings = document.prose().into_iter().filter(|(_, line)| line.starts_with('#'));
    let anchor = |line: &str| {
        let text = line.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(|(_, line)| anchor(line)).collect()
}

/// Resolves `..` without asking the file system.
fn normalize(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(part) => parts.push(part.to_str().unwrap()),
            _ => {}
        }
    }
    parts.join("/")
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let (tree, documents) = (tree(), documents());
    let paths: BTreeSet<_> = tree.iter().map(|path| relative(path)).collect();
    let (mut checked, mut broken) = (0, Vec::new());
    for document in &documents {
        for (line, text) in document.prose() {
            let targets = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
            for target in targets.filter(|target| !target.contains("://")) {
                checked += 1;
                let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
                let path = match file {
                    "" => document.path.clone(),
                    file => normalize(&Path::new(&document.path).parent().unwrap().join(file)),
                };
                let has_anchor = anchor.is_empty()
                    || documents.iter().any(|other| other.path == path && anchors(other).contains(anchor));
                if !paths.contains(&path) || !has_anchor {
                    broken.push(format!("{}:{line}: {target}", document.path));
                }
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
    assert!(checked > 30, "only {checked} links were found");
}

#[test]
fn stale_paths_are_recognized() {
    let tree = tree();
    for path in
        ["nono/tests/main.rs", "main.rs", "kubernetes/base", "documents/", "kubernetes/*/gateway.yaml"]
    {
        assert_eq!(exists(path, &tree), path != "documents/", "{path}");
    }
    for path in [
        "deploy/check.py",
        "gateway/src/extract.rs",
        "base.md",
        "documents/",
        "kubernetes/base/gateway.yaml/",
    ] {
        assert!(is_path(path) && !exists(path, &tree), "{path}");
    }
    for text in ["application/json", "nono.session.v1.SessionService/Create", "/health", "x.y", "a b.rs"] {
        assert!(!is_path(text), "{text}");
    }
}
