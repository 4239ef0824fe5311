//! Personas: the built-in ones, or those of a file.

use serde::Deserialize;
use std::collections::HashSet;

/// Key of the default persona.
const DEFAULT: &str = "default";

/// The configured personas in their order.
#[derive(Debug)]
pub struct Personas(Vec<Persona>);

/// A persona of the assistant.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Persona {
    /// Key for Create.
    pub key: String,
    /// Display name.
    pub name: String,
    /// Role of the assistant.
    pub role: String,
    /// Purpose of the persona.
    pub description: String,
    /// Tags for search.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Sampling temperature: 0 to 2.
    pub temperature: f32,
    /// Maximum length of a reply in tokens.
    pub max_tokens: u32,
    /// System prompt. Never shown to callers.
    pub system_prompt: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    persona: Vec<Persona>,
}

impl Personas {
    /// Returns the four built-in personas.
    pub fn built_in() -> Self {
        Self::parse(include_str!("personas.toml")).expect("the built-in file is tested")
    }

    /// Parses the text of a TOML file. The error is one sentence.
    pub fn parse(toml: &str) -> Result<Self, String> {
        let File { persona: personas } = toml::from_str(toml).map_err(|error| {
            let line = error.span().map_or(1, |span| toml[..span.start].matches('\n').count() + 1);
            format!("line {line}: {}", unquoted(error.message()))
        })?;
        let mut keys = HashSet::new();
        for persona in &personas {
            check(persona).map_err(|wrong| format!("persona {:?}: {wrong}", persona.key))?;
            if !keys.insert(&persona.key) {
                return Err(format!("persona {:?} is there twice", persona.key));
            }
        }
        if !keys.contains(&DEFAULT.to_owned()) {
            return Err(format!("there is no persona with the key {DEFAULT:?}"));
        }
        Ok(Self(personas))
    }

    /// Returns the persona with this key; the empty key is the default one.
    pub fn resolve(&self, key: &str) -> Result<&Persona, String> {
        let key = if key.is_empty() { DEFAULT } else { key };
        self.get(key).ok_or_else(|| {
            let known: Vec<_> = self.0.iter().map(|persona| persona.key.as_str()).collect();
            format!("is not a known persona; use one of {}", known.join(", "))
        })
    }

    /// Returns the persona with this key, if it is configured.
    pub fn get(&self, key: &str) -> Option<&Persona> {
        self.0.iter().find(|persona| persona.key == key)
    }

    /// Key of the default persona.
    pub fn default(&self) -> &Persona {
        self.get(DEFAULT).expect("it was looked for when they were parsed")
    }

    /// Returns the personas in the configured order.
    pub fn iter(&self) -> impl Iterator<Item = &Persona> {
        self.0.iter()
    }
}

/// Returns the message on one line, without the values that it quotes: they may be a system prompt.
fn unquoted(message: &str) -> String {
    let message = message.lines().collect::<Vec<_>>().join(", ");
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => format!("{}...{}", &message[..=first], &message[last..]),
        _ => message,
    }
}

fn check(persona: &Persona) -> Result<(), String> {
    let is_key = |text: &str| {
        (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    if !is_key(&persona.key) {
        return Err("the key must be 1 to 64 letters, digits, underscores, hyphens or full stops".into());
    }
    if persona.name.trim().is_empty() || persona.system_prompt.trim().is_empty() {
        return Err("name and system_prompt must not be empty".into());
    }
    if !(0.0..=2.0).contains(&persona.temperature) {
        return Err(format!("temperature must be between 0 and 2, not {}", persona.temperature));
    }
    if !(1..=32_768).contains(&persona.max_tokens) {
        return Err(format!("max_tokens must be between 1 and 32768, not {}", persona.max_tokens));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_four_built_in_personas() {
        let personas = Personas::built_in();
        let keys: Vec<_> = personas.iter().map(|persona| persona.key.as_str()).collect();
        assert_eq!(keys, ["default", "mental_health_nurse", "technical_support", "creative_writer"]);
        assert_eq!(personas.resolve("").unwrap().name, "Default Assistant");
        assert!(personas.resolve("pirate").unwrap_err().contains("creative_writer"));
    }

    #[test]
    fn invalid_files_are_rejected_with_one_sentence() {
        let good = include_str!("personas.toml");
        for (from, to, expected) in [
            ("key = \"default\"", "key = \"other\"", "there is no persona with the key \"default\""),
            ("key = \"creative_writer\"", "key = \"default\"", "persona \"default\" is there twice"),
            (
                "temperature = 0.7",
                "temperature = 7",
                "persona \"default\": temperature must be between 0 and 2, not 7",
            ),
            ("max_tokens = 768", "max_tokens = 0", "max_tokens must be between 1 and 32768, not 0"),
            ("key = \"default\"", "key = \"a b\"", "the key must be"),
            ("tags = [\"general\"", "tgas = [\"general\"", "line 8: unknown field `tgas`"),
            ("[[persona]]", "[[persona]", "line 3: "),
            (
                "temperature = 0.7",
                "temperature = \"my \\\"canary\\\" prompt\"",
                "invalid type: string \"...\"",
            ),
            ("system_prompt = \"\"\"", "system_prompt = 3 #canary", "line "),
        ] {
            let error = Personas::parse(&good.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(expected) && !error.contains("canary"), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
