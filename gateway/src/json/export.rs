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

    /// How many messages it holds.
    pub(crate) fn message_count(&self) -> u32 {
        self.message_count
    }

    /// Whether the other one is this session, and not a later one of its handle.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.session_id == other.session_id && self.created_at == other.created_at
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
    /// One message of a file. What was said is quoted: it may be Markdown itself, and must not look like a message.
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

/// Text that means nothing in Markdown.
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
