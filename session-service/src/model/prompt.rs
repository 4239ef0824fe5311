//! Prompts: the newest messages of a conversation, as many as fit.

use super::limits::CONTEXT_MAX_CHARS;
use crate::{
    domain::{Message, PersonaKey, Role},
    personas::Persona,
};

/// Input of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// Key of the persona.
    pub persona: PersonaKey,
    /// Number of earlier replies in the session, as far as its newest messages show.
    pub earlier_replies: usize,
    /// System prompt.
    pub system: String,
    /// The conversation, oldest first.
    pub messages: Vec<PromptMessage>,
    /// Sampling temperature: 0 to 2.
    pub temperature: f32,
    /// Maximum length of the reply in tokens.
    pub max_tokens: u32,
}

/// A message of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptMessage {
    /// Author of the message.
    pub role: Role,
    /// Text of the message.
    pub content: String,
}

/// Returns the prompt for a reply to the newest of the stored messages `history`, which are oldest first.
///
/// It holds at most `max_messages` messages and [`CONTEXT_MAX_CHARS`] characters of them, and always the last one of
/// the user. A conversation that was shortened does not begin with a reply whose question is gone: many models
/// refuse one that does.
pub fn build_prompt(persona: &Persona, history: &[Message], max_messages: usize) -> Prompt {
    let question = history.iter().rposition(|message| message.role == Role::User);
    let first = first_that_fits(history, question, max_messages);
    let is_whole = first == 0 && unseen(history) == 0;
    let newest = history[first..].iter().skip_while(|message| !is_whole && message.role == Role::Assistant);
    let messages =
        question.filter(|&index| index < first).map(|index| &history[index]).into_iter().chain(newest);
    Prompt {
        persona: PersonaKey::new(&persona.key),
        earlier_replies: earlier_replies(history),
        system: persona.system_prompt.clone(),
        messages: messages.map(prompt_message).collect(),
        temperature: persona.temperature,
        max_tokens: persona.max_tokens,
    }
}

/// Returns the index of the oldest message that fits, reserving space for the question.
fn first_that_fits(history: &[Message], question: Option<usize>, max_messages: usize) -> usize {
    let chars = |message: &Message| message.content.as_str().chars().count();
    let mut used_messages = usize::from(question.is_some());
    let mut used_chars = question.map_or(0, |index| chars(&history[index]));
    let fits = |(index, message): &(usize, &Message)| {
        if Some(*index) == question {
            return true;
        }
        used_messages += 1;
        used_chars += chars(message);
        used_messages <= max_messages && used_chars <= CONTEXT_MAX_CHARS
    };
    history.iter().enumerate().rev().take_while(fits).last().map_or(history.len(), |(index, _)| index)
}

/// Returns the number of messages of the session that are older than `history`.
fn unseen(history: &[Message]) -> usize {
    history.first().map_or(0, |message| message.seq.saturating_sub(1) as usize)
}

fn earlier_replies(history: &[Message]) -> usize {
    unseen(history) / 2 + history.iter().filter(|message| message.role == Role::Assistant).count()
}

fn prompt_message(message: &Message) -> PromptMessage {
    PromptMessage { role: message.role, content: message.content.as_str().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Content, Metadata, Timestamp},
        personas::Personas,
    };

    /// Returns messages from `first` on: `u`, `a` and `s` are roles, `U` is a long message of the user.
    fn history(first: u32, speakers: &str) -> Vec<Message> {
        let message = |(seq, speaker): (u32, char)| {
            let role = match speaker {
                'a' => Role::Assistant,
                's' => Role::System,
                _ => Role::User,
            };
            let text = if speaker == 'U' { "é".repeat(16_000) } else { format!("{speaker}{seq}") };
            let (timestamp, metadata) = (Timestamp::default(), Metadata::default());
            Message { seq, role, content: Content::stored(text), timestamp, metadata, finish_reason: None }
        };
        (first..).zip(speakers.chars()).map(message).collect()
    }

    fn prompt(history: &[Message], max_messages: usize) -> Prompt {
        build_prompt(Personas::built_in().resolve("technical_support").unwrap(), history, max_messages)
    }

    /// Returns the messages of the prompt, a long message as `U`.
    fn prompt_text(history: &[Message], max_messages: usize) -> String {
        let short = |m: PromptMessage| if m.content.len() > 9 { "U".to_owned() } else { m.content };
        prompt(history, max_messages).messages.into_iter().map(short).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn prompts_contain_the_persona_and_the_roles_of_messages() {
        let prompt = prompt(&history(1, "sua"), 20);
        let persona = Personas::built_in().resolve("technical_support").unwrap().clone();
        assert_eq!(prompt.persona.as_str(), "technical_support");
        assert_eq!((prompt.system, prompt.temperature), (persona.system_prompt, persona.temperature));
        assert_eq!(prompt.max_tokens, persona.max_tokens);
        let roles: Vec<_> = prompt.messages.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::System, Role::User, Role::Assistant]);
    }

    #[test]
    fn the_newest_messages_that_fit_are_in_the_prompt_oldest_first() {
        assert_eq!(prompt_text(&history(1, "uauau"), 20), "u1 a2 u3 a4 u5");
        assert_eq!(prompt_text(&history(1, "uauau"), 3), "u3 a4 u5");
        assert_eq!(prompt_text(&history(1, "UUUu"), 20), "U U u4");
        assert_eq!(prompt_text(&[], 20), "");
    }

    #[test]
    fn the_last_user_message_is_always_in_the_prompt() {
        assert_eq!(prompt_text(&history(1, "uauUsss"), 3), "U s6 s7");
        assert_eq!(prompt_text(&history(1, "uuss"), 1), "u2");
        assert_eq!(prompt_text(&history(1, "uUUUU"), 20), "U U U");
        assert_eq!(prompt_text(&history(1, "u"), 0), "u1");
    }

    #[test]
    fn truncated_prompts_do_not_start_with_a_reply() {
        assert_eq!(prompt_text(&history(1, "uauau"), 4), "u3 a4 u5");
        assert_eq!(prompt_text(&history(7, "aau"), 20), "u9");
        assert_eq!(prompt_text(&history(1, "au"), 20), "a1 u2", "this is how it began");
    }

    #[test]
    fn earlier_replies_outside_the_prompt_are_counted() {
        assert_eq!(prompt(&history(1, "u"), 20).earlier_replies, 0);
        assert_eq!(prompt(&history(1, "uauau"), 1).earlier_replies, 2);
        assert_eq!(prompt(&history(41, "uau"), 20).earlier_replies, 21);
    }
}
