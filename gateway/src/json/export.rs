//! A conversation as a file, in JSON and in Markdown.

use super::{Message, Role, Session};
use utoipa::ToSchema;

/// A whole conversation.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what an export writes piece by piece")]
pub(crate) struct Conversation {
    /// The session when the export began.
    session: Session,
    /// Its messages, oldest first.
    messages: Vec<Message>,
}

impl Session {
    /// What callers may have stored this session under.
    pub(crate) fn session_id(&self) -> &str {
        &self.session_id
    }

    /// The head of a file.
    pub(crate) fn markdown(&self) -> String {
        format!(
            "# Conversation: {}\n\n- Session: {}\n- Persona: {}\n- Created: {}\n- Last activity: {}\n- Messages: {}\n",
            escaped(&self.user_id),
            escaped(&self.session_id),
            escaped(&self.persona),
            self.created_at,
            self.last_activity,
            self.message_count,
        )
    }
}

impl Message {
    /// One message of a file. What was said stands as it was said: it may be Markdown itself.
    pub(crate) fn markdown(&self) -> String {
        let speaker = match self.role {
            Role::User => "User",
            Role::Assistant => "Assistant",
            Role::System => "System",
        };
        format!("\n## {}. {speaker}, {}\n\n{}\n", self.seq, self.timestamp, self.content)
    }
}

/// Text that means nothing in Markdown.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_punctuation() && !"-_.,:;'/".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_markup() {
        assert_eq!(escaped("<b>*x*</b> `y` John_Doe-1.2"), r"\<b\>\*x\*\</b\> \`y\` John_Doe-1.2");
    }
}
