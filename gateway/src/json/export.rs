//! Formats of an exported conversation: JSON and Markdown.

use super::{Message, Role, Session};
use utoipa::ToSchema;

/// A whole conversation.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what an export writes piece by piece")]
pub(crate) struct Conversation {
    /// The session at the start of the export.
    session: Session,
    /// Its messages, oldest first.
    messages: Vec<Message>,
}

impl Session {
    /// Returns the label of the session.
    pub(crate) fn session_id(&self) -> &str {
        &self.session_id
    }

    /// Returns the number of messages.
    pub(crate) fn message_count(&self) -> u32 {
        self.message_count
    }

    /// Returns `true` if the other is the same session and not a later one with its name.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.session_id == other.session_id && self.created_at == other.created_at
    }

    /// Returns the head of a Markdown file.
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
    /// Returns a message of a Markdown file. Its text is quoted, because it may contain Markdown that looks like a message.
    pub(crate) fn markdown(&self) -> String {
        let speaker = match self.role {
            Role::User => "User",
            Role::Assistant => "Assistant",
            Role::System => "System",
        };
        let lines = self.content.replace("\r\n", "\n");
        let quoted: String = lines.split(['\n', '\r']).map(|line| format!("> {line}\n")).collect();
        format!("\n## {}. {speaker}, {}\n\n{quoted}", self.seq, self.timestamp)
    }
}

/// Escapes a text for Markdown.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_punctuation() && !"-.,:;'/".contains(character) {
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
        assert_eq!(escaped("<b>*x*</b> `y` _z_ J-1.2"), r"\<b\>\*x\*\</b\> \`y\` \_z\_ J-1.2");
    }
}
