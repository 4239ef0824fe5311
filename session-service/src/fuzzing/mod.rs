//! Properties of the parsers of this crate for arbitrary input. They are compiled for tests, which check them with the seeds in
//! `fuzz/seeds`, and with the feature `fuzzing`, for the programs in `fuzz/` (see CONTRIBUTING.md). They panic if a property does
//! not hold.

mod authorization;
mod callers;

pub use crate::{
    grpc::fuzzing::{history_page, metadata, page_token},
    model::model_stream,
    store::redis::fuzzing::keys,
};
pub use authorization::authorization;
pub use callers::callers;

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// A function that checks the properties of a parser for an input.
    type Target = fn(&[u8]);

    #[test]
    fn seeds_have_the_properties() {
        let targets: [(&str, Target); 7] = [
            ("authorization", super::authorization),
            ("callers", super::callers),
            ("history_page", super::history_page),
            ("keys", super::keys),
            ("metadata", super::metadata),
            ("model_stream", super::model_stream),
            ("page_token", super::page_token),
        ];
        for (name, target) in targets {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(name);
            let seeds: Vec<_> = fs::read_dir(&folder).unwrap().map(|seed| seed.unwrap().path()).collect();
            assert!(seeds.len() >= 3, "{name} has {} seeds", seeds.len());
            seeds.iter().for_each(|seed| target(&fs::read(seed).unwrap()));
        }
    }
}
