//! Flags, variables and defaults of a program, read from its `--help`.

use super::Program;
use std::collections::BTreeSet;

/// The text of a command's `--help`.
pub struct Help(pub String);

impl Help {
    pub async fn of(program: &str, arguments: &[&str]) -> Self {
        let (code, text, _) = Program::run(program, &[arguments, &["--help"]].concat(), &[]).await;
        assert_eq!(code, Some(0), "{program} --help");
        Self(text)
    }

    /// Returns the flags: the first words of the lines that start with one.
    pub fn flags(&self) -> BTreeSet<String> {
        let lines = self.0.lines().map(str::trim_start);
        let lines = lines.map(|line| line.trim_start_matches("-h, ").trim_start_matches("-V, "));
        lines
            .filter(|line| line.starts_with("--"))
            .map(|line| names(line, "--").pop_first().unwrap())
            .collect()
    }

    /// Returns the variables of flags.
    pub fn variables(&self) -> BTreeSet<String> {
        let values = self.0.split("[env: ").skip(1);
        values.map(|rest| rest.split(['=', ']']).next().unwrap().to_owned()).collect()
    }

    /// Returns every variable that the text names: those of flags, and those that name the file of a secret.
    pub fn named_variables(&self) -> BTreeSet<String> {
        names(&self.0, "NONO_")
    }

    /// Returns each flag with its default value, if it has one.
    pub fn defaults(&self) -> Vec<(String, Option<String>)> {
        // An option ends where the next one begins.
        let options = self.0.split("\n      --").skip(1);
        let default = |option: &str| {
            Some(option.split("[default: ").nth(1)?.split(']').next()?.trim_matches('"').to_owned())
        };
        let flag = |option: &str| format!("--{}", option.split([' ', '\n']).next().unwrap());
        options.map(|option| (flag(option), default(option))).collect()
    }

    pub fn default(&self, flag: &str) -> Option<String> {
        self.defaults().into_iter().find(|(name, _)| name == flag)?.1
    }
}

/// Returns every word of a text that starts with `prefix` and continues with characters of a name.
pub fn names(text: &str, prefix: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let words = text.split(|c| !is_name(c));
    let words = words.map(|word| word.trim_end_matches(['-', '_']));
    words.filter(|word| word.starts_with(prefix) && word.len() > prefix.len()).map(str::to_owned).collect()
}
