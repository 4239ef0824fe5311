//! The documents, compared with the programs, the contract and the tree.

mod contract;
mod metrics;
mod openapi;
mod references;
mod settings;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders that hold no sources of ours.
const FOREIGN: [&str; 5] = [".git", "node_modules", "target", "test-results", "vendor"];

/// A document, or the comments of a deployment file.
struct Document {
    /// The path below the root.
    path: String,
    text: String,
}

impl Document {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let is_markdown = path.extension().is_some_and(|extension| extension == "md");
        let comments =
            |line: &str| line.split_once('#').map_or(String::new(), |(_, comment)| comment.to_owned());
        let text = if is_markdown { text } else { text.lines().map(comments).collect::<Vec<_>>().join("\n") };
        Self { path: relative(path), text }
    }

    /// Returns each line outside of code blocks, with its number.
    fn prose(&self) -> Vec<(usize, &str)> {
        let mut is_code = false;
        let lines = (1..).zip(self.text.lines());
        lines
            .filter(|(_, line)| {
                let is_fence = line.trim_start().starts_with("```");
                is_code ^= is_fence;
                !is_code && !is_fence
            })
            .collect()
    }

    /// Returns the texts between backticks in the prose, with their lines.
    fn code_spans(&self) -> Vec<(usize, &str)> {
        let mut found = Vec::new();
        for (number, line) in self.prose() {
            found.extend(line.split('`').skip(1).step_by(2).map(|span| (number, span)));
        }
        found
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()
}

/// Returns every file and folder of the repository.
pub fn tree() -> Vec<PathBuf> {
    fn add(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if !FOREIGN.contains(&name) {
                if path.is_dir() {
                    add(&path, found);
                }
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    add(&root(), &mut found);
    found
}

/// Returns all documents: Markdown files, and the comments of deployment files.
fn documents() -> Vec<Document> {
    let is_document = |path: &PathBuf| {
        let is_markdown = path.extension().is_some_and(|extension| extension == "md");
        is_markdown || (path.starts_with(root().join("deploy")) && path.is_file())
    };
    let documents: Vec<_> =
        tree().iter().filter(|path| is_document(path)).map(|path| Document::read(path)).collect();
    assert!(documents.len() > 25, "only {} documents were found", documents.len());
    documents
}

/// Returns the text of one document.
fn document(path: &str) -> String {
    Document::read(&root().join(path)).text
}
