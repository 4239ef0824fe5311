//! Properties of the parsers of this crate for arbitrary input. They are compiled for tests, which check them with the seeds in
//! `fuzz/seeds`, and with the feature `fuzzing`, for the programs in `fuzz/` (see CONTRIBUTING.md). They panic if a property does
//! not hold.

mod json_body;
mod query;

pub use crate::auth::fuzzing::{cookie, forwarded};
pub use json_body::json_body;
pub use query::query;

use crate::error::Problem;
use nono_proto::VIOLATIONS_MAX_BYTES;

/// Maximum size of an error without its violations.
const PROBLEM_BYTES: usize = 2048;

/// Checks that an error is the client's, and that a short request does not cause a long one.
fn check_problem(problem: &Problem) {
    assert_eq!(problem.status(), 400);
    let text = serde_json::to_string(problem).expect("a problem is JSON");
    // The violations are in the detail and in a list, and a character may take six bytes in JSON.
    assert!(text.len() <= 12 * VIOLATIONS_MAX_BYTES + PROBLEM_BYTES, "{} bytes", text.len());
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// A function that checks the properties of a parser for an input.
    type Target = fn(&[u8]);

    #[test]
    fn seeds_have_the_properties() {
        let targets: [(&str, Target); 4] = [
            ("cookie", super::cookie),
            ("forwarded", super::forwarded),
            ("json_body", super::json_body),
            ("query", super::query),
        ];
        for (name, target) in targets {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(name);
            let seeds: Vec<_> = fs::read_dir(&folder).unwrap().map(|seed| seed.unwrap().path()).collect();
            assert!(seeds.len() >= 3, "{name} has {} seeds", seeds.len());
            seeds.iter().for_each(|seed| target(&fs::read(seed).unwrap()));
        }
    }
}
