//! Built-in demo replies for a first look without a model. They say that they are demo replies.

use super::{FinishReason, Model, ModelError, Prompt, ReplyEvent, ReplyStream};
use crate::domain::Role;
use async_trait::async_trait;
use futures_util::stream;
use std::{collections::VecDeque, time::Duration};

/// Maximum length of a quotation of the user's message.
const EXCERPT_MAX_CHARS: usize = 60;
/// Introduction of the first reply of a session.
const INTRODUCTION: &str = "Hello! This is one of Nono's built-in demo replies: there is no language model behind \
    it, and nothing here understands what you write. To talk to a real one, start Nono with `--model-url` and \
    `--model`, such as `--model-url http://localhost:11434/v1 --model llama3.2` for Ollama.";

/// Replies from a list, by persona and turn, word by word.
#[derive(Clone, Copy, Debug)]
pub struct Demo {
    pause: Duration,
}

impl Demo {
    /// Creates the demo model with this pause between words.
    pub const fn new(pause: Duration) -> Self {
        Self { pause }
    }
}

impl Default for Demo {
    /// Creates the demo model with the pace of a fast typist.
    fn default() -> Self {
        Self::new(Duration::from_millis(25))
    }
}

#[async_trait]
impl Model for Demo {
    fn name(&self) -> &str {
        "built-in demo replies"
    }

    async fn reply(&self, prompt: Prompt) -> Result<ReplyStream, ModelError> {
        let words: VecDeque<String> = write(&prompt).split_inclusive(' ').map(str::to_owned).collect();
        let (pause, end) = (self.pause, Some(ReplyEvent::Finish(FinishReason::Stop)));
        Ok(Box::pin(stream::unfold((words, end), move |(mut words, mut end)| async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let piece = words.pop_front().map(ReplyEvent::Text).or_else(|| end.take())?;
            Some((Ok(piece), (words, end)))
        })))
    }
}

fn write(prompt: &Prompt) -> String {
    let said = prompt.messages.iter().rfind(|message| message.role == Role::User);
    let excerpt = excerpt(said.map_or("", |message| &message.content));
    let replies = replies(prompt.persona.as_str());
    let reply = replies[prompt.earlier_replies % replies.len()].replace("{said}", &excerpt);
    if prompt.earlier_replies == 0 { format!("{INTRODUCTION}\n\n{reply}") } else { reply }
}

/// Returns the beginning of `text` on one line, in quotation marks.
fn excerpt(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT_MAX_CHARS) {
        None => format!("“{line}”"),
        Some((end, _)) => {
            let end = line[..end].rfind(' ').unwrap_or(end);
            format!("“{}…”", &line[..end])
        }
    }
}

/// Replies of each persona in turn; `{said}` is the user's message.
fn replies(persona: &str) -> [&'static str; 3] {
    match persona {
        "mental_health_nurse" => [
            "You wrote {said}. Thank you for putting it into words. I am a demo and not a clinician, so please take \
             what troubles you to somebody who can truly listen. If you or somebody else may be in danger, call \
             your local emergency number or a local crisis line now.",
            "I read {said}. A demo cannot know how that feels, but a slow breath in, and a longer one out, rarely \
             hurts. I am not a clinician: if it is urgent, your local emergency number is the right one to call.",
            "You said {said}. Who could you tell that to today? I am a demo, not a clinician; in an emergency, \
             please call your local emergency number.",
        ],
        "technical_support" => [
            "You reported {said}. A demo cannot look into it, but this is where support would begin:\n\n\
             1. What did you expect, and what happened instead?\n2. What does the error say, word for word?\n\
             3. Which system and version is it?",
            "Noted: {said}. The next step would be to change one thing only, try again, and compare.",
            "On {said}, a real engineer would now ask for the log. Leave passwords and keys out of it.",
        ],
        "creative_writer" => [
            "From {said} a story could begin like this:\n\n> The lamp was still warm when she came in, and nobody \
             had lived there for a year.\n\nA model would go on from here; the demo only opens the door.",
            "Let us turn {said} around: what if the other one tells it, twenty years later, and lies?",
            "{said} has a rhythm. Read it aloud, strike the weakest word, and read it again.",
        ],
        _ => [
            "You said {said}. Your message is stored in this session, and so is this reply: reload the page and \
             both are still here.",
            "I have {said}. That is all a demo can do with it: quote it, stream these words one by one, and store \
             them.",
            "Noted: {said}. With a model behind Nono, its answer would stand here.",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::PersonaKey,
        model::tests::{prompt, read},
        personas::Personas,
    };

    const QUICK: Demo = Demo::new(Duration::ZERO);

    async fn reply(persona: &str, earlier_replies: usize, said: &str) -> String {
        let persona = PersonaKey::new(persona);
        let (texts, end) = read(&QUICK, Prompt { persona, earlier_replies, ..prompt(said) }).await;
        assert_eq!(end, Ok(FinishReason::Stop));
        assert!(texts.len() > 5 && texts.iter().all(|text| !text.is_empty()), "{texts:?}");
        texts.concat()
    }

    #[tokio::test]
    async fn the_first_demo_reply_explains_how_to_configure_a_model() {
        for persona in Personas::built_in().iter() {
            let first = reply(&persona.key, 0, "hello").await;
            assert!(first.contains("no language model behind"), "{first}");
            assert!(first.contains("--model-url http://localhost:11434/v1"), "{first}");
            assert!(!reply(&persona.key, 1, "hello").await.contains("--model-url"));
        }
    }

    #[tokio::test]
    async fn demo_replies_quote_the_message_and_are_deterministic() {
        for persona in ["default", "mental_health_nurse", "technical_support", "creative_writer", "pirate"] {
            for turn in 0..4 {
                let text = reply(persona, turn, "my  cat\nsings").await;
                assert!(text.contains("“my cat sings”"), "{text}");
                assert_eq!(text, reply(persona, turn, "my  cat\nsings").await);
                assert_ne!(text, reply(persona, turn + 1, "my  cat\nsings").await);
            }
        }
    }

    #[tokio::test]
    async fn the_nurse_disclaims_medical_advice_and_points_to_emergency_help() {
        for turn in 0..4 {
            let text = reply("mental_health_nurse", turn, "I feel low").await;
            assert!(text.contains("not a clinician") && text.contains("local emergency number"), "{text}");
        }
    }

    #[test]
    fn long_messages_are_quoted_up_to_a_word_boundary() {
        assert_eq!(excerpt(&"word ".repeat(40)), format!("“{}…”", ["word"; 12].join(" ")));
        assert_eq!(excerpt(&"é".repeat(100)), format!("“{}…”", "é".repeat(60)));
        assert_eq!(excerpt(""), "“”");
    }
}
