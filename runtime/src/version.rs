//! Version of the programs.

use std::sync::LazyLock;

/// Commit of the build. A build that passes none has none: it cannot know if its files are those of a commit.
const GIT_SHA: Option<&str> = option_env!("NONO_GIT_SHA");

static VERSION: LazyLock<String> = LazyLock::new(|| describe(env!("CARGO_PKG_VERSION"), GIT_SHA));

/// Returns the version, with the commit if `NONO_GIT_SHA` was set at build time.
pub fn version() -> &'static str {
    &VERSION
}

fn describe(version: &str, commit: Option<&str>) -> String {
    match commit.map(str::trim).filter(|commit| !commit.is_empty()) {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_is_shown_if_the_build_knows_it() {
        assert_eq!(describe("1.2.3", Some("0a1b2c3")), "1.2.3 (0a1b2c3)");
        assert_eq!(describe("1.2.3", Some("")), "1.2.3");
        assert_eq!(describe("1.2.3", None), "1.2.3");
    }
}
