//! Settings of benchmarks.

use std::path::{Path, PathBuf};

/// Returns the path of a program under test: in the folder of NONO_BENCH_PROGRAMS, or next to another program of this build.
pub fn bench_program(other: &str, name: &str) -> PathBuf {
    match bench_variable("NONO_BENCH_PROGRAMS") {
        Some(folder) => Path::new(&folder).join(name),
        None => Path::new(other).with_file_name(name),
    }
}

/// Returns a variable that sets up a benchmark.
pub fn bench_variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "benchmarks have no command line of their own")]
    std::env::var(name).ok()
}
