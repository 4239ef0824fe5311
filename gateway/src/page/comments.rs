//! Removes comments from the page's own files. They are a quarter of their compressed size and are of no use to a browser.

/// Returns `true` if comments are removed from the file. Vendored files keep their licence notices.
pub(super) fn are_removed_from(name: &str) -> bool {
    (name.starts_with("js/") && name.ends_with(".js")) || (name.starts_with("css/") && name.ends_with(".css"))
}

/// Removes comments that fill their lines, and types within a line (`/** @type {string} */`). Line breaks remain, so that errors
/// in the browser have the line numbers of the source. A unit test of the page rejects strings that look like a comment.
pub(super) fn remove(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut is_in_block = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if is_in_block {
            is_in_block = !trimmed.ends_with("*/");
        } else if trimmed.starts_with("/*") && !trimmed.contains("*/") {
            is_in_block = true;
        } else if !(trimmed.starts_with("//") || is_one_comment(trimmed)) {
            code.push_str(&without_types(line));
        }
        code.push('\n');
    }
    code
}

fn is_one_comment(line: &str) -> bool {
    line.starts_with("/*") && line.find("*/") == line.len().checked_sub(2)
}

fn without_types(line: &str) -> String {
    let mut code = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("/** @") {
        let Some((_, after)) = after.split_once("*/ ") else { break };
        code.push_str(before);
        rest = after;
    }
    code.push_str(rest);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_removed_and_code_and_line_numbers_remain() {
        let source = "// Module.\n\n/**\n * Adds.\n */\nexport const add = (/** @type {number} */ a, /** @type {number} */ b) => a + b; // sum\n  /* one */\nconst url = 'http://x'; /* kept */ f();\n";
        let code = "\n\n\n\n\nexport const add = (a, b) => a + b; // sum\n\nconst url = 'http://x'; /* kept */ f();\n";
        assert_eq!(remove(source), code);
    }

    #[test]
    fn vendored_files_keep_their_comments() {
        assert!(are_removed_from("js/core/api.js") && are_removed_from("css/tokens.css"));
        assert!(!are_removed_from("vendor/marked/marked.js") && !are_removed_from("index.html"));
    }
}
